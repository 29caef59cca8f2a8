"""The ultrasound sector as a shape, found from an image: an apex, two edges and an arc.

Black pixels inside a fan are echo-free tissue, so `image != 0` is no sector: it has a hole wherever blood or a shadow
is black, and these holes would tell a network where the image is dark.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from synthboost.domain import GreyImage, Mask, largest_piece
from synthboost.errors import DataError

BRIGHT, BRIGHTER = 3, 15
"""Grey values above it are evidence of the fan; a guess, above the ringing of interpolation at the fan's rim. Where
these show no fan, values above the second are tried: above what JPEG leaves beside a fan, down to quality 20."""
SMALLEST_PIECE = 0.01
"""Bright pieces below this part of all bright pixels are no evidence (marks, text); a guess."""
TOLERANCE = 0.004
"""Of the frame's longer side: how far a rim's point may lie from its line or arc; a guess, at least one pixel."""
DRAWS = 400
"""Pairs of points tried per edge and for the arc: with 30 % of the rim visible, missing it has a chance of 1e-16."""
FEWEST = 0.2
"""Part of the rows (columns) that must show an edge (the arc); a guess."""
MOST_BESIDE = 0.1
"""Part of the bright pixels that may lie beside the fan in pieces of their own: grey bars, words, a second image. With
more, all pieces together are taken for a fan that shadows divide; a guess."""
MOST_OUTSIDE = 0.02
"""Part of the bright pixels that may lie outside the fan that was found; a guess."""
NARROWEST = 0.1
"""Columns per row by which the edges must part; a guess: 6 degrees, where sectors have 60 to 90."""
ASPECTS = (0.3, 3.0)
"""Width over height of a pixel, so of the arc's two half-axes; a guess with wide margins."""


@dataclass(frozen=True)
class Sector:
    """A fan in pixel units, where integers are pixel centres; pixels may be oblong, then its arc is an ellipse."""

    apex: tuple[float, float]
    """(row, column); may lie above the frame."""
    slopes: tuple[float, float]
    """Columns per row of the (left, right) edge; left < right."""
    radii: tuple[float, float]
    """Half-axes of the arc around the apex in (rows, columns)."""

    def __post_init__(self) -> None:
        """Refuse what is no fan (`DataError`): edges that do not open downwards, a radius that is not positive."""
        finite = np.isfinite((*self.apex, *self.slopes, *self.radii)).all()
        if not finite or self.slopes[0] >= self.slopes[1] or min(self.radii) <= 0:
            expected = "finite numbers, a left edge left of the right one, and positive radii"
            raise DataError("sector", "shape", self, expected)

    def mask(self, shape: tuple[int, int]) -> Mask:
        """(H, W) pixels whose centre lies in the fan."""
        below = np.arange(shape[0])[:, None] - self.apex[0]
        aside = np.arange(shape[1])[None, :] - self.apex[1]
        within = (below / self.radii[0]) ** 2 + (aside / self.radii[1]) ** 2 <= 1
        return np.asarray((below >= 0) & (aside >= self.slopes[0] * below) & (aside <= self.slopes[1] * below) & within)


def find_sector(image: GreyImage, name: str = "image") -> Sector:
    """Find the fan of an image by fitting two lines and an arc to the rim of what is bright.

    Each edge is the line that most rows' outermost bright pixels lie on, and few lie beyond; so a shadow at an edge, or
    a mark outside, does not move it (random sample consensus, Fischler and Bolles, Commun ACM 24:381, 1981; the
    samples are always the same). The arc is fitted likewise to the columns' lowest bright pixels, with both half-axes
    free: pixels may be oblong, and headers wrong. Where the frame cuts the fan, its rim is left out. The largest bright
    piece is the fan, if there is little beside it; else all large ones are.

    Args:
        image: (H, W) uint8, the probe on top.
        name: of the image, for messages.

    Raises:
        DataError: an edge or the arc cannot be made out, or the fan leaves out too much that is bright.
    """
    try:
        return _find(image, BRIGHT, name)
    except DataError:
        with suppress(DataError):
            return _find(image, BRIGHTER, name)
        raise


