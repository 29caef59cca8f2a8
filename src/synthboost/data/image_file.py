"""Read an image or a label map from any known kind of file, safely: the one door between disk and pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from synthboost.data.sdm_labels import read_sdm_labels
from synthboost.domain import GreyImage, LabelMap
from synthboost.errors import DataError
from synthboost.io.mhd import read_mhd
from synthboost.io.nifti import read_nifti
from synthboost.io.pixels import Spacing, to_grey_image, to_label_map
from synthboost.io.png import read_png

FileReader: TypeAlias = Callable[[Path], tuple[NDArray[Any], Spacing]]
FILE_READERS: dict[str, FileReader] = {
    ".nii.gz": read_nifti,
    ".nii": read_nifti,
    ".mhd": read_mhd,
    ".png": read_png,
}
"""From the end of a file's name to its reader, which gives pixels (rows, columns) and spacing (rows, columns) in mm."""
LABEL_READERS: dict[str, FileReader] = {**FILE_READERS, ".png": read_sdm_labels}
"""The same for label maps: those in PNG come in two codings, of which only their histogram tells."""
SPACING_TOLERANCE = 1e-3
"""Relative; image and label map may come from programs that round differently."""


def read_image(path: Path) -> tuple[GreyImage, Spacing]:
    """Read a grey image as (H, W) uint8, rows running away from the probe, and its spacing in mm.

    Raises:
        DataError: anything about the file is not as it should be; see the reader of its kind.
    """
    pixels, spacing_mm = _reader(path, FILE_READERS)(path)
    return to_grey_image(path, pixels), spacing_mm


def read_label_map(path: Path) -> tuple[LabelMap, Spacing]:
    """Read a label map as (H, W) uint8 with values 0-3, and its spacing in mm.

    Raises:
        DataError: as for `read_image`, or there are other labels.
    """
    pixels, spacing_mm = _reader(path, LABEL_READERS)(path)
    return to_label_map(path, pixels), spacing_mm


def read_annotated(image_path: Path, label_path: Path) -> tuple[GreyImage, LabelMap, Spacing]:
    """Read an image and its label map, which must lie on the same grid.

    Raises:
        DataError: as above, or sizes or spacings differ; names both.
    """
    image, spacing_mm = read_image(image_path)
    label_map, label_spacing_mm = read_label_map(label_path)
    if image.shape != label_map.shape:
        raise DataError(
            label_path, "size", _size(label_map), f"{_size(image)} as {image_path.name} has",
            "Resample the label map with nearest neighbour, or find the one that belongs to this image.",
        )  # fmt: skip
    if not np.allclose(spacing_mm, label_spacing_mm, rtol=SPACING_TOLERANCE, atol=0):
        raise DataError(
            label_path, "spacing (rows, columns) in mm", label_spacing_mm, f"{spacing_mm} as {image_path.name} has"
        )
    return image, label_map, spacing_mm


def _size(pixels: NDArray[Any]) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]} (columns x rows)"


def _reader(path: Path, readers: Mapping[str, FileReader]) -> FileReader:
    for suffix, reader in readers.items():
        if path.name.lower().endswith(suffix):
            return reader
    raise DataError(path, "kind of file", path.suffix, f"one of {', '.join(readers)}")
