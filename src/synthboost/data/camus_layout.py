"""Write pieces of CAMUS' NIfTI layout, and the list of frames of sets that are not CAMUS: what is read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import Domain, Frame, FrameInfo, SplitPart, View
from synthboost.io.atomic import write_csv, write_text
from synthboost.io.nifti import new_header, write_nifti

IMAGES, SPLIT = "database_nifti", "database_split"
FRAMES_CSV = "frames.csv"
FRAMES_COLUMNS = ("frame", "domain", "source_patient", "source_split", "generator", "generator_version", "seed")
RELEASE_COLUMN = "release"
"""Optional, the last: the release that the set's patients belong to, the same in every line."""


@dataclass(frozen=True)
class Listed:
    """One line of `frames.csv`, but for what all lines of a set share."""

    name: str
    """E.g. `patient0001_2CH_ED`."""
    release: str
    """What its patient's name means."""
    source_patient: str = ""
    """The real patient behind it, if there is one."""
    source_split: str = ""
    """The part in which that patient is."""


def write_frame_nifti(path: Path, array: NDArray[np.uint8], spacing_mm: tuple[float, float]) -> None:
    """Write (H, W) as CAMUS does: the first axis of the file is the width, the second the depth."""
    write_nifti(path, [array], new_header(array.shape, spacing_mm))


def write_clip_nifti(path: Path, array: NDArray[np.uint8], spacing_mm: tuple[float, float]) -> None:
    """Write (T, H, W) as CAMUS' half sequences: width, depth, time; the step in time is in `Info_*.cfg`."""
    write_nifti(path, array, new_header(array.shape[1:], spacing_mm, len(array)))


def write_frames(folder: Path, name: str, frames: Iterable[Frame], ejection_fraction: bool = False) -> None:
    """Write images, label maps and `Info_*.cfg` of one patient.

    Args:
        folder: the patient's, still under its temporary name (`files.whole_folder`).
        name: of the patient.
        frames: of one patient, who may have another name in them.
        ejection_fraction: see `info_text`.
    """
    of_view: dict[View, FrameInfo] = {}
    for frame in frames:
        stem = f"{name}_{frame.info.view}_{frame.info.phase}"
        write_frame_nifti(folder / f"{stem}.nii.gz", frame.image, frame.spacing_mm)
        if frame.label_map is not None:
            write_frame_nifti(folder / f"{stem}_gt.nii.gz", frame.label_map, frame.spacing_mm)
        of_view.setdefault(frame.info.view, frame.info)
    for view, info in of_view.items():
        write_text(folder / f"Info_{view}.cfg", info_text(info, ejection_fraction))


def info_text(info: FrameInfo, ejection_fraction: bool = False) -> str:
    """Return `Info_*.cfg` of a frame of others' images.

    Args:
        info: its attributes are written.
        ejection_fraction: that too, and the wall. They are measured on masks: true only where these stay as they are.
    """
    known = info.attributes
    values: dict[str, Any] = {"ED": 1, "ES": 2, "NbFrame": 2, "Sex": known.sex, "Age": known.age}
    values["ImageQuality"] = known.quality
    if ejection_fraction and known.ejection_fraction is not None:
        values["EF"] = f"{known.ejection_fraction:g}"
    if ejection_fraction and known.wall_thickness_mm is not None:
        values["WallThickness"] = f"{known.wall_thickness_mm:g}"
    return "".join(f"{key}: {value}\n" for key, value in values.items() if value is not None)


def write_split_lists(root: Path, names: Mapping[SplitPart, Iterable[str]]) -> None:
    """Write the three lists of patients' names."""
    for part in SplitPart:
        write_text(root / SPLIT / f"subgroup_{part}.txt", "".join(f"{name}\n" for name in names.get(part, ())))


def write_frames_csv(
    root: Path, frames: Iterable[Listed], domain: Domain, generator: str, version: str, seed: int
) -> None:
    """Write `frames.csv`: where each frame of the set comes from, all of one domain and by one generator."""
    rows = (
        {
            "frame": frame.name,
            "domain": domain,
            "source_patient": frame.source_patient,
            "source_split": frame.source_split,
            "generator": generator,
            "generator_version": version,
            "seed": seed,
            RELEASE_COLUMN: frame.release,
        }
        for frame in frames
    )
    write_csv(root / FRAMES_CSV, (*FRAMES_COLUMNS, RELEASE_COLUMN), rows)
