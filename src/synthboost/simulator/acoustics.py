"""Image formation in beam space: scatterers, point spread, clutter, noise, and the scanner's grey levels."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft, ndimage

from synthboost.simulator.appearance import Acquisition
from synthboost.simulator.fan import Field, PolarGrid
from synthboost.simulator.texture import Canvas, Echo, Texture, transfer

SOUND_MM_PER_US = 1.54
APERTURE_MM = 19.0
"""Of a phased array; it bounds the resolution at depth."""
F_NUMBER = 2.2
"""Below the depth where the aperture is exhausted, the beam is this many wavelengths wide."""
GRAIN_SHAPE = 0.8
"""Of the gamma distribution of tissue's scatterers (K-distributed envelope: bright grains)."""
SKIRT_GAIN = 0.05
"""Amplitude of the beam's side lobes, 4.5 times wider than the beam."""
FWHM = 2.0 * float(np.sqrt(2.0 * np.log(2.0)))
"""Full width at half maximum of a Gaussian over its standard deviation."""


def form_image(
    canvas: Canvas, level: Field, blood: Field, mirrors: Field, acquisition: Acquisition, shared: Generator
) -> Field:
    """Simulate what a scanner shows along its beams.

    Args:
        canvas: the frame's grid and its stream of speckle.
        level: scatter strength, dB.
        blood: in [0, 1]; blood has fully developed speckle, tissue grains.
        mirrors: amplitude of mirror-like lines.
        acquisition: the scanner.
        shared: a stream that is the same for both instants of a view (shadows, gain), since the probe hardly moves.

    Returns:
        (depths, beams) grey levels in [0, 1].
    """
    decibel = envelope_decibel(canvas, level, blood, mirrors, acquisition, shared)
    decibel += _receive_gain(canvas, acquisition, shared)
    return to_grey(decibel, canvas.grid, acquisition)


def envelope_decibel(
    canvas: Canvas, level: Field, blood: Field, mirrors: Field, acquisition: Acquisition, shared: Generator
) -> Field:
    """Received echo before the scanner's own gain and compression, dB."""
    grid, texture = canvas.grid, canvas.texture
    scatter = np.exp(level * np.float32(np.log(10.0) / 20.0)) * _grains(texture, blood)
    scatter = scatter * texture.scatterers(blood)
    scatter += mirrors * (0.45 + texture.scatterers(None))
    scatter *= _shadows(grid, acquisition, shared)
    echo = point_spread(scatter, grid, acquisition)
    echo += point_spread(_clutter(canvas, acquisition, shared), grid, acquisition, lateral=1.7, skirt=False)
    deep = 14.0 * (grid.depths_mm / grid.fan.depth_mm) ** 1.5
    floor = acquisition.level(-41.0, -38.0, -35.0) - 20.0 * (1.0 - min(acquisition.artefacts, 1.0))
    echo += (10.0 ** ((floor + deep) / 20.0)).astype(np.float32)[:, None] * texture.noise(lasting=False)
    return np.asarray(20.0 * np.log10(np.abs(echo) + 1e-6), dtype=np.float32)


def point_spread(
    scatter: Echo, grid: PolarGrid, acquisition: Acquisition, lateral: float = 1.0, skirt: bool = True
) -> Echo:
    """Blur along and across the beams, keeping the mean energy.

    The axial width is constant; the lateral one, in angle, follows `0.82 wavelength max(F / r, 1 / D)`.
    """
    rows, beams = grid.shape
    padded = fft.next_fast_len(rows + 16)
    axial = transfer(padded, acquisition.vendor.axial_fwhm_mm / FWHM / grid.step_mm)
    echo = fft.ifft(fft.fft(scatter, padded, axis=0) * axial[:, None], axis=0)[:rows]
    echo /= np.sqrt(np.mean(axial**2))
    wavelength = SOUND_MM_PER_US / acquisition.vendor.frequency_mhz
    factor = acquisition.vendor.lateral_factor * acquisition.level(1.0, 1.1, 1.22) * lateral
    width = factor * 0.82 * wavelength * np.maximum(F_NUMBER / grid.depths_mm, 1.0 / APERTURE_MM)
    sigma = np.minimum(width / FWHM / grid.step_rad, beams / 8.0)
    across = _lateral_transfer(sigma, beams)
    if skirt:
        across += SKIRT_GAIN * _lateral_transfer(np.minimum(4.5 * sigma, beams / 4.0), beams)
    return np.asarray(fft.ifft(fft.fft(echo, axis=1) * across, axis=1), dtype=np.complex64)


