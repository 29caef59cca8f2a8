"""Put a data set together from its patients' folders: what both releases have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from synthboost.data.dataset import Dataset, FrameFiles, FrameKey
from synthboost.data.patient_folder import read_patient
from synthboost.domain import FrameInfo, PatientId, SplitPart
from synthboost.errors import DataError

_SHOWN = 20


def assemble(
    root: Path,
    release: str,
    patients: Sequence[PatientId],
    suffix: str,
    official: Mapping[SplitPart, tuple[PatientId, ...]],
    side_files: Sequence[Path],
    allow_missing: bool,
    listed: Collection[str] | None = None,
) -> Dataset:
    """Read all patients' folders (no pixel) into a data set.

    Args:
        suffix: the end of image names.
        official: the split that the release states.
        side_files: files that were read besides the patients' own, relative to `root`.
        allow_missing: skip patients of whom a file is missing, and list them in `absent`.
        listed: see `read_patient`.

    Raises:
        DataError: a file is missing and that is not allowed, or there is no patient left, or a file is broken.
    """
    frames: dict[FrameInfo, FrameFiles] = {}
    all_side_files, missing = list(side_files), list[Path]()
    for patient in patients:
        folder = read_patient(root, patient, suffix, listed)
        frames |= folder.frames
        all_side_files += folder.side_files
        missing += folder.missing
    if missing and not allow_missing:
        _refuse_missing(root, missing)
    if not frames:
        raise DataError(root, "patients", f"none complete of {len(patients)}", "at least one patient with all files")
    files: dict[FrameKey, FrameFiles] = {(i.patient, i.view, i.phase): f for i, f in frames.items()}
    return Dataset(
        root=root,
        release=release,
        frames=tuple(sorted(frames, key=lambda i: (i.patient, i.view, i.phase))),
        files=files,
        side_files=tuple(all_side_files),
        official=dict(official),
        absent=(*(path.as_posix() for path in missing), *_listed_without_folder(official, patients)),
    )


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
