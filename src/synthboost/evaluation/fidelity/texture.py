"""The texture of an image, region by region: radiomic features, and the statistics of speckle.

Radiomic features are grey values, co-occurring pairs of them, and gradients, as the Image Biomarker Standardisation
Initiative defines them (arXiv 1612.07003): 16 grey levels of equal width over 0-255, pairs at distance 1 in four
directions, counted both ways and pooled. Speckle statistics are level, contrast, how Rayleigh it is, and how large its
grains are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import GreyImage, Mask
from synthboost.errors import DataError
from synthboost.evaluation.fidelity.echo_set import EchoRegion, EchoSet

Numbers = NDArray[np.float64]

FEATURES: tuple[str, ...] = (
    "mean", "sd", "skewness", "kurtosis", "entropy", "p10", "p50", "p90",
    "pair contrast", "pair dissimilarity", "pair homogeneity", "pair energy", "pair entropy", "pair correlation",
    "gradient mean", "gradient sd", "gradient p90",
)  # fmt: skip
"""Of one region. Entropies in bits."""
LEVELS = 16
FEWEST_PIXELS = 32
"""Below it a region has no features and no statistics; a guess."""
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
DYNAMIC_RANGE_DB = 60.0
"""Assumed of grey values 0-255 when they are turned back into amplitudes; a guess, the same for all images compared."""
LONGEST_LAG = 8
"""Pixels; a longer correlation is reported as this."""
MOST_NAKAGAMI = 100.0
"""A constant region would have infinity."""
TREND = 1 / 32
"""Of the longer side: the Gaussian width of what counts as the region's shading, not its speckle; a guess."""


def radiomic_features(images: EchoSet) -> Numbers:
    """(n, 68): the 17 of `FEATURES` for each of LV, MYO, LA and tissue; NaN for a region of fewer than 32 pixels."""
    rows = [
        [_region_features(images.images[i], images.mask(i, region)) for region in EchoRegion]
        for i in range(len(images))
    ]
    return np.asarray(rows, dtype=np.float64).reshape(len(images), -1)


def _region_features(image: GreyImage, mask: Mask) -> Numbers:
    if np.count_nonzero(mask) < FEWEST_PIXELS:
        return np.full(len(FEATURES), np.nan)
    return np.concatenate([_first_order(image[mask]), _pairs(image, mask), _gradient(image, mask)])


def _first_order(values: NDArray[np.uint8]) -> Numbers:
    grey = values.astype(np.float64)
    mean, sd = grey.mean(), grey.std()
    unit = (grey - mean) / sd if sd > 0 else np.zeros_like(grey)
    levels = np.bincount(values // (256 // LEVELS), minlength=LEVELS) / values.size
    return np.array(
        [mean, sd, (unit**3).mean(), (unit**4).mean(), _entropy(levels), *np.percentile(grey, [10, 50, 90])]
    )


def _pairs(image: GreyImage, mask: Mask) -> Numbers:
    """Haralick's statistics of the matrix of neighbouring levels."""
    level = image // (256 // LEVELS)
    counts = np.zeros(LEVELS * LEVELS)
    for down, right in _STEPS:
        here, there = _neighbours(level, down, right)
        both = np.logical_and(*_neighbours(mask, down, right))
        counts += np.bincount(here[both].astype(np.intp) * LEVELS + there[both], minlength=LEVELS * LEVELS)
    matrix = counts.reshape(LEVELS, LEVELS)
    matrix = matrix + matrix.T
    if matrix.sum() == 0:  # pixels that all lie apart
        return np.full(6, np.nan)
    p = matrix / matrix.sum()
    i, j = np.indices(p.shape)
    mean = (p * i).sum()
    variance = (p * (i - mean) ** 2).sum()
    correlation = (p * (i - mean) * (j - mean)).sum() / variance if variance > 0 else 1.0
    gap = np.abs(i - j)
    contrast, dissimilarity, homogeneity = (p * gap**2).sum(), (p * gap).sum(), (p / (1 + gap**2)).sum()
    return np.array([contrast, dissimilarity, homogeneity, (p**2).sum(), _entropy(p.ravel()), correlation])


def _neighbours(array: NDArray[np.generic], down: int, right: int) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """The array without its last rows and columns, and the same moved down and to the right (or left)."""
    height, width = array.shape
    if right >= 0:
        return array[: height - down, : width - right], array[down:, right:]
    return array[: height - down, -right:], array[down:, : width + right]


def _gradient(image: GreyImage, mask: Mask) -> Numbers:
    """Length of the central differences, grey values per pixel."""
    down, right = np.gradient(image.astype(np.float64))
    length = np.hypot(down, right)[mask]
    return np.array([length.mean(), length.std(), np.percentile(length, 90)])


def _entropy(p: Numbers) -> float:
    some = p[p > 0]
    return float(-(some * np.log2(some)).sum())


SPECKLE = ("mean", "sd", "snr", "skewness", "nakagami_m", "rayleigh_misfit", "axial_length", "lateral_length")
"""The statistics of `speckle`."""


def speckle(image: GreyImage, mask: Mask) -> dict[str, float] | None:
    """Measure the speckle in a mask (H, W) of an image (H, W); `None` if fewer than 32 of its pixels are not black.

    Amplitudes are 10 ** (grey / 255 * dynamic range / 20). The Nakagami parameter m solves trigamma(m) = variance of
    the logarithm of the intensity, which follows from the intensity being gamma distributed. The common estimate by
    moments of the intensity hangs on the brightest pixels: it gives 0.09 for CAMUS' myocardium, this one 0.6 to 0.7.
    Lengths are of the grey values after the local mean has been taken off.

    Returns:
        By the names of `SPECKLE`. Black pixels are left out of all but the correlation lengths.
        mean, sd: of the grey values.
        snr: mean / sd of the amplitudes; 1.91 for Rayleigh speckle.
        skewness: of the grey values; -1.14 for log-compressed Rayleigh speckle.
        nakagami_m: of the amplitudes; 1 is Rayleigh, less is clumped, more is smoothed, at most 100.
        rayleigh_misfit: largest difference between the amplitudes' distribution and the Rayleigh one of equal power.
        axial_length: lag in pixels along a column (nearly the beam) at which the autocorrelation falls to 1/2.
        lateral_length: the same along a row.

    Raises:
        DataError: the shapes differ.
    """
    if image.shape != mask.shape or mask.dtype != np.bool_:
        raise DataError("speckle", "mask", f"{mask.dtype} {mask.shape}", f"bool {image.shape}, as the image has")
    grey = image[mask & (image > 0)].astype(np.float64)
    if grey.size < FEWEST_PIXELS:
        return None
    amplitude = 10 ** (grey / 255 * DYNAMIC_RANGE_DB / 20)
    power = amplitude**2
    mean, sd = float(grey.mean()), float(grey.std())
    residual = _without_shading(image, mask)
    values = (
        mean,
        sd,
        _ratio(float(amplitude.mean()), float(amplitude.std())),
        _ratio(float(((grey - mean) ** 3).mean()), sd**3),
        _nakagami(float(np.log(power).var())),
        _misfit(power),
        _half_length(residual, mask),
        _half_length(residual.T, mask.T),
    )
    return dict(zip(SPECKLE, values, strict=True))


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
