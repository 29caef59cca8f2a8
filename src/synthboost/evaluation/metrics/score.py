"""All scores of one predicted mask against one true mask, with a stated answer for every edge case.

| true mask | predicted mask | Dice, IoU, NSD | HD95, ASSD | status |
|---|---|---|---|---|
| some pixels | some pixels | formula | formula | `ok`, or `tiny` |
| empty | empty | 1 | 0 | `both_empty` |
| some pixels | empty | 0 | diagonal of the image | `empty_pred` |
| empty | some pixels | 0 | diagonal of the image | `empty_gt` |

Counting an absent mask as the worst that the image allows follows "Common limitations of image processing metrics"
(Reinke et al., arXiv 2104.05642): a missing value would flatter the model in every mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import Mask
from synthboost.errors import DataError
from synthboost.evaluation.checks import require_mask, require_mask_pair, require_spacing
from synthboost.evaluation.metrics.distance import boundary_distances, require_tolerance
from synthboost.records.rows import TINY_SHARE, Status

NSD_TOLERANCE_MM = 2.0
"""A guess at a round number: about as far apart as two cardiologists draw one endocardial border, and six pixels of
CAMUS' 0.308 mm; smaller tolerances would score the annotator's habit, larger ones forgive a wall's half thickness."""


@dataclass(frozen=True)
class Scores:
    """The scores of one mask; every number is finite."""

    status: Status
    dice: float
    """0-1."""
    iou: float
    """0-1."""
    nsd: float
    """0-1, at the given tolerance."""
    hd95_mm: float
    assd_mm: float
    area_true_mm2: float
    area_predicted_mm2: float


def score_masks(
    true: Mask, predicted: Mask, spacing_mm: tuple[float, float], tolerance_mm: float = NSD_TOLERANCE_MM
) -> Scores:
    """Score one predicted mask.

    Args:
        true: (H, W) bool.
        predicted: (H, W) bool; never resized or thresholded here.
        spacing_mm: (rows, columns) in mm.
        tolerance_mm: for the normalised surface Dice.

    Raises:
        DataError: a mask is not boolean, the shapes differ, or the spacing is not positive and finite.
        ConfigError: the tolerance is negative, infinite or NaN.
    """
    require_mask_pair(true, predicted)
    require_spacing(spacing_mm)
    require_tolerance(tolerance_mm)
    status = _status(true, predicted)
    nsd, hd95_mm, assd_mm = _boundary_scores(status, true, predicted, spacing_mm, tolerance_mm)
    return Scores(
        status=status,
        dice=dice(true, predicted),
        iou=iou(true, predicted),
        nsd=nsd,
        hd95_mm=hd95_mm,
        assd_mm=assd_mm,
        area_true_mm2=area_mm2(true, spacing_mm),
        area_predicted_mm2=area_mm2(predicted, spacing_mm),
    )


def _status(true: Mask, predicted: Mask) -> Status:
    """Emptiness comes before tininess, because it decides which formula applies."""
    pixels = np.count_nonzero(true)
    if not predicted.any():
        return Status.EMPTY_PREDICTION if pixels else Status.BOTH_EMPTY
    if pixels == 0:
        return Status.EMPTY_TRUTH
    return Status.TINY if pixels < TINY_SHARE * true.size else Status.OK


def _boundary_scores(
    status: Status, true: Mask, predicted: Mask, spacing_mm: tuple[float, float], tolerance_mm: float
) -> tuple[float, float, float]:
    """(NSD, HD95 in mm, ASSD in mm)."""
    if status is Status.BOTH_EMPTY:
        return 1.0, 0.0, 0.0
    if status in (Status.EMPTY_PREDICTION, Status.EMPTY_TRUTH):
        diagonal_mm = math.hypot(true.shape[0] * spacing_mm[0], true.shape[1] * spacing_mm[1])
        return 0.0, diagonal_mm, diagonal_mm
    distances = boundary_distances(true, predicted, spacing_mm)
    return distances.nsd(tolerance_mm), distances.hd95_mm, distances.assd_mm


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
