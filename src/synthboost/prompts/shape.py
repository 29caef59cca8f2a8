"""The shape word of a structure, by a stated geometric rule on its mask.

The authors asked a model that answers questions about pictures, with a box drawn around the true mask.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import Mask, largest_piece
from synthboost.errors import PromptError

ROUND_FROM = 0.85
"""Short side over long side from which an oval is a circle and a rectangle a square; a guess."""

_PROTOTYPES = {
    "ellipse": (math.pi / 4, 3 * math.sqrt(3) / (4 * math.pi)),
    "rectangle": (1.0, 0.5),
    "triangle": (0.5, 1.0),
}
"""(Fill of the smallest rectangle around it, share of the largest triangle within it), exact for each ideal shape
whatever its proportions: an ellipse fills pi/4 of its rectangle, and its largest triangle covers 3 sqrt(3) / (4 pi)."""


def shape_word(mask: Mask, spacing_mm: tuple[float, float]) -> str:
    """Name the shape of a mask: `circle`, `oval`, `triangle`, `square` or `rectangle`.

    The rule looks at the convex hull of the largest connected piece, in mm, so that specks do not count and the
    myocardium's arch is named by its outline. Two fractions - how much of its smallest rectangle the hull fills, and
    how much of the hull its largest triangle covers - are compared with those of an ellipse, a rectangle and a
    triangle; the nearest wins. Nearly equal sides (`ROUND_FROM`) turn oval into circle and rectangle into square.

    Args:
        mask: (H, W) bool.
        spacing_mm: (rows, columns) in mm.

    Raises:
        PromptError: the mask is not a boolean image, is empty, or the spacing is not positive and finite.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise PromptError("shape word", "mask", f"{mask.dtype} {mask.shape}", "a boolean mask (H, W)")
    if not mask.any():
        raise PromptError(
            "shape word", "mask", "empty", "a mask with at least one pixel",
            "Pass no shape for this structure: the sentence then leaves the clause out.",
        )  # fmt: skip
    if len(spacing_mm) != 2 or not all(0 < s < math.inf for s in spacing_mm):
        raise PromptError("shape word", "spacing_mm", spacing_mm, "two positive, finite distances in mm")
    hull = _hull_mm(largest_piece(mask), spacing_mm)
    area = _polygon_area(hull)
    short, long = _smallest_rectangle(hull)
    found = (area / (short * long), _largest_triangle_area(hull) / area)
    nearest = min(_PROTOTYPES, key=lambda name: math.dist(found, _PROTOTYPES[name]))
    even = short / long >= ROUND_FROM
    if nearest == "ellipse":
        return "circle" if even else "oval"
    if nearest == "rectangle":
        return "square" if even else "rectangle"
    return "triangle"


def _hull_mm(mask: Mask, spacing_mm: tuple[float, float]) -> NDArray[np.float64]:
    """Corners (n, 2) of the convex hull of the pixels' squares, counter-clockwise, in mm."""
    from scipy.spatial import ConvexHull

    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    corners = np.concatenate([np.stack([rows + edge, side], axis=1) for edge in (0, 1) for side in (first, last)])
    points = corners * np.asarray(spacing_mm, dtype=np.float64)
    return np.asarray(points[ConvexHull(points).vertices])


def _polygon_area(corners: NDArray[np.float64]) -> float:
    row, column = corners.T
    return float(abs(row @ np.roll(column, -1) - column @ np.roll(row, -1)) / 2)


def _smallest_rectangle(hull: NDArray[np.float64]) -> tuple[float, float]:
    """(Short, long) side in mm of the rectangle of least area around the hull; one side lies along a hull edge."""
    edges = np.roll(hull, -1, axis=0) - hull
    along = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    across = along[:, ::-1] * (-1, 1)
    sides = np.stack([np.ptp(hull @ direction.T, axis=0) for direction in (along, across)])
    short, long = np.sort(sides[:, sides.prod(axis=0).argmin()])
    return float(short), float(long)


def _largest_triangle_area(hull: NDArray[np.float64]) -> float:
    """Area in mm2 of the largest triangle between corners of the hull, by trying all of them."""
    best = 0.0
    for index, corner in enumerate(hull):
        row, column = (hull[index + 1 :] - corner).T
        doubled = np.abs(np.outer(row, column) - np.outer(column, row))
        best = max(best, float(doubled.max(initial=0.0)) / 2)
    return best
