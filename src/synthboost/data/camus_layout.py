"""Write pieces of CAMUS' NIfTI layout: what the reader of CAMUS reads back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from synthboost.domain import Frame, FrameInfo, SplitPart, View
from synthboost.files import whole_file, write_text

IMAGES, SPLIT = "database_nifti", "database_split"


def write_frame_nifti(path: Path, array: NDArray[np.uint8], spacing_mm: tuple[float, float]) -> None:
    """Write (H, W) as CAMUS does: the first axis of the file is the width, the second the depth."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((spacing_mm[1], spacing_mm[0]))
    with whole_file(path) as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=True)


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
        ejection_fraction: that too. It is measured on masks, so it is true only where the masks stay as they are.
    """
    known = info.attributes
    values: dict[str, Any] = {"ED": 1, "ES": 2, "NbFrame": 2, "Sex": known.sex, "Age": known.age}
    values["ImageQuality"] = known.quality
    if ejection_fraction and known.ejection_fraction is not None:
        values["EF"] = f"{known.ejection_fraction:g}"
    return "".join(f"{key}: {value}\n" for key, value in values.items() if value is not None)


def write_split_lists(root: Path, names: Mapping[SplitPart, Iterable[str]]) -> None:
    """Write the three lists of patients' names."""
    for part in SplitPart:
        write_text(root / SPLIT / f"subgroup_{part}.txt", "".join(f"{name}\n" for name in names.get(part, ())))
