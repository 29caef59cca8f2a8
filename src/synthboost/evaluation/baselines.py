"""Two predictors that return a constant mask: what a model must beat to show that it uses the image, or the sentence.

- text-blind: ONE mask whatever the sentence says. Close to it, a model does not know which structure is meant.
- image-blind: one mask per structure. Close to it, a model knows the sentence but not the image.

Both are occupancy maps (how often a pixel belongs to the structure in training), cut at the level that maximises the
mean training Dice over image-structure pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES, LabelMap, Mask, Structure
from synthboost.errors import DataError
from synthboost.evaluation.checks import require_label_map
from synthboost.evaluation.metrics.resample import to_grid

COMMON_GRID = (128, 128)
"""A guess: fine enough that a pixel is about 1 mm of a CAMUS image."""
LEVELS = 100
"""Occupancy is cut at one of 1/100 ... 100/100."""


@dataclass(frozen=True, eq=False)
class ConstantMasks:
    """A fitted constant predictor."""

    masks: Mapping[Structure, Mask]
    """On the common grid; the same mask for every structure when text-blind."""

    def predict(self, structure: Structure, shape: tuple[int, int]) -> Mask:
        """The mask for one structure on an image of `shape` (H, W); bool. Which image it is does not matter."""
        return to_grid(self.masks[structure], shape) if structure in self.masks else np.zeros(shape, np.bool_)


def fit_text_blind(
    label_maps: Iterable[LabelMap],
    grid: tuple[int, int] = COMMON_GRID,
    structures: Sequence[Structure] = STRUCTURES,
) -> ConstantMasks:
    """Fit the predictor that gives one mask whatever the sentence.

    Args:
        label_maps: (H, W) uint8 with values 0-3; sizes may differ, only training patients.
        grid: the common grid (H, W).
        structures: those that are annotated; of others the mask is empty.

    Raises:
        DataError: there is no label map, or one of them is not valid.
    """
    return _fit(label_maps, grid, [structures])


def fit_image_blind(
    label_maps: Iterable[LabelMap],
    grid: tuple[int, int] = COMMON_GRID,
    structures: Sequence[Structure] = STRUCTURES,
) -> ConstantMasks:
    """Fit the predictor that gives each structure one mask, whatever the image; arguments as for `fit_text_blind`."""
    return _fit(label_maps, grid, [(structure,) for structure in structures])


def _fit(
    label_maps: Iterable[LabelMap], grid: tuple[int, int], groups: Sequence[Sequence[Structure]]
) -> ConstantMasks:  # fmt: skip
    """One mask for each group of structures."""
    stack = _stack(label_maps, grid)
    best = [(group, _best_mask(stack, group)) for group in groups]
    return ConstantMasks({structure: mask.reshape(grid) for group, mask in best for structure in group})


def _stack(label_maps: Iterable[LabelMap], grid: tuple[int, int]) -> NDArray[np.uint8]:
    """(n, pixels) uint8: every label map on the common grid."""
    lines = []
    for number, label_map in enumerate(label_maps, start=1):
        require_label_map(label_map, f"label map {number}")
        lines.append(to_grid(label_map, grid).ravel())
    if not lines:
        raise DataError("constant predictor", "label maps", "none", "at least one annotated training frame")
    return np.stack(lines)


def _best_mask(stack: NDArray[np.uint8], structures: Sequence[Structure]) -> Mask:
    """The mask (pixels,) with the highest mean Dice over all pairs of a line and one of the structures."""
    count = np.zeros(stack.shape[1], dtype=np.int64)
    for structure in structures:
        count += np.count_nonzero(stack == int(structure), axis=0)
    # A pixel of level k is in every mask whose threshold is k/100 or lower; whole numbers keep the cut exact.
    level = count * LEVELS // (len(stack) * len(structures))
    mean_dice = np.mean([_dice_by_level(line == int(s), level) for s in structures for line in stack], axis=0)
    return level >= 1 + int(mean_dice[1:].argmax())


def _dice_by_level(truth: NDArray[np.bool_], level: NDArray[np.int64]) -> NDArray[np.float64]:
    """Dice (LEVELS + 1,) of one true mask (pixels,) with the mask of every threshold k/100."""
    common = _at_least(level[truth])
    total = _at_least(level) + np.count_nonzero(truth)
    return np.where(total > 0, 2 * common / np.maximum(total, 1), 1.0)


def _at_least(level: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many pixels have level k or more, for k = 0 ... LEVELS."""
    return np.bincount(level, minlength=LEVELS + 1)[::-1].cumsum()[::-1]
