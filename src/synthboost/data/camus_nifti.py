"""CAMUS as NIfTI, the current release: `database_nifti/patientXXXX/`, split lists; `frames.csv` if synthetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from synthboost.data.assembly import assemble
from synthboost.data.camus_layout import FRAMES_CSV
from synthboost.data.dataset import Dataset
from synthboost.data.frames_csv import apply_provenance, read_frames_csv
from synthboost.data.patient_folder import find_patients
from synthboost.data.subgroups import read_subgroups

RELEASE = "camus-nifti"
PATIENTS_FOLDER = "database_nifti"
LOOKS_FOR = f"{PATIENTS_FOLDER}/patientXXXX/patientXXXX_2CH_ED.nii.gz"


def find_root(path: Path) -> Path | None:
    """The root of the release if `path` is it, or is its `database_nifti`; else `None`."""
    if (path / PATIENTS_FOLDER).is_dir():
        return path
    absolute = path.absolute()  # "." has no name of its own
    return absolute.parent if absolute.name == PATIENTS_FOLDER else None


def read_camus_nifti(root: Path, allow_missing: bool = False) -> Dataset:
    """Read the release at `root`, no pixel.

    A synthetic set states in `frames.csv` which release its patients are of, and which frames it has: of some patients
    there may be fewer than four.

    Raises:
        DataError: a file is missing (unless allowed) or is not as it should be.
    """
    path = root / FRAMES_CSV
    listed = read_frames_csv(path, RELEASE, PATIENTS_FOLDER) if path.is_file() else None
    release = listed.release if listed else RELEASE
    patients = find_patients(root / PATIENTS_FOLDER, release)
    official, lists = read_subgroups(root, release, PATIENTS_FOLDER)
    side_files = [*lists, *([Path(FRAMES_CSV)] if listed else [])]
    names = listed.frames.keys() if listed else None
    dataset = assemble(root, release, patients, ".nii.gz", official, side_files, allow_missing, names)
    if listed is None:
        return dataset
    folders = {patient.name for patient in patients}
    lost = [f"{name} (in {FRAMES_CSV}, no folder)" for name in listed.frames if name.partition("_")[0] not in folders]
    return replace(
        dataset,
        frames=apply_provenance(path, dataset.frames, listed.frames),
        absent=(*dataset.absent, *lost),
    )
