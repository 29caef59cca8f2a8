"""Give an image the grey levels and the speckle contrast of another one: what differs between scanners, not hearts.

Both are measured on images, inside the sector; no annotation is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from synthboost.domain import GreyImage, Mask
from synthboost.errors import ConfigError, DataError

Numbers = NDArray[np.float64]

FINEST = 0.5
"""Smallest standard deviation of the smoothing in pixels; with less it smooths nothing, and no speckle is left over."""


@dataclass(frozen=True)
class LikenessSettings:
    """What counts as speckle, and how much it may change. All three numbers are guesses."""

    scale_mm: float = 2.0
    """Standard deviation of the Gaussian that takes speckle away."""
    least: float = 0.5
    """Smallest factor on the speckle's contrast."""
    most: float = 2.0
    """Largest factor."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name, holds, expected in (
            ("scale_mm", 0 < self.scale_mm < np.inf, "a positive number of mm"),
            ("least", 0 < self.least <= 1, "above 0, at most 1"),
            ("most", 1 <= self.most < np.inf, "1 or more"),
        ):
            if not holds:
                raise ConfigError("LikenessSettings", name, getattr(self, name), expected)


@dataclass(frozen=True, eq=False)
class Look:
    """How an image looks, wherever the heart is in it."""

    levels: NDArray[np.int64]
    """(256,) pixels of each grey level in the sector."""
    contrast: float
    """Standard deviation of the image less its smoothed self, in grey levels."""


def look_of(image: GreyImage, sector: Mask, spacing_mm: tuple[float, float], settings: LikenessSettings) -> Look:
    """Measure an image.

    Args:
        image: (H, W) uint8.
        sector: (H, W) bool.
        spacing_mm: of (rows, columns).
        settings: see there.

    Raises:
        DataError: the shapes differ, the sector is empty, or pixels are too coarse for the scale.
    """
    _require(image, sector, spacing_mm, settings)
    levels = np.bincount(image[sector], minlength=256)
    return Look(levels, float(_speckle(image.astype(np.float64), sector, spacing_mm, settings)[sector].std()))


def make_alike(
    image: GreyImage, sector: Mask, spacing_mm: tuple[float, float], look: Look, settings: LikenessSettings
) -> tuple[GreyImage, float]:
    """Give an image another one's look.

    Three steps: grey levels are replaced by those of the same rank in `look`; what the smoothing takes away is scaled
    to the contrast of `look`; and, since that moves grey levels, they are replaced once more. So the grey levels are
    those of `look`, as far as equal pixels can be told apart, and the contrast comes near its own.

    Args:
        image, sector, spacing_mm, settings: as for `look_of`.
        look: of the image to be alike.

    Returns:
        The image, 0 outside the sector, and the factor on the speckle.

    Raises:
        DataError: as `look_of`.
    """
    _require(image, sector, spacing_mm, settings)
    first = np.zeros(image.shape)
    first[sector] = _with_levels(image[sector].astype(np.float64), look.levels)
    speckle = _speckle(first, sector, spacing_mm, settings)
    contrast = float(speckle[sector].std())
    factor = float(np.clip(look.contrast / contrast, settings.least, settings.most)) if contrast > 1e-9 else 1.0
    second = first + (factor - 1) * speckle
    alike = np.zeros(image.shape, dtype=np.uint8)
    alike[sector] = np.rint(_with_levels(second[sector], look.levels)).astype(np.uint8)
    return alike, factor


def _with_levels(values: Numbers, levels: NDArray[np.int64]) -> Numbers:
    """Return what stands at the same rank among the levels; equal values stay equal, at their middle rank."""
    ordered = np.repeat(np.arange(256.0), levels)
    ranks = (stats.rankdata(np.round(values, 6)) - 0.5) / len(values)
    return np.asarray(np.interp(ranks, (np.arange(len(ordered)) + 0.5) / len(ordered), ordered))


def _speckle(image: Numbers, sector: Mask, spacing_mm: tuple[float, float], settings: LikenessSettings) -> Numbers:
    """The image less its local mean over the sector; 0 outside."""
    widths = [settings.scale_mm / mm for mm in spacing_mm]
    weight = ndimage.gaussian_filter(sector.astype(np.float64), widths)
    local = ndimage.gaussian_filter(np.where(sector, image, 0.0), widths) / np.maximum(weight, 1e-12)
    return np.asarray(np.where(sector, image - local, 0.0))


def _require(image: GreyImage, sector: Mask, spacing_mm: tuple[float, float], settings: LikenessSettings) -> None:
    if image.dtype != np.uint8 or sector.shape != image.shape or sector.dtype != np.bool_:
        raise DataError(
            "likeness", "sector", f"{sector.dtype} {sector.shape}", f"bool {image.shape}, for a uint8 image"
        )
    if not sector.any():
        raise DataError("likeness", "sector", "no pixel", "at least one")
    if settings.scale_mm < FINEST * max(spacing_mm):
        raise DataError(
            "likeness", "spacing", f"{max(spacing_mm):g} mm", f"at most {settings.scale_mm / FINEST:g} mm",
            "Take finer images.",
        )  # fmt: skip
