"""CAMUS: the current release, NIfTI, which our own sets imitate; and the first, MetaImage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.lists import FRAMES_CSV, IMAGES, apply_provenance, read_frames_csv, read_split_lists
from synthboost.data.patient_folder import find_patients, read_patient
from synthboost.domain import FrameInfo, PatientId, SplitPart
from synthboost.errors import DataError

_SHOWN = 20


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
        synthetic = path.is_file()
        release, listed = read_frames_csv(path, cls.RELEASE, IMAGES) if synthetic else (cls.RELEASE, {})
        patients = find_patients(root / IMAGES, release)
        official, lists = read_split_lists(root, release, IMAGES)
        files, texts, missing = _read_patients(root, patients, ".nii.gz", allow_missing, listed if synthetic else None)
        dataset = cls.of(
            root, release, files, side_files=(*lists, *([Path(FRAMES_CSV)] if synthetic else []), *texts),
            official=official, absent=(*missing, *_listed_without_folder(official, patients)),
        )  # fmt: skip
        if not synthetic:
            return dataset
        folders = {patient.name for patient in patients}
        lost = [f"{name} (in {FRAMES_CSV}, no folder)" for name in listed if name.split("_")[0] not in folders]
        frames = apply_provenance(path, dataset.frames, listed)
        return replace(dataset, frames=frames, absent=(*dataset.absent, *lost))


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


def _read_patients(
    root: Path,
    patients: Sequence[PatientId],
    suffix: str,
    allow_missing: bool,
    listed: Collection[str] | None = None,
) -> tuple[dict[FrameInfo, FrameFiles], tuple[Path, ...], tuple[str, ...]]:
    """Read all patients' folders, no pixel: their frames, other files that were read, and files that are missing."""
    files: dict[FrameInfo, FrameFiles] = {}
    texts, missing = list[Path](), list[Path]()
    for patient in patients:
        own, own_texts, own_missing = read_patient(root, patient, suffix, listed)
        files |= own
        texts += own_texts
        missing += own_missing
    if missing and not allow_missing:
        _refuse_missing(root, missing)
    if not files:
        raise DataError(root, "patients", f"none complete of {len(patients)}", "at least one patient with all files")
    return files, tuple(texts), tuple(path.as_posix() for path in missing)


def _refuse_missing(root: Path, missing: list[Path]) -> None:
    shown = ", ".join(path.as_posix() for path in missing[:_SHOWN])
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    raise DataError(
        root, f"{len(missing)} missing files", shown + more, "all frames, label maps and Info_*.cfg of every patient",
        "Complete the data set, or allow missing files: such patients are then skipped and counted.",
    )  # fmt: skip


def _listed_without_folder(
    official: Mapping[SplitPart, tuple[PatientId, ...]], patients: Sequence[PatientId]
) -> list[str]:
    return [
        f"{patient.folder}/{patient.name} (listed for {part}, no folder)"
        for part, listed in official.items()
        for patient in sorted(set(listed) - set(patients))
    ]
