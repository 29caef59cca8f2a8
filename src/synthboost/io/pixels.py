"""What pixels, sizes and spacings a frame may have; everything else is refused, nothing is clipped or rounded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES, GreyImage, LabelMap
from synthboost.errors import DataError

Spacing: TypeAlias = tuple[float, float]
"""Distance between neighbouring (rows, columns) in mm."""

MAX_SIDE_PX = 4096
"""A guess: five times the largest CAMUS frame. Checked in the header, before any memory is allocated."""
SPACING_LIMITS_MM = (0.01, 10.0)
"""A guess with wide margins: CAMUS has 0.15-1.1 mm, and no depth setting of an adult heart needs less or more."""
LABELS: tuple[int, ...] = (0, *(int(s) for s in STRUCTURES))
"""Background and the structures of CAMUS."""
_SHOWN_VALUES = 8

COLOURED = 40
"""Largest minus smallest channel, beyond which a pixel is coloured; a guess above what JPEG makes of grey."""
TINTED = 0.2
"""Part of the lit pixels: if more are coloured, the image itself is tinted and its brightness is kept. A guess."""
LIT = 16
"""Brightest channel from which on a pixel counts as lit."""


def check_size(path: Path, columns: int, rows: int) -> None:
    """Refuse (`DataError`) a side that is not within 1-4096 pixels (so at most 16.8 megapixels)."""
    if not (1 <= columns <= MAX_SIDE_PX and 1 <= rows <= MAX_SIDE_PX):
        raise DataError(path, "size", f"{columns} x {rows} (columns x rows)", f"1 to {MAX_SIDE_PX} pixels a side")


def check_spacing(path: Path, field: str, spacing_mm: Spacing) -> Spacing:
    """Return the spacing if it is believable; `field` is its name in the file.

    Raises:
        DataError: not finite, not positive, or outside 0.01-10 mm; names the axis.
    """
    low, high = SPACING_LIMITS_MM
    for axis, value in zip(("rows", "columns"), spacing_mm, strict=True):
        if not (math.isfinite(value) and low <= value <= high):
            raise DataError(
                path, f"{field} of the {axis}", f"{value:g} mm", f"a distance of {low:g} to {high:g} mm",
                "Correct the header: areas and distances in mm depend on it.",
            )  # fmt: skip
    return spacing_mm


def to_grey_image(path: Path, pixels: NDArray[Any]) -> GreyImage:
    """Return (H, W) pixels of any number type as uint8, unchanged in value.

    Raises:
        DataError: a pixel is not finite, not a whole number, or outside 0-255.
    """
    _refuse_non_finite(path, pixels)
    if pixels.dtype != np.uint8:
        low, high = pixels.min(), pixels.max()
        if low < 0 or high > 255:
            raise DataError(
                path, "pixels", f"values from {low:g} to {high:g}", "grey values from 0 to 255",
                "Window the image to 0-255 yourself, so that the choice is yours and known.",
            )  # fmt: skip
        if fractional := int(np.count_nonzero(pixels != np.rint(pixels))):
            raise DataError(
                path, "pixels", f"{fractional} of {pixels.size} not whole numbers", "whole grey values, 0-255",
                "Images in 0-1 or interpolated images must be brought to 0-255 first.",
            )  # fmt: skip
    return pixels.astype(np.uint8)


def grey_of_colour(rgb: NDArray[np.uint8]) -> GreyImage:
    """Turn (H, W, 3) into (H, W): the brightness (ITU-R BT.601), black where a scanner's overlay is coloured.

    Electrocardiogram, text and rulers in colour vanish; so does a colour Doppler overlay, unless it fills so much of
    the image that it passes for a tint.
    """
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)  # of 65536
    grey = ((rgb.astype(np.uint32) @ weights + 32768) >> 16).astype(np.uint8)
    brightest = rgb.max(axis=-1)
    coloured = brightest - rgb.min(axis=-1) > COLOURED
    if coloured.any() and np.count_nonzero(coloured) <= TINTED * np.count_nonzero(brightest >= LIT):
        grey[coloured] = 0
    return grey


def to_label_map(path: Path, pixels: NDArray[Any]) -> LabelMap:
    """Return (H, W) labels of any number type as uint8, unchanged in value.

    Raises:
        DataError: a label is not 0, 1, 2 or 3; names the values and how often they occur.
    """
    _refuse_non_finite(path, pixels)
    if pixels.dtype == np.uint8 and pixels.max() <= max(LABELS):
        return pixels.copy()  # the ordinary case, ten times as fast as the general one below
    foreign = ~np.isin(pixels, LABELS)
    if foreign.any():
        values, counts = np.unique(pixels[foreign], return_counts=True)
        shown = ", ".join(f"{v:g} ({n} px)" for v, n in zip(values[:_SHOWN_VALUES], counts, strict=False))
        more = f" and {len(values) - _SHOWN_VALUES} more values" if len(values) > _SHOWN_VALUES else ""
        raise DataError(
            path, "labels", shown + more, "only 0 (background), 1 (LV cavity), 2 (myocardium), 3 (left atrium)",
            "Was the map resized with interpolation, or saved as 0/255?",
        )  # fmt: skip
    return pixels.astype(np.uint8)


def _refuse_non_finite(path: Path, pixels: NDArray[Any]) -> None:
    if not np.issubdtype(pixels.dtype, np.floating):
        return
    if broken := int(pixels.size - np.count_nonzero(np.isfinite(pixels))):
        raise DataError(path, "pixels", f"{broken} of {pixels.size} are NaN or infinite", "finite numbers")
