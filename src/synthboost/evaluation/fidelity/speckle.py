"""Speckle statistics of one region: level, contrast, how Rayleigh it is, and how large its grains are."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import GreyImage, Mask
from synthboost.errors import DataError

Numbers = NDArray[np.float64]

DYNAMIC_RANGE_DB = 60.0
"""Assumed of grey values 0-255 when they are turned back into amplitudes; a guess, the same for all images compared."""
FEWEST_PIXELS = 32
"""Below it a region has no statistics; a guess."""
LONGEST_LAG = 8
"""Pixels; a longer correlation is reported as this."""
MOST_NAKAGAMI = 100.0
"""A constant region would have infinity."""
TREND = 1 / 32
"""Of the longer side: the Gaussian width of what counts as the region's shading, not its speckle; a guess."""


@dataclass(frozen=True)
class Speckle:
    """Statistics of the grey values of a region; black pixels are left out of all but the correlation lengths."""

    mean: float
    """Grey values, as is the next."""
    sd: float
    snr: float
    """mean / sd of the amplitudes; 1.91 for Rayleigh speckle."""
    skewness: float
    """Of the grey values; -1.14 for log-compressed Rayleigh speckle."""
    nakagami_m: float
    """Of the amplitudes, by the variance of their logarithm; 1 is Rayleigh, less is clumped, more is smoothed, at most
    100."""
    rayleigh_misfit: float
    """Largest difference between the amplitudes' distribution and the Rayleigh one of the same power, 0-1."""
    axial_length: float
    """Lag in pixels along a column (the beam's direction, nearly) at which the autocorrelation falls to 1/2."""
    lateral_length: float
    """The same along a row."""


SPECKLE: tuple[str, ...] = tuple(field.name for field in fields(Speckle))
"""The names of the statistics."""


def speckle(image: GreyImage, mask: Mask, dynamic_range_db: float = DYNAMIC_RANGE_DB) -> Speckle | None:
    """Measure the speckle in a mask (H, W) of an image (H, W); `None` if fewer than 32 of its pixels are not black.

    Amplitudes are 10 ** (grey / 255 * dynamic range / 20). The Nakagami parameter m solves trigamma(m) = variance of
    the logarithm of the intensity, which follows from the intensity being gamma distributed. The common estimate by
    moments of the intensity hangs on the brightest pixels: it gives 0.09 for CAMUS' myocardium, this one 0.6 to 0.7.
    Lengths are of the grey values after the local mean has been taken off.

    Raises:
        DataError: the shapes differ, or the dynamic range is not positive.
    """
    if image.shape != mask.shape or mask.dtype != np.bool_:
        raise DataError("speckle", "mask", f"{mask.dtype} {mask.shape}", f"bool {image.shape}, as the image has")
    if dynamic_range_db <= 0:
        raise DataError("speckle", "dynamic_range_db", dynamic_range_db, "a positive number of dB")
    grey = image[mask & (image > 0)].astype(np.float64)
    if grey.size < FEWEST_PIXELS:
        return None
    amplitude = 10 ** (grey / 255 * dynamic_range_db / 20)
    power = amplitude**2
    mean, sd = float(grey.mean()), float(grey.std())
    residual = _without_shading(image, mask)
    return Speckle(
        mean=mean,
        sd=sd,
        snr=_ratio(float(amplitude.mean()), float(amplitude.std())),
        skewness=_ratio(float(((grey - mean) ** 3).mean()), sd**3),
        nakagami_m=_nakagami(float(np.log(power).var())),
        rayleigh_misfit=_misfit(power),
        axial_length=_half_length(residual, mask),
        lateral_length=_half_length(residual.T, mask.T),
    )


def _ratio(above: float, below: float) -> float:
    """0 where there is nothing, or but rounding, to divide by: a constant region has no texture."""
    return above / below if below > 1e-12 * abs(above) else 0.0


def _nakagami(log_variance: float) -> float:
    """The m with trigamma(m) equal to the variance of the log intensity; trigamma falls from infinity to 0."""
    from scipy.optimize import brentq
    from scipy.special import polygamma

    low, high = 1e-3, MOST_NAKAGAMI
    if log_variance <= polygamma(1, high):
        return high
    return float(brentq(lambda m: polygamma(1, m) - log_variance, low, high))


def _misfit(power: Numbers) -> float:
    """Kolmogorov's distance between the intensities and the exponential distribution of their mean."""
    ordered = np.sort(power)
    expected = 1 - np.exp(-ordered / ordered.mean())
    steps = np.arange(ordered.size + 1) / ordered.size
    return float(max((steps[1:] - expected).max(), (expected - steps[:-1]).max()))


def _without_shading(image: GreyImage, mask: Mask) -> Numbers:
    """Grey values less their local mean over the mask; 0 outside."""
    from scipy import ndimage

    width = TREND * max(image.shape)
    weight = ndimage.gaussian_filter(mask.astype(np.float64), width)
    shading = ndimage.gaussian_filter(np.where(mask, image, 0.0), width) / np.maximum(weight, 1e-12)
    residual = np.where(mask, image - shading, 0.0)
    return np.asarray(np.where(mask, residual - residual[mask].mean(), 0.0))


def _half_length(residual: Numbers, mask: Mask) -> float:
    """Lag along the first axis at which the autocorrelation, over pairs inside the mask, crosses 1/2."""
    variance = float((residual[mask] ** 2).mean())
    if variance < 1e-12:  # rounding
        return 0.0
    before = 1.0
    for lag in range(1, min(LONGEST_LAG, len(mask) - 1) + 1):
        pairs = mask[lag:] & mask[:-lag]
        if not pairs.any():
            break
        now = float((residual[lag:] * residual[:-lag])[pairs].mean()) / variance
        if now <= 0.5:
            return lag - 1 + (before - 0.5) / (before - now)
        before = now
    return float(LONGEST_LAG) if before < 1.0 else 0.0  # of pixels that all lie apart nothing correlates
