"""Distances between the boundaries of two masks in mm: Hausdorff, its 95th percentile, average, surface Dice.

The definitions are those on which MONAI 1.6 and MetricsReloaded agree. A boundary is a set of pixels: the mask without
its erosion by the 4-connected cross, what lies outside the image counting as background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import Mask
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.checks import require_mask, require_mask_pair, require_spacing


@dataclass(frozen=True, eq=False)
class BoundaryDistances:
    """From every boundary pixel of either mask, the distance to the nearest boundary pixel of the other, in mm."""

    from_true: NDArray[np.float64]
    """(n,) one per boundary pixel of the true mask."""
    from_predicted: NDArray[np.float64]
    """(m,) one per boundary pixel of the predicted mask."""

    @property
    def hausdorff_mm(self) -> float:
        """The largest distance of all."""
        return float(max(self.from_true.max(), self.from_predicted.max()))

    @property
    def hd95_mm(self) -> float:
        """The larger of the two directed 95th percentiles (linear interpolation), not that of the pooled set."""
        return float(max(np.percentile(self.from_true, 95), np.percentile(self.from_predicted, 95)))

    @property
    def assd_mm(self) -> float:
        """Average symmetric surface distance: the mean over both sets together."""
        return float((self.from_true.sum() + self.from_predicted.sum()) / self._count)

    def nsd(self, tolerance_mm: float) -> float:
        """Normalised surface Dice, 0-1: the share of both boundaries that lies within the tolerance, inclusive.

        Raises:
            ConfigError: the tolerance is negative, infinite or NaN.
        """
        require_tolerance(tolerance_mm)
        near = np.count_nonzero(self.from_true <= tolerance_mm) + np.count_nonzero(self.from_predicted <= tolerance_mm)
        return near / self._count

    @property
    def _count(self) -> int:
        return self.from_true.size + self.from_predicted.size


def boundary_distances(true: Mask, predicted: Mask, spacing_mm: tuple[float, float]) -> BoundaryDistances:
    """Measure the distances between two boundaries.

    Args:
        true: (H, W) bool, not empty.
        predicted: (H, W) bool, not empty.
        spacing_mm: (rows, columns) in mm; they may differ.

    Raises:
        DataError: a mask is empty or not boolean, the shapes differ, or the spacing is not positive and finite.
    """
    require_mask_pair(true, predicted)
    require_spacing(spacing_mm)
    from scipy.spatial import KDTree  # here, because importing it takes longer than scoring many masks

    spacing = np.asarray(spacing_mm, dtype=np.float64)
    rims = _boundary_pixels(true, "true mask"), _boundary_pixels(predicted, "predicted mask")
    # Splitting cells at their middle, without shrinking them, builds faster and answers contours as fast.
    trees = [KDTree(rim * spacing, balanced_tree=False, compact_nodes=False) for rim in rims]
    nearest = [trees[1].query(rims[0] * spacing)[1], trees[0].query(rims[1] * spacing)[1]]
    # Measured anew from whole pixels: where the masks lie in the image then cannot change the last digits, and a
    # distance of exactly the tolerance is within it.
    steps = (rims[0] - rims[1][nearest[0]]) * spacing, (rims[1] - rims[0][nearest[1]]) * spacing
    return BoundaryDistances(from_true=np.hypot(*steps[0].T), from_predicted=np.hypot(*steps[1].T))


def boundary(mask: Mask) -> Mask:
    """Pixels of the mask with a 4-neighbour outside it; the edge of the image counts as outside. (H, W) bool.

    Raises:
        DataError: the mask is not boolean.
    """
    require_mask(mask, "mask")
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def require_tolerance(tolerance_mm: float) -> None:
    """Accept a finite distance of 0 mm or more.

    Raises:
        ConfigError: it is negative, infinite or NaN.
    """
    if not 0 <= tolerance_mm < np.inf:
        raise ConfigError("normalised surface Dice", "tolerance_mm", tolerance_mm, "a finite distance of 0 mm or more")


def _boundary_pixels(mask: Mask, name: str) -> NDArray[np.int64]:
    """(n, 2) row and column of every boundary pixel."""
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        raise DataError(name, "content", "empty", "at least one pixel", "score_masks gives empty masks their score.")
    columns = np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    # Cropping changes no boundary: outside the bounding box there is only background.
    box = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    return np.asarray(np.argwhere(boundary(box)) + np.array([top, left]), dtype=np.int64)
