"""The fan that a scanner shows, and the two grids on it: beams (polar) and pixels (the frame)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import Mask

Points = NDArray[np.float64]
"""(N, 2) positions in mm: x to the right of the fan's axis, z below the fan's tip."""


@dataclass(frozen=True)
class Sector:
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

    def contains(self, points: Points, margin_mm: float = 0.0) -> NDArray[np.bool_]:
        """(N,) whether points lie inside the fan, at least `margin_mm` from its edges."""
        x, z = points[:, 0], points[:, 1]
        to_side = z * np.sin(self.half_angle) - np.abs(x) * np.cos(self.half_angle)
        return np.asarray((to_side >= margin_mm) & (np.hypot(x, z) <= self.depth_mm - margin_mm))


@dataclass(frozen=True)
class PixelGrid:
    """The frame: square pixels, row 0 at the tip of the fan."""

    sector: Sector
    spacing_mm: float

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W): the fan's depth and width in whole pixels."""
        return round(self.sector.depth_mm / self.spacing_mm), round(self.sector.width_mm / self.spacing_mm)

    def centres_mm(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
        x, z = self.centres_mm()
        half, depth = self.sector.half_angle, self.sector.depth_mm
        return np.asarray((np.abs(x) * np.cos(half) <= z * np.sin(half)) & (np.hypot(x, z) <= depth))


@dataclass(frozen=True)
class PolarGrid:
    """Samples along beams. Two guard beams on each side keep filters from wrapping across the fan."""

    sector: Sector
    step_mm: float
    step_rad: float

    @property
    def shape(self) -> tuple[int, int]:
        """(depths, beams)."""
        beams = 2 * int(np.ceil(self.sector.half_angle / self.step_rad + 2.0)) + 1
        return int(np.ceil(self.sector.depth_mm / self.step_mm)) + 2, beams

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
