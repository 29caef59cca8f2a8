"""Radiomic features of an image, region by region: grey values, co-occurring pairs of them, gradients.

Definitions follow the Image Biomarker Standardisation Initiative (arXiv 1612.07003): 16 grey levels of equal width over
0-255, pairs at distance 1 in four directions, counted both ways and pooled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import GreyImage, Mask
from synthboost.evaluation.fidelity.echo_set import EchoSet, Region

Numbers = NDArray[np.float64]

FEATURES: tuple[str, ...] = (
    "mean", "sd", "skewness", "kurtosis", "entropy", "p10", "p50", "p90",
    "pair contrast", "pair dissimilarity", "pair homogeneity", "pair energy", "pair entropy", "pair correlation",
    "gradient mean", "gradient sd", "gradient p90",
)  # fmt: skip
"""Of one region. Entropies in bits."""
LEVELS = 16
FEWEST_PIXELS = 32
"""Below it a region has no features; a guess."""
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def feature_names() -> tuple[str, ...]:
    """The names of the columns of `radiomic_features`, e.g. `MYO pair contrast`."""
    return tuple(f"{region} {feature}" for region in Region for feature in FEATURES)


def radiomic_features(images: EchoSet) -> Numbers:
    """(n, 68) features, 17 for each of LV, MYO, LA and tissue; NaN for a region of fewer than 32 pixels."""
    rows = [
        [_region_features(images.images[i], images.mask(i, region)) for region in Region] for i in range(len(images))
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
