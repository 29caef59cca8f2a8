"""Simulated sets as they are read: in tar shards, or without an image, drawn when they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypedDict

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.info_cfg import attributes_of
from synthboost.data.lists import IMAGES as FOLDER
from synthboost.data.lists import read_split_lists
from synthboost.domain import Domain, Frame, FrameInfo, GreyImage, LabelMap, PatientId, Phase, View
from synthboost.errors import DataError
from synthboost.io.pictures import read_grey_png
from synthboost.io.recording import Spacing, check_spacing, to_label_map
from synthboost.io.shards import ATTRIBUTES, IMAGE, INDEX, MANIFEST, MASK, Place, read_index, read_member
from synthboost.io.tables import read_typed

if TYPE_CHECKING:
    from synthboost.simulator.settings import SimulationSettings

RECORD = "simulation.json"
"""At the root: the settings. In a patient's folder: what is known of the patient besides CAMUS' keys."""
HEARTS = "hearts.csv"
"""Who is in a set that is drawn when it is read."""


def patient_name(number: int) -> str:
    """CAMUS' name of a patient, `patient0001`."""
    return f"patient{number:04d}"


class HeartRow(TypedDict):
    """One patient, as `Info_*.cfg` would have it; measured on the label maps: EF by CAMUS' algorithm, and the wall."""

    number: int
    sex: str
    age: int
    quality_2ch: str
    quality_4ch: str
    ejection_fraction: int
    wall_thickness_mm: float | None


@dataclass(frozen=True, eq=False)
class Shards(Dataset):
    """Tar shards: found by `index.json`, read one by one in any order."""

    looks_for: ClassVar[str] = f"{INDEX} and {MANIFEST} beside shard-000000.tar"
    members: Mapping[str, tuple[Place, Place, Spacing]] = field(default_factory=dict)
    """Name of a frame -> where image and label map are in its shard, and the spacing, which a PNG has not."""
    sums: Mapping[str, str] = field(default_factory=dict)
    """Name of a shard -> its SHA-256 (hex) by the index."""

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder itself if it holds an index and a manifest; else `None`."""
        return path if (path / INDEX).is_file() and (path / MANIFEST).is_file() else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read index and attributes, no pixel. A lost shard is an error whatever `allow_missing` says.

        Raises:
            DataError: the index does not fit the shards, a shard is lost or truncated, or attributes are broken.
        """
        sums, frames = read_index(root)
        files: dict[FrameInfo, FrameFiles] = {}
        members: dict[str, tuple[Place, Place, Spacing]] = {}
        for key, shard, (image, mask, attributes) in frames:
            info, spacing_mm = _in_shard(root / shard, key, attributes)
            files[info] = FrameFiles(Path(shard), Path(shard))
            members[key] = (image, mask, spacing_mm)
        if len(members) != len(frames) or not members:
            raise DataError(root / INDEX, "frames", len(frames), "at least one, and each once")
        [(release, folder), *others] = {(info.patient.release, info.patient.folder) for info in files}
        if others:
            raise DataError(root, "releases of the patients", len(others) + 1, "one", "Give each set a folder.")
        official, lists = read_split_lists(root, release, folder)
        side_files = (Path(INDEX), *lists)
        return cls.of(root, release, files, side_files=side_files, official=official, members=members, sums=sums)

    def image_of(self, info: FrameInfo) -> tuple[GreyImage, Spacing]:
        """Read the frame's member; see `Dataset.image_of`."""
        place, _, spacing_mm = self.members[info.name]
        return self._pixels(info, IMAGE, place)[1], spacing_mm

    def label_map_of(self, info: FrameInfo, shape: tuple[int, ...]) -> tuple[LabelMap, None]:
        """Read the frame's member; see `Dataset.label_map_of`."""
        return to_label_map(*self._pixels(info, MASK, self.members[info.name][1])), None

    def _pixels(self, info: FrameInfo, kind: str, place: Place) -> tuple[Path, GreyImage]:
        shard = self.root / self.files_of(info).image
        path = shard / f"{info.name}.{kind}"
        return path, read_grey_png(path, read_member(shard, path.name, place))

    def broken_files(self) -> list[Path]:
        """The shards whose bytes are not those of the index; see `Dataset.broken_files`."""
        return [Path(name) for name, stated in self.sums.items() if Dataset.digest(self, Path(name)).hex() != stated]

    def digest(self, path: Path) -> bytes:
        """See `Dataset.digest`; so no run trains on a shard that was changed.

        Raises:
            DataError: also if the index states another one.
        """
        found = super().digest(path)
        if self.sums.get(path.name, found.hex()) != found.hex():
            raise DataError(self.root / path, "checksum", found.hex()[:12], f"that of {INDEX}", "Copy the set again.")
        return found


