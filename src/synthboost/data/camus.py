"""CAMUS: the current release, NIfTI, which our own sets imitate; and the first, MetaImage."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.info_cfg import merge_views, read_info
from synthboost.data.lists import (
    FRAMES_CSV,
    IMAGES,
    PATIENT_NAME,
    Provenance,
    read_frames_csv,
    read_split_lists,
)
from synthboost.domain import Domain, FrameInfo, PatientId, Phase, SplitPart, View
from synthboost.errors import DataError, readable, shown


class CamusNifti(Dataset):
    """`database_nifti/patientXXXX/`, split lists; `frames.csv` if synthetic."""

    looks_for: ClassVar[str] = f"{IMAGES}/patientXXXX/patientXXXX_2CH_ED.nii.gz"
    RELEASE: ClassVar[str] = "camus-nifti"

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The root of the release if `path` is it, or is its `database_nifti`; else `None`."""
        if (path / IMAGES).is_dir():
            return path
        absolute = path.absolute()  # "." has no name of its own
        return absolute.parent if absolute.name == IMAGES else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read the release; see `Dataset.open`.

        A synthetic set states in `frames.csv` which release its patients are of, and which frames it has: of some
        patients there may be fewer than four.
        """
        path = root / FRAMES_CSV
        release, listed = read_frames_csv(path, cls.RELEASE, IMAGES) if path.is_file() else (cls.RELEASE, None)
        patients = find_patients(root / IMAGES, release)
        official, lists = read_split_lists(root, release, IMAGES)
        files, texts, missing = _read_patients(root, patients, ".nii.gz", allow_missing, listed)
        without_folder = [
            f"{patient.folder}/{patient.name} (listed for {part}, no folder)"
            for part in official
            for patient in sorted(set(official[part]) - set(patients))
        ]
        if listed is None:
            lost, side_files = [], (*lists, *texts)
        else:
            if unlisted := [info.name for info in files if info.name not in listed]:
                raise DataError(
                    path, f"{len(unlisted)} frames without a line", shown(unlisted), "one line per frame",
                    "Without it such a frame could be real or synthetic.",
                )  # fmt: skip
            folders = {patient.name for patient in patients}
            lost = [f"{name} (in {FRAMES_CSV}, no folder)" for name in listed if name.split("_")[0] not in folders]
            side_files = (*lists, *texts, Path(FRAMES_CSV))
        absent = (*missing, *without_folder, *lost)
        return cls.of(root, release, files, side_files=side_files, official=official, absent=absent)


class CamusMhd(Dataset):
    """`training/patientXXXX/*.mhd` and `testing/patientXXXX/*.mhd`.

    Both folders number their patients from 0001: patient0001 is two people, and only the folder tells which.
    """

    looks_for: ClassVar[str] = "training/patientXXXX/patientXXXX_2CH_ED.mhd"
    RELEASE: ClassVar[str] = "camus-mhd"
    FOLDERS: ClassVar[Mapping[str, SplitPart]] = {"training": SplitPart.TRAINING, "testing": SplitPart.TESTING}

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """`path` if the release lies in it, else `None`."""
        headers = (path.glob(f"{folder}/patient*/*.mhd") for folder in cls.FOLDERS)
        return path if any(next(found, None) for found in headers) else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read the release; see `Dataset.open`. Its official split is its two folders; it has no validation part."""
        by_folder = {f: find_patients(root / f, cls.RELEASE) for f in cls.FOLDERS if (root / f).is_dir()}
        official = {cls.FOLDERS[folder]: tuple(patients) for folder, patients in by_folder.items()}
        everyone = [patient for patients in by_folder.values() for patient in patients]
        files, texts, missing = _read_patients(root, everyone, ".mhd", allow_missing)
        return cls.of(root, cls.RELEASE, files, side_files=texts, official=official, absent=missing)


