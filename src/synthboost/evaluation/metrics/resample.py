"""Masks and label maps on another grid, and the pixel size that results.

The paper scores at 512 x 512 (arXiv 2309.12829): `to_grid(mask, (512, 512))` together with `spacing_on_grid`.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import ConfigError
from synthboost.evaluation.checks import require_image, require_spacing

Pixel = TypeVar("Pixel", np.bool_, np.uint8)


def to_grid(array: NDArray[Pixel], grid: tuple[int, int]) -> NDArray[Pixel]:
    """Resample (H, W), a mask or a label map, to `grid` (H', W') over the same field of view.

    A new pixel takes the value of the old pixel in which its centre lies (Pillow's NEAREST, torch's `nearest-exact`; a
    centre on the border of two belongs to the later one), so no label can appear that was not there.

    Raises:
        DataError: the array is not two-dimensional, or is neither bool nor uint8.
        ConfigError: the grid is not two positive whole numbers.
    """
    require_image(array, "to_grid", np.bool_, np.uint8)
    _require_grid(grid)
    rows, columns = (_nearest(old, new) for old, new in zip(array.shape, grid, strict=True))
    return array[np.ix_(rows, columns)]


def area_weights(old: int, new: int) -> NDArray[np.float64]:
    """(new, old) length of each of `old` pixels that lies in each of `new` ones over the same line, in old pixels.

    `rows @ image @ columns.T` of two such matrices is the sum over each new pixel, parts of pixels counted as parts.
    """
    edges = np.arange(new + 1) * old / new
    start, end, pixel = edges[:-1, None], edges[1:, None], np.arange(old)[None, :]
    return np.asarray(np.clip(np.minimum(end, pixel + 1) - np.maximum(start, pixel), 0, None))


def spacing_on_grid(
    spacing_mm: tuple[float, float], shape: tuple[int, int], grid: tuple[int, int]
) -> tuple[float, float]:
    """Pixel size (rows, columns) in mm after `to_grid` from `shape` to `grid`.

    Raises:
        DataError: the spacing is not positive and finite.
        ConfigError: `shape` or `grid` is not two positive whole numbers.
    """
    require_spacing(spacing_mm)
    _require_grid(shape)
    _require_grid(grid)
    return spacing_mm[0] * shape[0] / grid[0], spacing_mm[1] * shape[1] / grid[1]


def _nearest(old: int, new: int) -> NDArray[np.int64]:
    """The old index under each new centre, (new,), in whole numbers so that no rounding can differ."""
    return (2 * np.arange(new) + 1) * old // (2 * new)


def _require_grid(grid: tuple[int, int]) -> None:
    if len(grid) != 2 or not all(isinstance(side, int) and side > 0 for side in grid):
        raise ConfigError("to_grid", "grid", grid, "two positive whole numbers (H, W)")