def without_marks(image: GreyImage) -> GreyImage:
    """Return an image (H, W) without the words, bars and curves that lie beside its fan: they are black.

    Whatever touches the fan stays, and all of an image in which no fan is found.
    """
    from scipy import ndimage

    pieces, _ = ndimage.label(image > BRIGHT, structure=np.ones((3, 3)))
    if _is_all_inside(pieces):  # most images: no fan has to be fitted
        return image
    try:
        fan = find_sector(image).mask((image.shape[0], image.shape[1]))
    except DataError:
        return image
    own = np.unique(pieces[_widened(fan)])
    marks = ~np.isin(pieces, own[own > 0]) & (pieces > 0)
    return np.where(marks, np.uint8(0), image) if marks.any() else image


def _is_all_inside(pieces: NDArray[np.int32]) -> bool:
    """Whether all numbered pieces (H, W) lie, row by row, between the two ends of the largest."""
    sizes = np.bincount(pieces.ravel())
    if len(sizes) < 3:  # the background, and one piece
        return True
    bright, largest = pieces > 0, pieces == 1 + sizes[1:].argmax()
    ends = [(mask.any(1), mask.argmax(1), mask[:, ::-1].argmax(1)) for mask in (bright, largest)]
    return all(map(np.array_equal, *ends))


def _find(image: GreyImage, above: int, name: str) -> Sector:
    """The fan of what is brighter than `above`; see `find_sector`."""
    bright = _evidence(image, above)
    largest = largest_piece(bright)
    with suppress(DataError):
        sector = _fit(largest, name)
        beside = np.count_nonzero(bright & ~largest & ~sector.mask(bright.shape))
        if beside <= MOST_BESIDE * np.count_nonzero(bright):
            return sector
    return _fit(bright, name)


def _fit(bright: Mask, name: str) -> Sector:
    """The fan around what is bright, (H, W); see `find_sector`."""
    rng = np.random.default_rng(0)
    tolerance = _tolerance(bright.shape)
    left, right = (_edge(bright, side, tolerance, rng, name) for side in (-1, 1))
    if right[1] - left[1] < NARROWEST:
        raise DataError(name, "sector", "edges that do not open downwards", "a fan with its apex on top")
    row = (right[0] - left[0]) / (left[1] - right[1])
    apex = (float(row), float(left[0] + left[1] * row))
    sector = Sector(apex, (left[1], right[1]), _arc(bright, apex, (left[1], right[1]), tolerance, rng, name))
    outside = np.count_nonzero(bright & ~_widened(sector.mask(bright.shape))) / np.count_nonzero(bright)
    if outside > MOST_OUTSIDE:
        raise DataError(
            name, "sector", f"{outside:.1%} of the bright pixels lie outside the fan that fits best",
            f"at most {MOST_OUTSIDE:.0%}", "Look at the image: is it a sector, upright, and free of text?",
        )  # fmt: skip
    return sector


def _tolerance(shape: tuple[int, ...]) -> float:
    return max(1.0, TOLERANCE * max(shape))


def _widened(fan: Mask) -> Mask:
    """A fan and what lies within the tolerance beside it, since coarse rims are jagged."""
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(fan, iterations=math.ceil(_tolerance(fan.shape))))


