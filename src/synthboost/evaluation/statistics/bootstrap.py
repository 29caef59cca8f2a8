"""Confidence intervals of a mean by resampling patients, not images (a cluster bootstrap)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.statistics.tests import ROUNDING, patient_sums

DRAWS = 10_000
"""Enough that the ends of a 95 % interval move by about 1 % of its width between seeds."""

TAILS = np.array([(1 - 0.95) / 2, (1 + 0.95) / 2])
"""Of an interval of 95 %."""
DECIMALS = 12
"""Of a mean and of the ends of its interval, so that rounding cannot put an end of exactly 0 on either side."""
FEW_PATIENTS = 500
"""Up to so many, the draws are kept for the next interval (40 MB each at most)."""


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % confidence interval, in the unit of the values."""

    mean: float
    low: float
    high: float
    n_patients: int


def bootstrap_mean(values: ArrayLike, patients: Sequence[str], *, seed: int, draws: int = DRAWS) -> Interval:
    """95 % interval of the mean over all values, when the patients are drawn anew with all the values they have.

    For a paired difference, pass the differences. It is Efron's bias-corrected and accelerated interval (BCa; J Am Stat
    Assoc 82:171, 1987), its acceleration from leaving out one patient at a time. When every patient has the same mean,
    the interval is that point.

    Args:
        values: (n,) one per image-structure pair.
        patients: (n,) whose each value is.
        seed: of the random draws.
        draws: number of resamplings.

    Raises:
        DataError: fewer than two patients, no patient column, or a value that is not finite.
        ConfigError: `draws` are fewer than 100.
    """
    if draws < 100:
        raise ConfigError("bootstrap", "draws", draws, "at least 100")
    sums, counts = patient_sums(values, patients)
    if sums.size < 2:
        raise DataError("bootstrap", "patients", sums.size, "at least two patients")
    mean = round(math.fsum(sums) / int(counts.sum()), DECIMALS)
    if np.ptp(sums / counts) <= ROUNDING:
        return Interval(mean, mean, mean, sums.size)
    means = _resampled_means(sums, counts, draws, seed)
    low, high = np.quantile(means, _bca_tails(TAILS, mean, means, sums, counts)).tolist()
    return Interval(mean, round(low, DECIMALS), round(high, DECIMALS), sums.size)


def _resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.int64], draws: int, seed: int
) -> NDArray[np.float64]:
    """(draws,) means over the values of as many patients as there are, drawn with replacement."""
    times = (_kept_times if sums.size <= FEW_PATIENTS else _times)(sums.size, draws, seed)
    return np.asarray((times @ sums) / (times @ counts))


def _times(patients: int, draws: int, seed: int) -> NDArray[np.float64]:
    """(draws, patients) how often each is drawn; as floats, because only their products are fast."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(patients, np.full(patients, 1 / patients), size=draws).astype(np.float64)


_kept_times = lru_cache(maxsize=4)(_times)
"""A study asks for hundreds of intervals over the same patients; drawing takes far longer than multiplying."""


def _bca_tails(
    tails: NDArray[np.float64],
    mean: float,
    means: NDArray[np.float64],
    sums: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The quantiles (2,) to take instead of `tails`, corrected for bias and skewness."""
    from scipy.special import ndtr, ndtri  # here, because importing it is slow

    above = means - mean
    below = (np.count_nonzero(above < -ROUNDING) + np.count_nonzero(np.abs(above) <= ROUNDING) / 2) / means.size
    bias = ndtri(np.clip(below, 0.5 / means.size, 1 - 0.5 / means.size))  # a few draws may all lie on one side
    without_one = (sums.sum() - sums) / (counts.sum() - counts)
    spread = without_one.mean() - without_one
    squares = (spread**2).sum()
    acceleration = (spread**3).sum() / (6 * squares**1.5) if squares > 0 else 0.0
    shifted = bias + ndtri(tails)
    return np.asarray(ndtr(bias + shifted / (1 - acceleration * shifted)))
