"""Write pieces of CAMUS' NIfTI layout: what the reader of CAMUS reads back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from synthboost.domain import FrameInfo, SplitPart
from synthboost.files import whole_file, write_text

IMAGES, SPLIT = "database_nifti", "database_split"


def write_frame_nifti(path: Path, array: NDArray[np.uint8], spacing_mm: tuple[float, float]) -> None:
    """Write (H, W) as CAMUS does: the first axis of the file is the width, the second the depth."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((spacing_mm[1], spacing_mm[0]))
    with whole_file(path) as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=True)


def info_text(info: FrameInfo) -> str:
    """Return `Info_*.cfg` of a frame of others' images: its attributes, but not the ejection fraction.

    That is measured on annotations, and is not true of other masks.
    """
    known = info.attributes
    values: dict[str, Any] = {"ED": 1, "ES": 2, "NbFrame": 2, "Sex": known.sex, "Age": known.age}
    values["ImageQuality"] = known.quality
    return "".join(f"{key}: {value}\n" for key, value in values.items() if value is not None)


def write_split_lists(root: Path, names: Mapping[SplitPart, Iterable[str]]) -> None:
    """Write the three lists of patients' names."""
    for part in SplitPart:
        write_text(root / SPLIT / f"subgroup_{part}.txt", "".join(f"{name}\n" for name in names.get(part, ())))
