"""The fan that a scanner shows, its two grids, beams (polar) and pixels (the frame), and conversion between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import GreyImage, Mask

Floats = NDArray[np.float64]
Points = NDArray[np.float64]
"""(N, 2) positions in mm: x to the right of the fan's axis, z below the fan's tip."""
Field = NDArray[np.float32]
"""(depths, beams) on a polar grid."""
Values = NDArray[np.floating[Any]]
"""The same, of any precision: an intermediate result."""


@dataclass(frozen=True)
class Fan:
    """A fan whose tip is the top centre of the frame."""

    half_angle_deg: float
    depth_mm: float

    @property
    def half_angle(self) -> float:
        """Radians."""
        return float(np.deg2rad(self.half_angle_deg))

    @property
    def width_mm(self) -> float:
        """Of the frame that holds the fan."""
        return 2.0 * self.depth_mm * float(np.sin(self.half_angle))

    def contains(self, x: Floats, z: Floats, margin_mm: float = 0.0) -> NDArray[np.bool_]:
        """Whether points lie inside the fan, at least `margin_mm` from its edges."""
        to_side = z * np.sin(self.half_angle) - np.abs(x) * np.cos(self.half_angle)
        return np.asarray((to_side >= margin_mm) & (np.hypot(x, z) <= self.depth_mm - margin_mm))


@dataclass(frozen=True)
class PixelGrid:
    """The frame: square pixels, row 0 at the tip of the fan."""

    fan: Fan
    spacing_mm: float

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W): the fan's depth and width in whole pixels."""
        return round(self.fan.depth_mm / self.spacing_mm), round(self.fan.width_mm / self.spacing_mm)

    def centres_mm(self) -> tuple[Floats, Floats]:
        """Positions of the pixels: x (1, W) and z (H, 1), mm."""
        height, width = self.shape
        x = (np.arange(width) - (width - 1) / 2.0) * self.spacing_mm
        z = (np.arange(height) + 0.5) * self.spacing_mm
        return np.asarray(x[None, :]), np.asarray(z[:, None])

    def to_index(self, points: Points) -> Points:
        """(N, 2) points in mm as (row, column), where integers are pixel centres."""
        column = points[:, 0] / self.spacing_mm + (self.shape[1] - 1) / 2.0
        return np.stack([points[:, 1] / self.spacing_mm - 0.5, column], axis=1)

    def inside(self) -> Mask:
        """(H, W) pixels whose centre lies in the fan."""
        return self.fan.contains(*self.centres_mm())


