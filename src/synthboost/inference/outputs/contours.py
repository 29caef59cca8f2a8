"""The outlines of labels as points, in pixels and in mm."""

from __future__ import annotations

from typing import Any

import numpy as np
from contourpy import contour_generator

from synthboost.domain import Mask

FEWEST_POINTS = 4
"""A closed line of fewer points encloses nothing."""


def contours_of(mask: Mask, spacing_mm: tuple[float, float] | None) -> list[dict[str, Any]]:
    """Return the closed outlines of a mask (H, W), holes included, the longest first.

    Each is `{"pixels": [[column, row], ...], "mm": [[x, y], ...]}`; integers are the centres of pixels, the outline
    runs half a pixel outside the outermost; the last point equals the first. Without a spacing there is no `mm`.
    """
    padded = np.pad(mask, 1).astype(np.float64)
    lines = contour_generator(z=padded).lines(0.5)
    outlines = []
    for line in sorted((np.asarray(line) - 1 for line in lines), key=len, reverse=True):
        if len(line) < FEWEST_POINTS:
            continue
        outline: dict[str, Any] = {"pixels": line.round(2).tolist()}
        if spacing_mm is not None:
            outline["mm"] = (line * (spacing_mm[1], spacing_mm[0])).round(3).tolist()
        outlines.append(outline)
    return outlines
