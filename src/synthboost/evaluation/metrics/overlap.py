"""Overlap of masks: Dice, intersection over union, the area of one mask, and how far several masks agree.

Where the predictions for sentences that mean the same, or for the image and its mirror image, differ, at most one of
them is right. Agreement proves nothing: a model can repeat a mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import Mask
from synthboost.errors import DataError
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


@dataclass(frozen=True, eq=False)
class SelfAgreement:
    """How alike several masks of the same thing are."""

    masks: int
    """How many were compared."""
    mean_dice: float
    """Over all pairs, 0-1; two empty masks agree (1)."""
    lowest_dice: float
    """Of the pair that differs most."""
    disagreement: NDArray[np.float64]
    """(H, W) 0 where all masks agree, 1 where half say inside and half say outside: 4 p (1 - p)."""
    disputed_share: float
    """Pixels on which not all agree, over the pixels that at least one mask holds; 0 when all are empty."""
    consensus: Mask
    """(H, W) inside in more than half of the masks."""


def self_agreement(masks: Sequence[Mask]) -> SelfAgreement:
    """Compare two or more masks (H, W) pair by pair and pixel by pixel.

    Raises:
        DataError: fewer than two, one is not boolean, or their shapes differ.
    """
    if len(masks) < 2:
        raise DataError("self agreement", "masks", len(masks), "two or more", "Use more sentences, or also flip.")
    for number, mask in enumerate(masks, start=1):
        require_mask(mask, f"mask {number}")
    if len({mask.shape for mask in masks}) > 1:
        raise DataError("self agreement", "shapes", sorted({m.shape for m in masks}), "one shape")
    pairs = [dice(first, second) for first, second in combinations(masks, 2)]
    inside = np.mean(np.stack(masks), axis=0)
    some = np.count_nonzero(inside > 0)
    disputed = np.count_nonzero((inside > 0) & (inside < 1))
    return SelfAgreement(
        masks=len(masks),
        mean_dice=float(np.mean(pairs)),
        lowest_dice=float(np.min(pairs)),
        disagreement=np.asarray(4 * inside * (1 - inside)),
        disputed_share=disputed / some if some else 0.0,
        consensus=np.asarray(inside > 0.5),
    )
