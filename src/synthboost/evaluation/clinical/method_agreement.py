"""Agreement of two ways to measure the same quantity in the same patients: bias, limits, correlation.

Bland and Altman, Lancet 327:307-310, 1986, and Stat Methods Med Res 8:135-160, 1999. A correlation is given too, and
says little: two methods can correlate perfectly and disagree everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from synthboost.errors import DataError
from synthboost.evaluation.statistics.tests import finite, rounded


@dataclass(frozen=True)
class ValueInterval:
    """A number with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MethodAgreement:
    """Differences are first minus second, in the unit of the values."""

    n: int
    """Patients with both values."""
    bias: ValueInterval
    """Mean difference."""
    sd: float
    """Standard deviation of the differences (n - 1)."""
    lower_limit: ValueInterval
    """Bias - 1.96 sd: 95 % of differences are expected between the limits."""
    upper_limit: ValueInterval
    mean_absolute_error: float
    pearson: float | None
    """`None` when one of the two is constant."""
    spearman: float | None


LIMITS_SD = 1.96
"""The limits hold 95 % of normal differences."""
FEWEST = 3
"""Values for which a standard deviation has an interval worth printing."""


def method_agreement(first: ArrayLike, second: ArrayLike) -> MethodAgreement:
    """Compare two methods on the same patients, one value of each per patient (n,), in the same order.

    Intervals are those of Bland and Altman 1999: t with n - 1 degrees of freedom times s * sqrt(1/n) for the bias, and
    times s * sqrt(1/n + 1.96^2 / (2 (n - 1))) for the limits. They take differences for normal and independent.

    Raises:
        DataError: fewer than three patients, the two differ in length, or a value is not finite.
    """
    a, b = finite(first, "first"), finite(second, "second")
    if a.size != b.size:
        raise DataError("agreement", "values", f"{a.size} and {b.size}", "two for every patient")
    if a.size < FEWEST:
        raise DataError("agreement", "patients", a.size, f"at least {FEWEST} with both values")
    from scipy import stats  # here, because importing it takes about a second

    differences = a - b
    n, bias, sd = a.size, float(differences.mean()), float(differences.std(ddof=1))
    t = float(stats.t.ppf(0.975, n - 1))
    of_bias = t * sd / math.sqrt(n)
    of_limit = t * sd * math.sqrt(1 / n + LIMITS_SD**2 / (2 * (n - 1)))
    lower, upper = bias - LIMITS_SD * sd, bias + LIMITS_SD * sd
    varies = bool(np.ptp(rounded(a)) > 0 and np.ptp(rounded(b)) > 0)
    return MethodAgreement(
        n=n,
        bias=ValueInterval(bias, bias - of_bias, bias + of_bias),
        sd=sd,
        lower_limit=ValueInterval(lower, lower - of_limit, lower + of_limit),
        upper_limit=ValueInterval(upper, upper - of_limit, upper + of_limit),
        mean_absolute_error=float(np.abs(differences).mean()),
        pearson=float(np.corrcoef(a, b)[0, 1]) if varies else None,
        spearman=float(stats.spearmanr(rounded(a), rounded(b)).statistic) if varies else None,
    )