def find_patients(parent: Path, release: str, pattern: re.Pattern[str] = PATIENT_NAME) -> list[PatientId]:
    """Return the patients whose folders lie in `parent`, sorted; hidden folders and results of `predict` are none.

    Raises:
        DataError: another folder lies there, so `Patient0001` too, whether the disk tells upper from lower case or not.
    """
    names = sorted(entry.name for entry in _entries(parent) if entry.is_dir() and not entry.name.startswith("."))
    names = [name for name in names if not name.endswith("-predicted")]
    foreign = [ascii(unicodedata.normalize("NFC", name)) for name in names if not pattern.fullmatch(name)]
    if foreign:
        raise DataError(
            parent, "folders", shown(foreign), "only folders named like patient0001",
            "Move other folders away: a patient that is not recognised would silently be left out.",
        )  # fmt: skip
    return [PatientId(release, parent.name, name) for name in names]


def _read_patients(
    root: Path,
    patients: Sequence[PatientId],
    suffix: str,
    allow_missing: bool,
    listed: Mapping[str, Provenance] | None = None,
) -> tuple[dict[FrameInfo, FrameFiles], tuple[Path, ...], tuple[str, ...]]:
    """Read all patients' folders, no pixel: their frames, other files that were read, and files that are missing."""
    files: dict[FrameInfo, FrameFiles] = {}
    texts, missing = list[Path](), list[str]()
    for patient in patients:
        own, own_texts, own_missing = _read_patient(root, patient, suffix, listed)
        files |= own
        texts += own_texts
        missing += [path.as_posix() for path in own_missing]
    if missing and not allow_missing:
        raise DataError(
            root, f"{len(missing)} missing files", shown(missing, 20),
            "all frames, label maps and Info_*.cfg of every patient",
            "Complete the data set; or --allow-missing skips such patients, where a verb has it.",
        )  # fmt: skip
    if not files:
        raise DataError(root, "patients", f"none complete of {len(patients)}", "at least one patient with all files")
    return files, tuple(texts), tuple(missing)


def _read_patient(
    root: Path, patient: PatientId, suffix: str, listed: Mapping[str, Provenance] | None
) -> tuple[dict[FrameInfo, FrameFiles], list[Path], list[Path]]:
    """As `_read_patients`; if any file is missing, the rest is empty: a patient is used whole or not at all.

    A patient with no label map at all is simply not annotated; with some, the lacking ones count as missing. The frames
    are those `listed` (of all patients), or four.
    """
    folder = Path(patient.folder) / patient.name
    present = {entry.name for entry in _entries(root / folder) if entry.is_file()}
    stems = {(view, phase): f"{patient.name}_{view}_{phase}" for view in View for phase in Phase}
    if listed is not None:
        # What is there and not listed is kept, so that the caller refuses it.
        stems = {key: stem for key, stem in stems.items() if stem in listed or f"{stem}{suffix}" in present}
    annotated = any(f"{stem}_gt{suffix}" in present for stem in stems.values())
    files = {
        key: FrameFiles(folder / f"{stem}{suffix}", folder / f"{stem}_gt{suffix}" if annotated else None)
        for key, stem in stems.items()
    }
    texts = {view: folder / f"Info_{view}.cfg" for view, _ in stems}
    needed = [*texts.values(), *(path for of_frame in files.values() for path in of_frame.all)]
    if missing := [path for path in needed if path.name not in present]:
        return {}, [], missing
    paths = {view: root / path for view, path in texts.items()}
    attributes = merge_views(paths, {view: read_info(path) for view, path in paths.items()})
    origin = {} if listed is None else listed
    frames = {
        FrameInfo(patient, *key, attributes[key[0]], *origin.get(stem, (Domain.REAL, None))): files[key]
        for key, stem in stems.items()
    }
    return frames, list(texts.values()), []


def _entries(folder: Path) -> list[Path]:
    with readable(folder, "a folder that can be listed"):
        return list(folder.iterdir())
