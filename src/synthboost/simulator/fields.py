"""Smooth random fields: the irregularity of tissue, haze and gain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft

Field = NDArray[np.float32]
"""(depths, beams) on a polar grid."""
Values = NDArray[np.floating[Any]]
"""The same, of any precision: an intermediate result."""


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
