"""Several probabilities made one label map: every pixel belongs to one structure, or to none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import LabelMap


def resolve(probability: NDArray[np.floating[Any]], labels: Sequence[int], threshold: float) -> LabelMap:
    """Give each pixel the label whose probability is largest among those larger than `threshold`, else 0.

    Args:
        probability: (N, H, W), 0-1.
        labels: N numbers from 1 to 255. Of equal probabilities the one listed first wins.
        threshold: as for a single mask, so that the union of the labels is the union of the masks.

    Returns:
        (H, W) uint8.
    """
    values = np.array(labels, dtype=np.uint8)
    winner = probability.argmax(axis=0)
    return np.where(probability.max(axis=0) > threshold, values[winner], 0).astype(np.uint8)