def to_grey(decibel: Field, grid: PolarGrid, acquisition: Acquisition) -> Field:
    """Compress to grey levels in [0, 1] as an operator would set the gain, and reduce the speckle.

    The 5th and 95th percentile of the fan land on the operator's two grey levels, within a dynamic range of
    34-80 dB; both frames of a view are set alike because their histograms nearly agree.
    """
    low, high = np.percentile(decibel[::3, ::2], (5.0, 95.0))
    span = float(np.clip((high - low) / (acquisition.high - acquisition.low), 34.0, 80.0))
    grey = (decibel - high) / span + np.float32(acquisition.high)
    scale = (0.2 / grid.step_mm, np.deg2rad(0.29) / grid.step_rad)
    smooth = ndimage.gaussian_filter(grey, (5.0 * scale[0], 3.0 * scale[1]), truncate=3.0)
    grey = smooth + np.float32(acquisition.detail) * (grey - smooth)
    sigma = acquisition.vendor.smoothing
    grey = ndimage.gaussian_filter(grey, (sigma * scale[0], sigma * scale[1]))
    grey = np.clip(grey, 0.0, 1.0)
    if acquisition.vendor.curve == "s":
        grey = grey + 0.25 * (grey * grey * (3.0 - 2.0 * grey) - grey)
    elif acquisition.vendor.curve == "dark":
        grey = grey**1.1
    return np.asarray(grey**acquisition.gamma, dtype=np.float32)


def _grains(texture: Texture, blood: Field) -> Field:
    """Amplitude modulation of tissue: the root of a gamma variate with unit mean; 1 in blood."""
    gamma = texture.grains(GRAIN_SHAPE)
    return np.asarray(np.sqrt(gamma + blood * (1.0 - gamma)))


def _lateral_transfer(sigma: NDArray[np.float32], beams: int) -> NDArray[np.float32]:
    """(depths, beams) frequency response across the beams, one Gaussian per depth, of unit noise energy each."""
    response = np.exp(-2.0 * (np.pi * sigma[:, None] * fft.fftfreq(beams)[None, :]) ** 2)
    return np.asarray(response / np.sqrt(np.mean(response**2, axis=1, keepdims=True)), dtype=np.float32)


def _shadows(grid: PolarGrid, acquisition: Acquisition, shared: Generator) -> Field:
    """Transmission past ribs and lung at the edges of the fan, from 12 mm on."""
    half = grid.fan.half_angle
    gain = np.ones(grid.shape, dtype=np.float32)
    # The number of draws is fixed, so that a better image has the same shadows, only weaker or fewer.
    for rank in range(3):
        side, centre = shared.choice([-1.0, 1.0]), shared.uniform(0.55, 1.05)
        width, depth = shared.uniform(0.05, 0.16), shared.uniform(8.0, 22.0)
        share = float(np.clip(acquisition.level(0.25, 1.0, 2.2) - rank, 0.0, 1.0)) * acquisition.shadows
        lost = 1.0 - 10.0 ** (-share * depth / 20.0)
        profile = lost * np.exp(-(np.abs((grid.angles - side * centre * half) / width) ** 4))
        reach = np.clip((grid.depths_mm - 12.0) / 6.0, 0.0, 1.0)
        gain *= (1.0 - reach[:, None] * profile[None, :]).astype(np.float32)
    return gain


def _clutter(canvas: Canvas, acquisition: Acquisition, shared: Generator) -> Echo:
    """Haze: reverberation under the probe, off-axis echoes everywhere, and the skin's own bright layers."""
    grid = canvas.grid
    depth = grid.depths_mm[:, None]
    absent = 25.0 * (1.0 - min(acquisition.artefacts, 1.0))
    near = acquisition.level(-17.0, -12.0, -7.0) - absent + shared.normal(0.0, 1.5)
    reach, period = acquisition.level(13.0, 17.0, 22.0), shared.uniform(5.0, 9.0)
    haze = 10.0 ** (near / 20.0) * np.exp(-np.clip(depth - 8.0, 0.0, None) / reach)
    haze = haze * (1.0 + 0.25 * np.cos(2.0 * np.pi * depth / period))
    everywhere = acquisition.level(-29.0, -25.5, -21.0) - absent
    haze = haze + 10.0 ** (everywhere / 20.0) * 10.0 ** (3.0 * canvas.field(40.0, 25.0, still=True) / 20.0)
    ring, thick = shared.uniform(6.0, 11.0), shared.uniform(1.3, 2.4)
    skin = 10.0 ** (shared.uniform(-6.0, 3.0) / 20.0) * np.exp(-0.5 * ((depth - ring) / thick) ** 2)
    gain = 10.0 ** (acquisition.haze_db / 20.0)
    return np.asarray((gain * haze + skin) * canvas.texture.noise(lasting=True), dtype=np.complex64)


def _receive_gain(canvas: Canvas, acquisition: Acquisition, shared: Generator) -> Field:
    """What is left of the operator's depth compensation, and the weaker beams at the fan's edges, dB."""
    grid = canvas.grid
    share = min(acquisition.artefacts, 1.0)
    depth = grid.depths_mm / grid.fan.depth_mm
    along = np.cos(np.pi * np.outer(depth, np.arange(1, 4))) @ shared.normal(0.0, 1.6, 3)
    angle = np.abs(grid.angles) / grid.fan.half_angle
    fall = -(1.5 + share * max(0.0, shared.normal(2.0, 2.0))) * angle**3
    knots = np.linspace(grid.angles[0], grid.angles[-1], 9)
    shading = np.interp(grid.angles, knots, shared.normal(0.0, 1.5, 9))
    return np.asarray(share * along[:, None] + (fall + share * shading)[None, :], dtype=np.float32)
