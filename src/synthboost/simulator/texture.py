"""Where a frame's random texture comes from: numbers of its own, or those of its neighbours, moved with the tissue.

A frame between end diastole and end systole draws nothing new but blood and electronic noise. Its tissue has the
scatterers of the end-diastolic frame, carried along, and one after the other is replaced by one of the end-systolic
frame, as tissue that moves through the image plane replaces them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from synthboost.simulator.fields import Field, gaussian_field

Echo = NDArray[np.complex64]
"""(depths, beams) complex amplitude of the received signal."""
Number = TypeVar("Number", np.float32, np.complex64)
Gather = NDArray[np.intp]
"""(depths, beams): for each sample of this frame, the flat index of the sample in which its tissue was, or will be."""


class Texture(Protocol):
    """Random numbers of one frame, all (depths, beams). The order of calls is that of image formation."""

    def field(self, sigma: tuple[float, float], still: bool) -> Field:
        """Unit Gaussian field with these standard deviations in samples; `still`: does not move with tissue."""
        ...

    def grains(self, shape: float) -> Field:
        """Gamma variates of unit mean."""
        ...

    def scatterers(self, blood: Field | None) -> Echo:
        """Circular complex Gaussian noise of unit mean energy, bound to tissue but where `blood` (0-1) flows."""
        ...

    def noise(self, lasting: bool) -> Echo:
        """The same noise, not bound to tissue; `lasting`: hardly changes in a beat, as reverberation does."""
        ...


@dataclass
class OwnTexture:
    """Numbers drawn for this frame alone, and kept for frames beside it."""

    rng: Generator
    shape: tuple[int, int]
    drawn: list[NDArray[Any]] = field(default_factory=list)

    def field(self, sigma: tuple[float, float], still: bool) -> Field:
        """See `Texture`."""
        return self._keep(gaussian_field(self.rng, self.shape, sigma))

    def grains(self, shape: float) -> Field:
        """See `Texture`."""
        gamma = self.rng.standard_gamma(shape, self.shape, dtype=np.float32) / np.float32(shape)
        return self._keep(np.asarray(gamma, dtype=np.float32))

    def scatterers(self, blood: Field | None) -> Echo:
        """See `Texture`."""
        return self._keep(complex_noise(self.rng, self.shape))

    def noise(self, lasting: bool) -> Echo:
        """See `Texture`."""
        return self._keep(complex_noise(self.rng, self.shape))

    def _keep(self, array: NDArray[Number]) -> NDArray[Number]:
        self.drawn.append(array)
        return array


class TextureBetween:
    """A frame between two others."""

    def __init__(
        self,
        first: OwnTexture,
        last: OwnTexture,
        share: float,
        back: Gather,
        forth: Gather,
        order: Field,
        rng: Generator,
    ) -> None:
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
        """See `Texture`: both fields, blended so that the variance stays 1."""
        old, new = next(self._pairs) if still else self._moved()
        return np.asarray(np.sqrt(1.0 - self._share) * old + np.sqrt(self._share) * new, dtype=np.float32)

    def grains(self, shape: float) -> Field:
        """See `Texture`."""
        return np.asarray(np.where(self._moving_old, *self._moved()))

    def scatterers(self, blood: Field | None) -> Echo:
        """See `Texture`: blood has flown on, so that its scatterers are new in every frame."""
        tissue: Echo = np.asarray(np.where(self._moving_old, *self._moved()))
        if blood is None or self._share in (0.0, 1.0):
            return tissue
        flows = self._rng.random(blood.shape, dtype=np.float32) < blood
        return np.where(flows, complex_noise(self._rng, blood.shape), tissue)

    def noise(self, lasting: bool) -> Echo:
        """See `Texture`."""
        old, new = next(self._pairs)
        if lasting or self._share in (0.0, 1.0):
            return np.asarray(np.where(self._resting_old, old, new))
        return complex_noise(self._rng, old.shape)

    def _moved(self) -> tuple[Any, Any]:
        old, new = next(self._pairs)
        return old.ravel()[self._back], new.ravel()[self._forth]


def complex_noise(rng: Generator, shape: tuple[int, ...]) -> Echo:
    """Circular complex Gaussian noise of unit mean energy."""
    parts = rng.standard_normal((*shape, 2), dtype=np.float32)
    return np.asarray(parts.view(np.complex64)[..., 0] * np.float32(np.sqrt(0.5)))
