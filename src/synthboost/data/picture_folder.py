"""A plain folder of pictures as a data set without annotations: what people have before they have a data set.

Folders and file names say who, which view and which phase a picture shows; what they do not say must be given.
Nothing is copied: a picture is read when its frame is.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.lists import IMAGES
from synthboost.data.splits import PICTURES_RELEASE
from synthboost.domain import FrameInfo, GreyImage, PatientId, Phase, SplitPart, View
from synthboost.errors import ConfigError, DataError
from synthboost.io.recording import Spacing
from synthboost.io.recordings import Recording, find_recordings, open_recording, stem
from synthboost.io.tables import write_typed

LIST = "pictures.csv"
VALIDATION_SHARE = 0.1
"""Of the patients, the last by name, who validate; at least one of three or more. Nobody tests."""
_SEPARATED = r"(?:^|(?<=[_\-. ]))(?:{})(?=$|[_\-. ])"
_VIEWS = re.compile(_SEPARATED.format("|".join(View)), re.IGNORECASE)
_PHASES = re.compile(_SEPARATED.format("|".join(Phase)), re.IGNORECASE)


class ListedPicture(TypedDict):
    """A line of `pictures.csv`."""

    frame: str
    picture: str


@dataclass(frozen=True)
class PictureDefaults:
    """What pictures show whose names or headers do not say it; `None` means that they must."""

    view: View | None = None
    phase: Phase | None = None
    spacing_mm: float | None = None
    """Between neighbouring pixels, along rows and columns alike."""

    def __post_init__(self) -> None:
        """Refuse a spacing (`ConfigError`) that is not a length of 0.01 to 10 mm."""
        if self.spacing_mm is not None and not 0.01 <= self.spacing_mm <= 10.0:
            raise ConfigError("pictures", "spacing_mm", self.spacing_mm, "0.01-10 mm")


@dataclass(frozen=True, eq=False)
class PictureFolder(Dataset):
    """The pictures of a folder as unannotated frames."""

    defaults: PictureDefaults = PictureDefaults()

    def image_of(self, info: FrameInfo) -> tuple[GreyImage, Spacing]:
        """Read one picture; see `Dataset.image_of`."""
        recording = _open(self.root / self.files_of(info).image)
        (image,) = recording.frames()
        return image, _spacing(recording, self.defaults)

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the pictures, and of what was said of them; see `Dataset.fingerprint`."""
        return hashlib.sha256(f"{super().fingerprint()} {self.defaults}".encode()).hexdigest()


def open_pictures(root: Path, defaults: PictureDefaults) -> PictureFolder:
    """Read the names and headers of all pictures in a folder and its folders, no pixel.

    A picture directly in `root` is a patient of its own, unless its name is that of another but for view and phase
    (`anna_4CH_ED.png`, `anna_4CH_ES.png`). The pictures in a folder below are one patient; a folder that is called by a
    view or a phase (`anna/4CH`) is none, and says it of all in it. Patients get numbers in the order of their names;
    `write_picture_list` says which number is whom.

    Raises:
        DataError: there is no picture, one is damaged or a clip, its view, phase or spacing is not stated, or two
            pictures of a patient show the same view and phase.
    """
    pictures = find_recordings(root)
    people: dict[str, dict[tuple[View, Phase], Path]] = {}
    for path in pictures:
        name = path.relative_to(root).as_posix()
        if not name.isprintable():
            raise DataError(root, "name of a picture", ascii(name), "printable characters", "Rename the picture.")
        view, phase = _shown(path, root, defaults)
        _spacing(_open(path), defaults)
        frames = people.setdefault(_person(path.relative_to(root)), {})
        if (view, phase) in frames:
            raise DataError(
                path, "view and phase", f"{view} {phase} as {frames[view, phase].name} shows",
                "one picture of a patient for each view and phase", "Put the pictures of other patients elsewhere.",
            )  # fmt: skip
        frames[view, phase] = path
    names = "\n".join(path.relative_to(root).as_posix() for path in pictures)
    # With a hash of the pictures' names: patient0001 of two folders is two people.
    release = f"{PICTURES_RELEASE}{hashlib.sha256(names.encode()).hexdigest()[:12]}"
    digits = max(4, len(str(len(people))))
    patients = [PatientId(release, IMAGES, f"patient{n:0{digits}d}") for n in range(1, len(people) + 1)]
    files = {
        FrameInfo(patient, view, phase): FrameFiles(path.relative_to(root), None)
        for patient, person in zip(patients, sorted(people), strict=True)
        for (view, phase), path in people[person].items()
    }
    training = len(patients) - (round(VALIDATION_SHARE * len(patients)) or int(len(patients) >= 3))
    official = {SplitPart.TRAINING: tuple(patients[:training]), SplitPart.VALIDATION: tuple(patients[training:])}
    return PictureFolder.of(root, release, files, official=official, defaults=defaults)


def write_picture_list(dataset: PictureFolder, out: Path) -> None:
    """Write into the folder `out` which picture each frame is."""
    rows = (ListedPicture(frame=i.name, picture=dataset.files_of(i).image.as_posix()) for i in dataset.frames)
    write_typed(out / LIST, ListedPicture, rows)


def said_by(name: str) -> tuple[str, set[str], set[str]]:
    """What is left of a name without views and phases (`anna` of `anna_4CH_ED`), and which views and phases it says."""
    views, phases = ({found.upper() for found in pattern.findall(name)} for pattern in (_VIEWS, _PHASES))
    parts = re.split(r"[_\-. ]+", _PHASES.sub("", _VIEWS.sub("", name)))
    return "_".join(part for part in parts if part), views, phases


def _shown(path: Path, root: Path, defaults: PictureDefaults) -> tuple[View, Phase]:
    nobody = (part for part in path.relative_to(root).parts[:-1] if not said_by(part)[0])
    _, views, phases = said_by(" ".join((*nobody, stem(path))))
    view = View(views.pop()) if len(views) == 1 else None if views else defaults.view
    phase = Phase(phases.pop()) if len(phases) == 1 else None if phases else defaults.phase
    if view is None or phase is None:
        what, words = ("view", View) if view is None else ("phase", Phase)
        raise DataError(
            path, what, "not stated, or more than one", f"one of {', '.join(words)} in the name, as x_4CH_ED.png",
            f"Rename the picture, or say with --{what} what all show whose names do not.",
        )  # fmt: skip
    return view, phase


def _person(picture: Path) -> str:
    folders = [part for part in picture.parts[:-1] if said_by(part)[0]]  # `4CH` and `ED` are nobody
    return "/".join(folders) + "/" if folders else said_by(stem(picture))[0]


def _open(path: Path) -> Recording:
    recording = open_recording(path)
    if recording.length != 1:
        raise DataError(
            path, "frames", recording.length, "one: which frames of a clip are ED and ES is not known here",
            "Save the two frames as pictures; `synthboost predict` draws in whole clips.",
        )  # fmt: skip
    return recording


def _spacing(recording: Recording, defaults: PictureDefaults) -> Spacing:
    if recording.spacing_mm is not None:
        return recording.spacing_mm
    if defaults.spacing_mm is None:
        raise DataError(
            recording.path, "pixel spacing", "not stated", "mm between neighbouring pixels",
            "Give --pictures spacing-mm=NUMBER: what the masks are checked by, and areas, are in mm.",
        )  # fmt: skip
    return defaults.spacing_mm, defaults.spacing_mm