class OnTheFly(Dataset):
    """Settings and attributes. The simulator is loaded here alone: other data sets do not need it."""

    looks_for: ClassVar[str] = f"{HEARTS} beside {RECORD}"
    has_images: ClassVar[bool] = False

    @cached_property
    def settings(self) -> SimulationSettings:
        """What is simulated."""
        from synthboost.data.simulated_set import settings_of

        return settings_of(self.root)

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder itself if hearts and settings are in it; else `None`."""
        return path if (path / HEARTS).is_file() and (path / RECORD).is_file() else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read who is in the set; nothing is drawn. Nothing can be missing, whatever `allow_missing` says.

        Raises:
            DataError: settings or attributes are broken, or of another version of the simulator.
        """
        from synthboost.data.simulated_set import release_name, settings_of

        settings = settings_of(root)
        release = release_name(settings)
        frames = tuple(_drawn(root, release))
        if [info.patient.name for info in frames[::4]] != [*map(patient_name, settings.patient_numbers)]:
            raise DataError(root / HEARTS, "patients", len(frames) // 4, f"each of {settings.patients} once, in order")
        official, lists = read_split_lists(root, release, FOLDER)
        files = dict.fromkeys(frames, FrameFiles(Path(RECORD), Path(RECORD)))
        return cls.of(root, release, files, side_files=(Path(HEARTS), *lists), official=official)

    def read(self, info: FrameInfo, annotated: bool) -> Frame:
        """Draw one frame: the same pixels and masks as a set on disk has; see `Dataset.read`."""
        from synthboost.simulator.render import simulate_frame

        self.files_of(info)
        assert info.view is not None
        assert info.phase is not None
        drawn = simulate_frame(int(info.patient.name.removeprefix("patient")), self.settings, info.view, info.phase)
        return Frame(info, drawn.image, drawn.label_map if annotated else None, drawn.spacing_mm)


def _in_shard(shard: Path, key: str, place: Place) -> tuple[FrameInfo, Spacing]:
    member = shard / f"{key}.{ATTRIBUTES}"
    text = read_member(shard, member.name, place)
    try:
        facts: dict[str, Any] = json.loads(text)
        said = {key: facts[name] for key, name in _KEYS.items()}
        patient, view, phase = PatientId(**facts["patient"]), View(facts["view"]), Phase(facts["phase"])
        info = FrameInfo(patient, view, phase, attributes_of(member, said), Domain(facts["domain"]))
        rows, columns = map(float, facts["spacing_mm"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DataError(member, "attributes", repr(error), "a frame's attributes; does the index fit?") from error
    except DataError as error:
        raise DataError(member, error.field, error.value, error.expected) from error
    if info.name != key:
        raise DataError(member, "frame", info.name, f"{key}, as the index says")
    return info, check_spacing(member, "spacing_mm", (rows, columns))


def _drawn(root: Path, release: str) -> Iterator[FrameInfo]:
    for row in read_typed(root / HEARTS, HeartRow):
        patient = PatientId(release, FOLDER, patient_name(row["number"]))
        for view, phase in product(View, Phase):
            said = {**row, "quality": row["quality_2ch" if view is View.TWO_CHAMBER else "quality_4ch"]}
            known = attributes_of(f"{root / HEARTS}: {patient.name}", {key: said[name] for key, name in _KEYS.items()})
            yield FrameInfo(patient, view, phase, known, Domain.SIMULATED)


_KEYS = {
    "Sex": "sex", "Age": "age", "ImageQuality": "quality", "EF": "ejection_fraction",
    "WallThickness": "wall_thickness_mm",
}  # fmt: skip