def _evidence(image: GreyImage, above: int) -> Mask:
    """Pixels brighter than `above` without small separate pieces, (H, W)."""
    from scipy import ndimage

    bright = image > above
    labels, _ = ndimage.label(bright, structure=np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    large = sizes >= max(2.0, SMALLEST_PIECE * sizes[1:].sum())
    large[0] = False
    return np.asarray(large[labels])


def _edge(bright: Mask, side: int, tolerance: float, rng: Generator, name: str) -> tuple[float, float]:
    """(column at row 0, columns per row) of the left (-1) or right (1) edge, half a pixel outside the bright ones."""
    rows = np.flatnonzero(bright.any(axis=1))
    width = bright.shape[1]
    columns = bright[rows].argmax(axis=1) if side < 0 else width - 1 - bright[rows, ::-1].argmax(axis=1)
    free = (columns > 0) & (columns < width - 1)
    x, y = rows[free].astype(np.float64), columns[free].astype(np.float64)
    word = "left edge" if side < 0 else "right edge"
    if len(x) < max(8.0, FEWEST * len(rows)):
        raise DataError(name, word, f"in {len(x)} of {bright.shape[0]} rows", "a rim that can be seen")
    first, second = _pairs(len(x), rng)
    apart = x[first] != x[second]
    slopes = (y[second] - y[first])[apart] / (x[second] - x[first])[apart]
    offsets = y[first][apart] - slopes * x[first][apart]
    beyond = side * (y - (offsets[:, None] + slopes[:, None] * x))  # (draws, rows), positive outside the fan
    near = np.abs(y - np.polyval(np.array([slopes[best := _best(beyond, tolerance)], offsets[best]]), x)) <= tolerance
    if (straight := np.count_nonzero(near)) < FEWEST * len(rows):
        raise DataError(name, word, f"straight in {straight} of {len(rows)} rows", f"in {FEWEST:.0%} at least")
    slope, offset = np.polyfit(x[near], y[near], 1)
    # The outermost pixel centre lies between 0 and 1 pixel inside the true line: half a pixel on average.
    return float(offset + side * 0.5), float(slope)


def _arc(
    bright: Mask, apex: tuple[float, float], slopes: tuple[float, float], tolerance: float, rng: Generator, name: str
) -> tuple[float, float]:
    """Half-axes of the arc in (rows, columns)."""
    height = bright.shape[0]
    columns = np.flatnonzero(bright.any(axis=0))
    rows = height - 1 - bright[::-1, columns].argmax(axis=0)
    below, aside = rows - apex[0] + 0.5, columns - apex[1]
    # A column's lowest bright pixel shows the arc unless the frame cuts it or an edge of the fan is what ends there.
    clear = (aside > slopes[0] * (below - 2 * tolerance)) & (aside < slopes[1] * (below - 2 * tolerance))
    free = (rows < height - 1) & clear & (below > 0)
    u, v = below[free] ** 2, aside[free].astype(np.float64) ** 2
    if len(u) < max(8.0, FEWEST * len(columns)):
        raise DataError(name, "arc", f"in {len(u)} of {len(columns)} columns", "a lower rim that can be seen")
    first, second = _pairs(len(u), rng)
    # p u + q v = 1 through two points
    with np.errstate(divide="ignore", invalid="ignore"):
        determinant = u[first] * v[second] - u[second] * v[first]
        p, q = (v[second] - v[first]) / determinant, (u[first] - u[second]) / determinant
        aspect = np.sqrt(p / q)
    usable = (p > 0) & (q > 0) & (aspect > ASPECTS[0]) & (aspect < ASPECTS[1])
    if not usable.any():
        raise DataError(name, "arc", "no two points of the lower rim lie on one", "a rim curved around the apex")
    p, q = p[usable], q[usable]
    beyond = (np.sqrt(p[:, None] * u + q[:, None] * v) - 1) / np.sqrt(p)[:, None]
    near = np.abs(beyond[_best(beyond, tolerance)]) <= tolerance
    if np.count_nonzero(near) < FEWEST * len(u):
        raise DataError(name, "arc", f"in {np.count_nonzero(near)} of {len(u)} columns", f"in {FEWEST:.0%} at least")
    points = np.stack([u[near], v[near]], axis=1)
    fitted = np.linalg.lstsq(points, np.ones(len(points)), rcond=None)[0]
    if not (fitted > 0).all():
        raise DataError(name, "arc", "bends upwards", "a rim curved around the apex")
    return float(fitted[0] ** -0.5), float(fitted[1] ** -0.5)


def _pairs(count: int, rng: Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Two different indices per draw, (DRAWS,) each."""
    first = rng.integers(count, size=DRAWS)
    return first, (first + rng.integers(1, count, size=DRAWS)) % count


def _best(beyond: NDArray[np.float64], tolerance: float) -> int:
    """The draw with most points on the rim; a point beyond it counts twice against it."""
    on = np.count_nonzero(np.abs(beyond) <= tolerance, axis=1)
    return int((on - 2 * np.count_nonzero(beyond > tolerance, axis=1)).argmax())
