"""A frame's canvas and its random texture: numbers of its own, or those of its neighbours, moved with the tissue.

A frame between end diastole and end systole draws nothing new but blood and electronic noise. Its tissue has the
scatterers of the end-diastolic frame, carried along, and one after the other is replaced by one of the end-systolic
frame, as tissue that moves through the image plane replaces them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft, ndimage

from synthboost.simulator.fan import Field, Points, PolarGrid, Values, fill_polygon, window_around

Echo = NDArray[np.complex64]
"""(depths, beams) complex amplitude of the received signal."""
Number = TypeVar("Number", np.float32, np.complex64)
Gather = NDArray[np.intp]
"""(depths, beams): for each sample of this frame, the flat index of the sample in which its tissue was, or will be."""
REFERENCE_STEP_MM = 0.2
"""Of the full polar grid: four samples per axial pulse width."""
REFERENCE_STEP_RAD = float(np.deg2rad(0.29))
"""Of the full polar grid: 256 beams over 75 degrees."""
RAGGEDNESS = 0.95
"""With it the visible border wanders about 1 mm around the true one, as human contours do (fitted by eye)."""


@dataclass
class OwnTexture:
    """Numbers drawn for this frame alone, all (depths, beams), and kept for frames beside it.

    The order of calls is that of image formation.
    """

    rng: Generator
    shape: tuple[int, int]
    drawn: list[NDArray[Any]] = field(default_factory=list)

    def field(self, sigma: tuple[float, float], still: bool) -> Field:
        """Unit Gaussian field with these standard deviations in samples; `still`: does not move with tissue."""
        return self._keep(gaussian_field(self.rng, self.shape, sigma))

    def grains(self, shape: float) -> Field:
        """Gamma variates of unit mean."""
        gamma = self.rng.standard_gamma(shape, self.shape, dtype=np.float32) / np.float32(shape)
        return self._keep(np.asarray(gamma, dtype=np.float32))

    def scatterers(self, blood: Field | None) -> Echo:
        """Circular complex Gaussian noise of unit mean energy, bound to tissue but where `blood` (0-1) flows."""
        return self._keep(complex_noise(self.rng, self.shape))

    def noise(self, lasting: bool) -> Echo:
        """The same noise, not bound to tissue; `lasting`: hardly changes in a beat, as reverberation does."""
        return self._keep(complex_noise(self.rng, self.shape))

    def _keep(self, array: NDArray[Number]) -> NDArray[Number]:
        self.drawn.append(array)
        return array


class TextureBetween:
    """Numbers of a frame between two others, with the methods of `OwnTexture`."""

    def __init__(
        self, first: OwnTexture, last: OwnTexture, share: float, back: Gather, forth: Gather, order: Field,
        rng: Generator,
    ) -> None:  # fmt: skip
        """Prepare to repeat what both drew.

        Args:
            first, last: frames that are finished.
            share: 0 at the first, 1 at the last: of the scatterers that are the last frame's.
            back, forth: where tissue of this frame is in the first, and in the last.
            order: in [0, 1), in the first frame: a scatterer is replaced once `share` exceeds it.
            rng: for blood and electronic noise.
        """
        self._pairs: Iterator[tuple[Any, Any]] = zip(first.drawn, last.drawn, strict=True)
        self._share, self._back, self._forth, self._rng = share, back, forth, rng
        self._moving_old = order.ravel()[back] >= share
        self._resting_old = order >= share

    def field(self, sigma: tuple[float, float], still: bool) -> Field:
        """See `OwnTexture`: both fields, blended so that the variance stays 1."""
        old, new = next(self._pairs) if still else self._moved()
        return np.asarray(np.sqrt(1.0 - self._share) * old + np.sqrt(self._share) * new, dtype=np.float32)

    def grains(self, shape: float) -> Field:
        """See `OwnTexture`."""
        return np.asarray(np.where(self._moving_old, *self._moved()))

    def scatterers(self, blood: Field | None) -> Echo:
        """See `OwnTexture`: blood has flown on, so that its scatterers are new in every frame."""
        tissue: Echo = np.asarray(np.where(self._moving_old, *self._moved()))
        if blood is None or self._share in (0.0, 1.0):
            return tissue
        flows = self._rng.random(blood.shape, dtype=np.float32) < blood
        return np.where(flows, complex_noise(self._rng, blood.shape), tissue)

    def noise(self, lasting: bool) -> Echo:
        """See `OwnTexture`."""
        old, new = next(self._pairs)
        if lasting or self._share in (0.0, 1.0):
            return np.asarray(np.where(self._resting_old, old, new))
        return complex_noise(self._rng, old.shape)

    def _moved(self) -> tuple[Any, Any]:
        old, new = next(self._pairs)
        return old.ravel()[self._back], new.ravel()[self._forth]


Texture = OwnTexture | TextureBetween


def complex_noise(rng: Generator, shape: tuple[int, ...]) -> Echo:
    """Circular complex Gaussian noise of unit mean energy."""
    parts = rng.standard_normal((*shape, 2), dtype=np.float32)
    return np.asarray(parts.view(np.complex64)[..., 0] * np.float32(np.sqrt(0.5)))


def gaussian_field(rng: Generator, shape: tuple[int, int], sigma: tuple[float, float]) -> Field:
    """Unit-variance Gaussian field with a Gaussian correlation of the given standard deviations, in samples.

    Made in the frequency domain; it is periodic, which nothing here notices.
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    spectrum = fft.rfft2(noise) * transfer(shape[0], sigma[0])[:, None] * transfer(shape[1], sigma[1], real=True)
    field = fft.irfft2(spectrum, shape)
    return np.asarray(field / field.std(), dtype=np.float32)


