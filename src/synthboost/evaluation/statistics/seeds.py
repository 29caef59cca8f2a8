"""Variation over trainings (seeds) beside variation over patients, and an interval that covers both.

A bootstrap over patients speaks of the trained models at hand. Whether the *method* is better also hangs on how much
one training differs from the next, and of trainings there are few. A crossed bootstrap (patients and seeds drawn anew)
is far too narrow with three of them; Student's t with Satterthwaite's degrees of freedom is not.
`benchmarks/bench_seed_interval.py` measures the coverage of both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.statistics.arms import ArmPair
from synthboost.evaluation.statistics.tests import patient_sums

TOO_FEW = "1 run per arm: training noise not covered"
"""What is said instead of an interval over trainings."""


@dataclass(frozen=True)
class SeedInterval:
    """A mean difference and its interval for other patients *and* other trainings."""

    mean: float
    low: float
    high: float
    level: float
    standard_error: float
    degrees_of_freedom: float
    """Satterthwaite's; near the number of trainings when these vary more than patients do."""
    share_of_trainings: float
    """Part of the variance of the difference that comes from the trainings, 0-1."""


@dataclass(frozen=True)
class SeedVariation:
    """What several trainings of two arms tell."""

    n_first: int
    n_second: int
    sd_first: float | None
    """SD (n - 1) of the first arm's mean score over its trainings; `None` with a single one."""
    sd_second: float | None
    interval: SeedInterval | None
    """`None` when an arm has a single training, so that nothing tells how much the next would differ."""

    def __str__(self) -> str:
        """How many trainings stand behind the arms, and the warning when there are too few."""
        trainings = f"{self.n_first} against {self.n_second} trainings"
        if self.interval is not None:
            return trainings
        return TOO_FEW if (self.n_first, self.n_second) == (1, 1) else f"{trainings}: training noise not covered"


def seed_variation(arms: ArmPair, level: float = 0.95) -> SeedVariation:
    """Describe the variation over trainings, and form the interval where both arms have at least two.

    Raises:
        DataError: fewer than two patients, no patient column, or a score that is not finite.
        ConfigError: `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError("interval over seeds", "level", level, "a coverage between 0 and 1, such as 0.95")
    first, second = arms.first.mean(axis=1), arms.second.mean(axis=1)
    return SeedVariation(
        n_first=first.size,
        n_second=second.size,
        sd_first=_sd(first),
        sd_second=_sd(second),
        interval=_interval(arms, first, second, level) if min(first.size, second.size) > 1 else None,
    )


def _interval(arms: ArmPair, first: NDArray[np.float64], second: NDArray[np.float64], level: float) -> SeedInterval:
    """The difference varies by patients (clusters), by the first arm's trainings and by the second arm's."""
    pairs = arms.over_trainings
    of_patients, patients = _variance_by_patient(pairs.first - pairs.second, pairs.patients)
    parts = [of_patients, *(float(means.var(ddof=1)) / means.size for means in (first, second))]
    freedoms = [patients - 1, first.size - 1, second.size - 1]
    variance, mean = sum(parts), float(first.mean() - second.mean())
    if variance == 0:
        return SeedInterval(mean, mean, mean, level, 0.0, float(sum(freedoms)), 0.0)
    freedom = variance**2 / sum(part**2 / n for part, n in zip(parts, freedoms, strict=True))
    from scipy.special import stdtrit  # here, because importing it is slow

    error = math.sqrt(variance)
    half = float(stdtrit(freedom, (1 + level) / 2)) * error
    return SeedInterval(mean, mean - half, mean + half, level, error, freedom, sum(parts[1:]) / variance)


def _variance_by_patient(differences: NDArray[np.float64], patients: Sequence[str]) -> tuple[float, int]:
    """Variance of the mean over all pairs when patients are drawn with all their pairs; and how many patients."""
    sums, counts = patient_sums(differences, patients)
    if sums.size < 2:
        raise DataError("interval over seeds", "patients", sums.size, "at least two patients")
    residuals = sums - counts * (sums.sum() / counts.sum())
    return float((residuals**2).sum() / counts.sum() ** 2 * sums.size / (sums.size - 1)), sums.size


def _sd(means: NDArray[np.float64]) -> float | None:
    return float(means.std(ddof=1)) if means.size > 1 else None
