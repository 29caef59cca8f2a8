"""Read the folder of one patient: two views, two phases, one `Info_*.cfg` per view; the same in both releases."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from pathlib import Path

from synthboost.data.dataset import FrameFiles
from synthboost.data.info_cfg import merge_views, read_info
from synthboost.data.lists import PATIENT_NAME
from synthboost.domain import FrameInfo, PatientId, Phase, View
from synthboost.errors import DataError


def find_patients(parent: Path, release: str) -> list[PatientId]:
    """The patients whose folders lie in `parent`, sorted; hidden folders and plain files are passed over.

    Raises:
        DataError: a folder is not called `patient` and 4-8 digits (so `Patient0001` is found too, on disks that tell
            upper from lower case), or `parent` cannot be listed.
    """
    names = sorted(entry.name for entry in _entries(parent) if entry.is_dir() and not entry.name.startswith("."))
    foreign = [ascii(unicodedata.normalize("NFC", name)) for name in names if not PATIENT_NAME.fullmatch(name)]
    if foreign:
        raise DataError(
            parent, "folders", ", ".join(foreign[:10]), "only folders named like patient0001",
            "Move other folders away: a patient that is not recognised would silently be left out.",
        )  # fmt: skip
    return [PatientId(release, parent.name, name) for name in names]


def read_patient(
    root: Path, patient: PatientId, suffix: str, listed: Collection[str] | None = None
) -> tuple[dict[FrameInfo, FrameFiles], list[Path], list[Path]]:
    """Read names and attributes of a patient's frames, no pixel.

    A patient with no label map at all is simply not annotated; with some, the lacking ones count as missing.

    Args:
        root: of the data set.
        patient: whose `folder` is the folder in `root` that holds the patient's.
        suffix: the end of image names, `.nii.gz` or `.mhd`.
        listed: names of the frames that the set says it has, of all patients; `None`: four of every patient.

    Returns:
        The frames, the other files that were read, and those that are missing; if any are, the rest is empty: a
        patient is used whole or not at all. Paths are relative to `root`.

    Raises:
        DataError: an `Info_*.cfg` is not as it should be.
    """
    folder = Path(patient.folder) / patient.name
    present = {entry.name for entry in _entries(root / folder) if entry.is_file()}
    stems = {(view, phase): f"{patient.name}_{view}_{phase}" for view in View for phase in Phase}
    if listed is not None:
        # What is there and not listed is kept, so that `apply_provenance` refuses it.
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
    frames = {FrameInfo(patient, view, phase, attributes[view]): files[view, phase] for view, phase in stems}
    return frames, list(texts.values()), []


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise DataError(folder, "folder", error.strerror or error, "a folder that can be listed") from error