def transfer(count: int, sigma: float, real: bool = False) -> NDArray[np.float32]:
    """Frequency response of a Gaussian filter with that standard deviation in samples."""
    frequency = fft.rfftfreq(count) if real else fft.fftfreq(count)
    return np.asarray(np.exp(-2.0 * (np.pi * sigma * frequency) ** 2), dtype=np.float32)


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

    def soft(self, polygon: Points, sharpness: float = 0.35) -> Field:
        """Mask of a polygon (mm) in [0, 1] whose border is blurred and wanders."""
        index = self.grid.to_index(polygon)
        mask = fill_polygon(index, self.grid.shape).astype(np.float32)
        window, blurred = self._blurred(mask, index, self.samples(3.5, 2.0), truncate=3.0)
        border = (blurred > 0.001) & (blurred < 0.999)
        at = blurred[border]
        # The wandering fades out away from the border, so that no speck appears far from it.
        wander = RAGGEDNESS * self._ragged[window][border] * at * (1.0 - at)
        mask[window][border] = np.clip((at - 0.5 + wander) / sharpness + 0.5, 0.0, 1.0)
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
        window, blurred = self._blurred(deposit, index, self.samples(1.6, 0.7), truncate=4.0)
        deposit[window] = blurred
        return deposit

    def _blurred(
        self, field: Field, index: Points, sigma: tuple[float, float], truncate: float
    ) -> tuple[tuple[slice, slice], Field]:
        """Blur a field that is 0 but around these points; return where it is not 0 any more, and its values there."""
        reach = [int(truncate * s + 0.5) + 1 for s in sigma]  # the filter's own radius, and the sample beside a point
        window = window_around(index, self.grid.shape, reach)
        if field[window].size == 0:  # beside the fan
            return window, field[window]
        return window, np.asarray(ndimage.gaussian_filter(field[window], sigma, truncate=truncate), dtype=np.float32)


def paint(level: Field, mask: Field, value: Values | float) -> None:
    """Blend a value in dB into a map, in place."""
    level += mask * (value - level)
