"""Overlap of two masks: Dice, intersection over union, and the area of one mask."""

from __future__ import annotations

import numpy as np

from synthboost.domain import Mask
from synthboost.evaluation.checks import require_mask, require_mask_pair, require_spacing


def dice(true: Mask, predicted: Mask) -> float:
    """Twice the common pixels over the sum of both, 0-1; two empty masks agree (1).

    Args:
        true: (H, W) bool.
        predicted: (H, W) bool.

    Raises:
        DataError: a mask is not boolean, or the shapes differ.
    """
    require_mask_pair(true, predicted)
    total = np.count_nonzero(true) + np.count_nonzero(predicted)
    return 2 * np.count_nonzero(true & predicted) / total if total else 1.0


def iou(true: Mask, predicted: Mask) -> float:
    """Common pixels over the pixels of either, 0-1; two empty masks agree (1). Equal to dice / (2 - dice).

    Raises:
        DataError: as for `dice`.
    """
    require_mask_pair(true, predicted)
    union = np.count_nonzero(true | predicted)
    return np.count_nonzero(true & predicted) / union if union else 1.0


def area_mm2(mask: Mask, spacing_mm: tuple[float, float]) -> float:
    """Area of a mask (H, W) in mm2, every pixel counting fully.

    Raises:
        DataError: the mask is not boolean, or the spacing is not positive and finite.
    """
    require_mask(mask, "mask")
    require_spacing(spacing_mm)
    return np.count_nonzero(mask) * spacing_mm[0] * spacing_mm[1]
