"""What conditions the diffusion model: a map of five classes, from a label map and a sector."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import LabelMap, Mask
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.checks import require_label_map
from synthboost.evaluation.metrics.resample import area_weights

ConditionMap = NDArray[np.uint8]
"""(H, W) with values of `ConditionClass`."""


class ConditionClass(IntEnum):
    """A class of a condition map; a structure's is its label plus one."""

    BACKGROUND = 0
    """Outside the sector: black."""
    TISSUE = 1
    """Inside the sector and in no structure."""
    LEFT_VENTRICULAR_CAVITY = 2
    MYOCARDIUM = 3
    LEFT_ATRIUM_CAVITY = 4


def condition_map(label_map: LabelMap, sector: Mask, size: int) -> ConditionMap:
    """Merge labels and sector into five classes and bring them to (size, size), the frame squeezed as the image is.

    Outside the sector there is no image, so a structure is clipped there: experts outline hearts past the sector's rim.
    A new pixel gets the class that covers most of it (of equal ones the smaller number), which thins no wall.

    Args:
        label_map: (H, W) uint8, 0-3.
        sector: (H, W) bool, of `Sector.mask`.
        size: rows and columns of the result.

    Raises:
        DataError: shapes or types differ from the above, a label is above 3, or the sector is empty.
        ConfigError: `size` is less than 1.
    """
    require_label_map(label_map, "label map")
    if sector.dtype != np.bool_ or sector.shape != label_map.shape:
        found = f"{sector.dtype} {sector.shape}"
        raise DataError("sector", "array", found, f"bool {label_map.shape}, as the label map has")
    if not sector.any():
        raise DataError("sector", "pixels", "none", "at least one", "Find the sector in the image first.")
    if size < 1:
        raise ConfigError("condition map", "size", size, "at least 1 pixel")
    whole = np.where(sector, label_map + np.uint8(ConditionClass.TISSUE), np.uint8(ConditionClass.BACKGROUND))
    down, across = area_weights(whole.shape[0], size), area_weights(whole.shape[1], size)
    cover = np.stack([down @ (whole == c) @ across.T for c in ConditionClass])
    return np.asarray((cover > cover.max(axis=0) - 1e-9).argmax(axis=0), dtype=np.uint8)


def label_map_of(condition: ConditionMap) -> LabelMap:
    """The structures of a condition map as a label map, (H, W) with values 0-3.

    Raises:
        DataError: a value is above 4.
    """
    if condition.dtype != np.uint8 or (condition.size and condition.max() >= len(ConditionClass)):
        raise DataError("condition map", "array", f"{condition.dtype}, up to {condition.max()}", "uint8, 0 to 4")
    return np.maximum(condition, np.uint8(ConditionClass.TISSUE)) - np.uint8(ConditionClass.TISSUE)
