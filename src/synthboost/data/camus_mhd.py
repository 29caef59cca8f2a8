"""CAMUS as MetaImage, the first release: `training/patientXXXX/*.mhd` and `testing/patientXXXX/*.mhd`.

Both folders number their patients from 0001: patient0001 is two people, and only the folder tells which.
"""

from __future__ import annotations

from pathlib import Path

from synthboost.data.assembly import assemble
from synthboost.data.dataset import Dataset
from synthboost.data.patient_folder import find_patients
from synthboost.domain import SplitPart

RELEASE = "camus-mhd"
PATIENT_FOLDERS = {"training": SplitPart.TRAINING, "testing": SplitPart.TESTING}
LOOKS_FOR = "training/patientXXXX/patientXXXX_2CH_ED.mhd"


def find_root(path: Path) -> Path | None:
    """`path` if the release lies in it, else `None`."""
    headers = (path.glob(f"{folder}/patient*/*.mhd") for folder in PATIENT_FOLDERS)
    return path if any(next(found, None) for found in headers) else None


def read_camus_mhd(root: Path, allow_missing: bool = False) -> Dataset:
    """Read the release at `root`, no pixel. Its official split is its two folders; it has no validation part.

    Raises:
        DataError: a file is missing (unless allowed) or is not as it should be.
    """
    by_folder = {f: find_patients(root / f, RELEASE) for f in PATIENT_FOLDERS if (root / f).is_dir()}
    official = {PATIENT_FOLDERS[folder]: tuple(patients) for folder, patients in by_folder.items()}
    everyone = [patient for patients in by_folder.values() for patient in patients]
    return assemble(root, RELEASE, everyone, ".mhd", official, [], allow_missing)
