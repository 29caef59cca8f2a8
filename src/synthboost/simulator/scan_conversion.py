"""From beams to pixels: each pixel blends its four nearest samples, with weights computed once per geometry."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import GreyImage, Mask
from synthboost.simulator.fields import Field
from synthboost.simulator.sector import PixelGrid, PolarGrid


class ScanConverter:
    """Bilinear interpolation from one polar grid to one frame."""

    def __init__(self, polar: PolarGrid, pixels: PixelGrid) -> None:
        """Compute the neighbours and weights of every pixel in the fan."""
        self.inside: Mask = pixels.inside()
        x, z = (np.broadcast_to(a, pixels.shape)[self.inside] for a in pixels.centres_mm())
        index = polar.to_index(np.stack([x, z], axis=1))
        rows, beams = polar.shape
        # Above the first sample, the first sample stands in.
        depth, beam = np.clip(index[:, 0], 0.0, rows - 1.001), np.clip(index[:, 1], 0.0, beams - 1.001)
        row, column = depth.astype(np.int32), beam.astype(np.int32)
        down, right = (depth - row).astype(np.float32), (beam - column).astype(np.float32)
        corner = row * np.int32(beams) + column
        self._neighbours = np.stack([corner, corner + 1, corner + beams, corner + beams + 1]).astype(np.int32)
        self._weights: NDArray[np.float32] = np.stack(
            [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
        )

    def __call__(self, beams: Field) -> GreyImage:
        """Convert grey levels in [0, 1] along beams to (H, W) uint8: 1-255 in the fan, exactly 0 around it."""
        values = (beams.ravel()[self._neighbours] * self._weights).sum(axis=0)
        image = np.zeros(self.inside.shape, dtype=np.uint8)
        image[self.inside] = np.round(1.0 + 254.0 * values).astype(np.uint8)
        return image


@lru_cache(maxsize=8)
def scan_converter(polar: PolarGrid, pixels: PixelGrid) -> ScanConverter:
    """Return the converter of a geometry; both frames of a view share it."""
    return ScanConverter(polar, pixels)
