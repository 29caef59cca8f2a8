"""Give an image the grey levels and the speckle contrast of another one: what differs between scanners, not hearts.

Both are measured on images, inside the sector; no annotation is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from synthboost.domain import GreyImage, Mask
from synthboost.errors import DataError

Numbers = NDArray[np.float64]

SPECKLE_MM = 2.0
"""Standard deviation of the Gaussian that takes speckle away; a guess."""
FACTORS = (0.5, 2.0)
"""Smallest and largest factor on the speckle's contrast; guesses."""
FINEST = 0.5
"""Smallest standard deviation of the smoothing in pixels; with less it smooths nothing, and no speckle is left over."""


@dataclass(frozen=True, eq=False)
class ImageStyle:
    """Grey levels and speckle of an image, wherever the heart is in it."""

    levels: NDArray[np.int64]
    """(256,) pixels of each grey level in the sector."""
    contrast: float
    """Standard deviation of the image less its smoothed self, in grey levels."""


def style_of(image: GreyImage, sector: Mask, spacing_mm: tuple[float, float]) -> ImageStyle:
    """Measure an image (H, W) uint8 in its sector (H, W), with a spacing of (rows, columns).

    Raises:
        DataError: the shapes differ, the sector is empty, or pixels are too coarse for the scale of speckle.
    """
    _require(image, sector, spacing_mm)
    levels = np.bincount(image[sector], minlength=256)
    return ImageStyle(levels, float(_speckle(image.astype(np.float64), sector, spacing_mm)[sector].std()))


def in_style(
    image: GreyImage, sector: Mask, spacing_mm: tuple[float, float], style: ImageStyle,
    factors: tuple[float, float] = FACTORS,
) -> tuple[GreyImage, float]:  # fmt: skip
    """Give an image another one's style.

    Three steps: grey levels are replaced by those of the same rank in `style`; what the smoothing takes away is scaled
    to the contrast of `style`; and, since that moves grey levels, they are replaced once more. So the grey levels are
    those of `style`, as far as equal pixels allow it, and the contrast comes near its own.

    Args:
        image, sector, spacing_mm: as for `style_of`, errors too.
        style: of the image to match.
        factors: the smallest and the largest on the speckle's contrast.

    Returns:
        The image, 0 outside the sector, and the factor on the speckle.
    """
    _require(image, sector, spacing_mm)
    first = np.zeros(image.shape)
    first[sector] = _with_levels(image[sector].astype(np.float64), style.levels)
    speckle = _speckle(first, sector, spacing_mm)
    contrast = float(speckle[sector].std())
    factor = float(np.clip(style.contrast / contrast, *factors)) if contrast > 1e-9 else 1.0
    second = first + (factor - 1) * speckle
    styled = np.zeros(image.shape, dtype=np.uint8)
    styled[sector] = np.rint(_with_levels(second[sector], style.levels)).astype(np.uint8)
    return styled, factor


def _with_levels(values: Numbers, levels: NDArray[np.int64]) -> Numbers:
    """Return what stands at the same rank among the levels; equal values stay equal, at their middle rank."""
    ordered = np.repeat(np.arange(256.0), levels)
    ranks = (stats.rankdata(np.round(values, 6)) - 0.5) / len(values)
    return np.asarray(np.interp(ranks, (np.arange(len(ordered)) + 0.5) / len(ordered), ordered))


def _speckle(image: Numbers, sector: Mask, spacing_mm: tuple[float, float]) -> Numbers:
    """The image less its local mean over the sector; 0 outside."""
    widths = [SPECKLE_MM / mm for mm in spacing_mm]
    weight = ndimage.gaussian_filter(sector.astype(np.float64), widths)
    local = ndimage.gaussian_filter(np.where(sector, image, 0.0), widths) / np.maximum(weight, 1e-12)
    return np.asarray(np.where(sector, image - local, 0.0))


def _require(image: GreyImage, sector: Mask, spacing_mm: tuple[float, float]) -> None:
    if image.dtype != np.uint8 or sector.shape != image.shape or sector.dtype != np.bool_:
        raise DataError("style", "sector", f"{sector.dtype} {sector.shape}", f"bool {image.shape}, for a uint8 image")
    if not sector.any():
        raise DataError("style", "sector", "no pixel", "at least one")
    if FINEST * max(spacing_mm) > SPECKLE_MM:
        raise DataError(
            "style", "spacing", f"{max(spacing_mm):g} mm", f"at most {SPECKLE_MM / FINEST:g} mm", "Take finer images."
        )
