"""One label map from masks that may overlap: by probability, the one rule of every prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthboost.domain import STRUCTURES, LabelMap, Mask, Structure
from synthboost.errors import DataError
from synthboost.simulator.contours import keep_largest_piece


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


def whole_heart(probability: NDArray[np.floating[Any]], threshold: float) -> LabelMap:
    """Make one label map of a probability per structure (see `resolve`) and repair what no heart has.

    Of every structure the largest piece is kept. Holes in a cavity are filled; what ventricle and wall enclose, such
    as a seam between two masks that were predicted apart, goes to the more probable of the two.

    Args:
        probability: (3, H, W), in the order of `STRUCTURES`.
        threshold: a pixel is inside when its probability is larger.

    Returns:
        (H, W) uint8, 0-3.
    """
    ventricle, wall, atrium = STRUCTURES
    label_map = resolve(probability, STRUCTURES, threshold)
    for structure in STRUCTURES:
        keep_largest_piece(label_map, structure)
    for cavity in (ventricle, atrium):
        holes = ndimage.binary_fill_holes(label_map == cavity) & (label_map == 0)
        label_map[holes] = cavity
    heart = (label_map == ventricle) | (label_map == wall)
    seams = ndimage.binary_fill_holes(heart) & ~heart
    label_map[seams] = np.array([ventricle, wall], dtype=np.uint8)[probability[:2].argmax(axis=0)][seams]
    return label_map


def painted(masks: Mapping[Structure, Mask]) -> LabelMap:
    """The label map (H, W) of masks whose probabilities nobody kept: LV over MYO over LA, as the simulator paints.

    Raises:
        DataError: their shapes differ.
    """
    shapes = {mask.shape for mask in masks.values()}
    if len(shapes) != 1:
        raise DataError("masks of a frame", "shapes", sorted(shapes), "one shape")
    label_map = np.zeros(shapes.pop(), dtype=np.uint8)
    for structure in reversed(STRUCTURES):
        if structure in masks:
            label_map[masks[structure]] = int(structure)
    return label_map
