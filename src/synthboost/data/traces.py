"""From a traced outline to a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import Mask


def filled(outline: NDArray[np.floating], shape: tuple[int, ...]) -> Mask:
    """The pixels (H, W) whose middle lies inside a closed outline, or on it.

    Args:
        outline: (N, 2) of (x, y) in pixels, where (0, 0) is the middle of the first one; the last point leads to the
            first. Where it crosses itself, what lies inside twice is outside.
        shape: (H, W) of the mask; the outline may leave it.
    """
    height, width = shape
    inside, edge = np.zeros((2, height, width), np.bool_)
    column = np.arange(width)
    for (x, y), (to_x, to_y) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        low, high = sorted((y, to_y))
        if low == high:  # along a row of pixels
            if low == int(low) and 0 <= low < height:
                edge[int(low)] |= (column >= min(x, to_x)) & (column <= max(x, to_x))
            continue
        for row in range(max(0, int(np.ceil(low))), min(height - 1, int(np.floor(high))) + 1):
            at = x + (row - y) * (to_x - x) / (to_y - y)
            edge[row] |= column == at
            if row < high:  # each corner counts for one of its two lines
                inside[row] ^= column < at
    return inside | edge


def area(outline: NDArray[np.floating]) -> float:
    """The area inside a closed outline (N, 2), in square pixels (shoelace formula)."""
    x, y = outline.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
