"""Do synthetic images show their masks? Dice of a segmenter that was trained on real images only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES, Structure
from synthboost.errors import DataError
from synthboost.evaluation.metrics.overlap import dice
from synthboost.evaluation.statistics.bootstrap import Interval, bootstrap_mean

DRAWS = 2000


@dataclass(frozen=True)
class Consistency:
    """Dice per structure between the masks that images were made from and the masks that a segmenter finds in them.

    Its yardstick is the same segmenter's Dice on held-out real images; less means that images do not follow their
    masks, much more that they are easier than real ones.
    """

    dice: dict[Structure, Interval]


def mask_consistency(
    label_maps: NDArray[np.uint8], predictions: NDArray[np.uint8], patients: Sequence[str], seed: int
) -> Consistency:
    """Score predictions (n, H, W) against label maps (n, H, W), both 0-3; intervals by patient.

    Raises:
        DataError: the shapes differ, or there are fewer than two patients.
    """
    if label_maps.shape != predictions.shape or label_maps.ndim != 3:
        raise DataError("mask consistency", "predictions", predictions.shape, f"{label_maps.shape}, as the label maps")
    found = {}
    for structure in STRUCTURES:
        pairs = zip(label_maps == int(structure), predictions == int(structure), strict=True)
        scores = [dice(true, predicted) for true, predicted in pairs]
        found[structure] = bootstrap_mean(scores, patients, seed=seed, draws=DRAWS)
    return Consistency(found)