@dataclass(frozen=True)
class PolarGrid:
    """Samples along beams. Two guard beams on each side keep filters from wrapping across the fan."""

    fan: Fan
    step_mm: float
    step_rad: float

    @property
    def shape(self) -> tuple[int, int]:
        """(depths, beams)."""
        beams = 2 * int(np.ceil(self.fan.half_angle / self.step_rad + 2.0)) + 1
        return int(np.ceil(self.fan.depth_mm / self.step_mm)) + 2, beams

    @property
    def depths_mm(self) -> NDArray[np.float32]:
        """(depths,) distance from the tip."""
        return (np.arange(self.shape[0], dtype=np.float32) + 0.5) * np.float32(self.step_mm)

    @property
    def angles(self) -> NDArray[np.float32]:
        """(beams,) radians; negative to the left."""
        beams = self.shape[1]
        return (np.arange(beams, dtype=np.float32) - (beams - 1) / 2.0) * np.float32(self.step_rad)

    def to_index(self, points: Points) -> Points:
        """(N, 2) points in mm as (depth index, beam index), where integers are samples."""
        depth = np.hypot(points[:, 0], points[:, 1]) / self.step_mm - 0.5
        beam = np.arctan2(points[:, 0], points[:, 1]) / self.step_rad + (self.shape[1] - 1) / 2.0
        return np.stack([depth, beam], axis=1)

    def points_mm(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """x and z of all samples, (depths, beams) each."""
        depth, angle = self.depths_mm[:, None], self.angles[None, :]
        return np.asarray(depth * np.sin(angle)), np.asarray(depth * np.cos(angle))


def along(points: Points, place: Callable[[float], Floats]) -> Points:
    """Points on a line (N, 2), at the places that `place` chooses for its length; in mm both."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    even = place(length[-1])
    return np.stack([np.interp(even, length, points[:, k]) for k in (0, 1)], axis=1)


def fill_polygon(vertices: Points, shape: tuple[int, int]) -> Mask:
    """Fill a polygon by the even-odd rule, sampled exactly at the grid's points.

    Two polygons that share an edge therefore neither overlap along it nor leave a gap.

    Args:
        vertices: (N, 2) as (row, column) in index units; the last is joined to the first; may leave the grid.
        shape: of the grid, (rows, columns).
    """
    rows, columns = shape
    start, end = vertices, np.roll(vertices, -1, axis=0)
    upper, lower = np.where(start[:, :1] <= end[:, :1], start, end), np.where(start[:, :1] <= end[:, :1], end, start)
    # Each edge owns the rows in [upper, lower): a vertex that lies on a row is counted once.
    first = np.clip(np.ceil(upper[:, 0]), 0, rows).astype(np.intp)
    last = np.clip(np.ceil(lower[:, 0]), 0, rows).astype(np.intp)
    count = last - first
    edge = np.repeat(np.arange(len(vertices)), count)
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    along = (row - upper[edge, 0]) / (lower[edge, 0] - upper[edge, 0])
    crossing = upper[edge, 1] + along * (lower[edge, 1] - upper[edge, 1])
    column = np.clip(np.ceil(crossing), 0, columns).astype(np.intp)
    filled = np.zeros(shape, dtype=bool)
    if len(row) == 0:
        return filled
    # Counted around the polygon only; of a count that overflows the last bit, which is all that is asked, stays right.
    top, left = row.min(), column.min()
    toggles = np.zeros((row.max() + 1 - top, column.max() + 1 - left), dtype=np.uint8)
    np.add.at(toggles, (row - top, column - left), 1)
    odd = (np.cumsum(toggles[:, :-1], axis=1, dtype=np.uint8) & 1).view(bool)
    filled[top : top + odd.shape[0], left : left + odd.shape[1]] = odd
    return filled


def window_around(points: Points, shape: tuple[int, int], margins: Sequence[int]) -> tuple[slice, slice]:
    """Part of a grid around points (N, 2), in index units, with so many samples more on each side (rows, columns)."""
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0)) + 1
    rows, columns = (
        slice(int(np.clip(a - margin, 0, size)), int(np.clip(b + margin, 0, size)))
        for a, b, margin, size in zip(low, high, margins, shape, strict=True)
    )
    return rows, columns


@lru_cache(maxsize=8)
def scan_converter(polar: PolarGrid, pixels: PixelGrid) -> Callable[[Field], GreyImage]:
    """Return the bilinear interpolation from a polar grid to a frame; both frames of a view share it.

    It converts grey levels in [0, 1] along beams to (H, W) uint8: 1-255 in the fan, exactly 0 around it.
    """
    inside = pixels.inside()
    x, z = (np.broadcast_to(a, pixels.shape)[inside] for a in pixels.centres_mm())
    index = polar.to_index(np.stack([x, z], axis=1))
    rows, beams = polar.shape
    # Above the first sample, the first sample stands in.
    depth, beam = np.clip(index[:, 0], 0.0, rows - 1.001), np.clip(index[:, 1], 0.0, beams - 1.001)
    row, column = depth.astype(np.int32), beam.astype(np.int32)
    down, right = (depth - row).astype(np.float32), (beam - column).astype(np.float32)
    corner = row * np.int32(beams) + column
    neighbours = np.stack([corner, corner + 1, corner + beams, corner + beams + 1]).astype(np.int32)
    weights = np.stack([(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right])

    def convert(levels: Field) -> GreyImage:
        values = (levels.ravel()[neighbours] * weights).sum(axis=0)
        image = np.zeros(inside.shape, dtype=np.uint8)
        image[inside] = np.round(1.0 + 254.0 * values).astype(np.uint8)
        return image

    return convert
