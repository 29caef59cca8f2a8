"""Lengths and outlines of masks: the unit that pixels are measured in, contours, gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import LabelMap, Mask, Structure
from synthboost.errors import DataError
from synthboost.evaluation.checks import require_spacing

Numbers = NDArray[np.float64]

WALL_GAP_MM = 2.0
"""A guess: predicted masks of cavity and myocardium, each from its own sentence, may leave a gap this wide between
them. The base then loses as much at either end, which leaves its middle where it is."""
_GAP_SHARE = 1 / 128
"""The same of the longer side of an image whose spacing is unknown: 2 mm of a depth of 256 mm; a guess."""
_MM3_PER_ML = 1000.0


@dataclass(frozen=True)
class Scale:
    """How pixels become lengths. Where the spacing is unknown a pixel is the unit, and pixels are taken as square."""

    spacing: tuple[float, float]
    """(rows, columns)."""
    length_unit: str
    """`mm` or `px`."""
    gap: float
    """Structures closer than this count as touching; in the unit."""

    @classmethod
    def of(cls, spacing_mm: tuple[float, float] | None, shape: tuple[int, ...], name: str = "spacing_mm") -> Scale:
        """The scale of an image (H, W) with a spacing (rows, columns), or with none.

        Raises:
            DataError: the spacing is not positive and finite.
        """
        if spacing_mm is None:
            return cls((1.0, 1.0), "px", max(2.0, _GAP_SHARE * max(shape)))
        require_spacing(spacing_mm, name)
        return cls((float(spacing_mm[0]), float(spacing_mm[1])), "mm", WALL_GAP_MM)

    def volume(self, cubic_lengths: float) -> float:
        """A product of three lengths in ml, or px3."""
        return cubic_lengths / _MM3_PER_ML if self.length_unit == "mm" else cubic_lengths

    def area(self, mask: Mask) -> float:
        """Area of a mask (H, W) in mm2, or px2, every pixel counting fully."""
        return float(np.count_nonzero(mask) * self.spacing[0] * self.spacing[1])


def require_structure(label_map: LabelMap, structure: Structure, name: str, expected: str = "") -> Mask:
    """The mask (H, W) of a structure that a label map must show.

    Raises:
        DataError: it does not.
    """
    mask = np.asarray(label_map == int(structure))
    if not mask.any():
        word = structure.name.lower().replace("_", " ")
        raise DataError(name, word, "absent", expected or f"at least one pixel of label {int(structure)}")
    return mask


def contour(mask: Mask) -> Mask:
    """The corners of pixels, (H + 1, W + 1), that have both mask and no mask around; outside the image is no mask."""
    padded = np.pad(mask, 1)
    around = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]])
    return np.asarray(around.any(axis=0) & ~around.all(axis=0))


def free_contour(cavity: Mask, wall: Mask, scale: Scale) -> Mask:
    """The corners (H + 1, W + 1) of a cavity's contour that have no myocardium within the scale's gap."""
    line = contour(cavity)
    return line & (_distance_along(line, contour(wall), scale) > scale.gap)


def gap_between(first: Mask, second: Mask, scale: Scale) -> float:
    """Shortest distance between the outlines of two masks (H, W) that are not empty; 0 where they touch."""
    return float(_distance_along(contour(first), contour(second), scale).min())


def _distance_along(line: Mask, other: Mask, scale: Scale) -> Numbers:
    """(H + 1, W + 1) how far the corners of a line are from the nearest of another; infinite beside the line."""
    from scipy import ndimage  # no tree: scipy.spatial takes longer to import than all of this

    places = np.argwhere(line | other)
    window = tuple(slice(low, high) for low, high in zip(places.min(0), places.max(0) + 1, strict=True))
    found = np.full(line.shape, np.inf)
    distance = ndimage.distance_transform_edt(~other[window], sampling=scale.spacing)
    found[window] = np.where(line[window], distance, np.inf)
    return found


def farthest_from(point: Numbers, mask: Mask, spacing: Numbers) -> Numbers:
    """(2,) the point (down, right) of a mask's contour that is farthest from another point."""
    corners = np.argwhere(contour(mask)) * spacing
    return np.asarray(corners[np.linalg.norm(corners - point, axis=1).argmax()])


def farthest_pair(points: Numbers) -> tuple[Numbers, Numbers]:
    """The two farthest of the points (n, 2)."""
    from scipy.spatial.distance import pdist, squareform

    if len(points) == 1:
        return points[0], points[0]
    first, second = divmod(int(squareform(pdist(points)).argmax()), len(points))
    return points[first], points[second]


def sampled(mask: Mask, points: Numbers, spacing: Numbers) -> Mask:
    """Whether each of the points (..., 2) lies in the mask (H, W)."""
    pixels = np.floor(points / spacing).astype(np.int64)
    within = ((pixels >= 0) & (pixels < mask.shape)).all(axis=-1)
    hits = np.zeros(within.shape, dtype=np.bool_)
    hits[within] = mask[tuple(pixels[within].T)]
    return hits
