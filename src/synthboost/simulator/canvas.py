"""Painting on the polar grid: soft, ragged masks of polygons, bright lines, random texture."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from synthboost.simulator.fields import Field, Values
from synthboost.simulator.polygons import fill_polygon
from synthboost.simulator.sector import Points, PolarGrid
from synthboost.simulator.texture import OwnTexture, Texture

REFERENCE_STEP_MM = 0.2
"""Of the full polar grid: four samples per axial pulse width."""
REFERENCE_STEP_RAD = float(np.deg2rad(0.29))
"""Of the full polar grid: 256 beams over 75 degrees."""
RAGGEDNESS = 0.95
"""With it the visible border wanders about 1 mm around the true one, as human contours do (fitted by eye)."""


class Canvas:
    """One frame's polar grid and its stream of random texture."""

    def __init__(self, grid: PolarGrid, texture: Generator | Texture) -> None:
        """Prepare the coordinates, and the wandering of borders."""
        self.grid = grid
        self.texture = OwnTexture(texture, grid.shape) if isinstance(texture, Generator) else texture
        self.x, self.z = grid.points_mm()
        self._scale = (REFERENCE_STEP_MM / grid.step_mm, REFERENCE_STEP_RAD / grid.step_rad)
        # One ragged field serves all borders of a frame: fields are the main cost.
        self._ragged = self.field(4.0, 2.0)

    def samples(self, axial: float, lateral: float) -> tuple[float, float]:
        """Convert a size given in samples of the full grid to samples of this one."""
        return axial * self._scale[0], lateral * self._scale[1]

    def field(self, axial: float, lateral: float, still: bool = False) -> Field:
        """Unit Gaussian field, correlated over so many samples of the full grid; `still` ones do not move in a clip."""
        return self.texture.field(self.samples(axial, lateral), still)

    def soft(self, polygon: Points, ragged: float = RAGGEDNESS, sharpness: float = 0.35) -> Field:
        """Mask of a polygon (mm) in [0, 1] whose border is blurred and wanders."""
        mask = fill_polygon(self.grid.to_index(polygon), self.grid.shape).astype(np.float32)
        blurred = ndimage.gaussian_filter(mask, self.samples(3.5, 2.0), truncate=3.0)
        border = (blurred > 0.001) & (blurred < 0.999)
        at = blurred[border]
        # The wandering fades out away from the border, so that no speck appears far from it.
        wander = ragged * self._ragged[border] * at * (1.0 - at)
        mask[border] = np.clip((at - 0.5 + wander) / sharpness + 0.5, 0.0, 1.0)
        return mask

    def line(self, points: Points, amplitude: NDArray[np.float64]) -> Field:
        """Amplitude of a thin line (mm), deposited on the four nearest samples of each point."""
        rows, beams = self.grid.shape
        index = self.grid.to_index(points)
        deposit = np.zeros((rows, beams), dtype=np.float32)
        row, beam = np.floor(index).astype(np.intp).T
        down, right = (index - np.floor(index)).T
        for dr, db, weight in (
            (0, 0, (1 - down) * (1 - right)), (0, 1, (1 - down) * right),
            (1, 0, down * (1 - right)), (1, 1, down * right),
        ):  # fmt: skip
            keep = (row + dr >= 0) & (row + dr < rows) & (beam + db >= 0) & (beam + db < beams)
            np.add.at(deposit, (row[keep] + dr, beam[keep] + db), (amplitude * weight)[keep])
        return np.asarray(ndimage.gaussian_filter(deposit, self.samples(1.6, 0.7)), dtype=np.float32)


def paint(level: Field, mask: Field, value: Values | float) -> None:
    """Blend a value in dB into a map, in place."""
    level += mask * (value - level)
