"""Wilcoxon's signed-rank test as arXiv 2309.12829 takes it, and the effect size that belongs to it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from synthboost.errors import DataError
from synthboost.evaluation.statistics.tests import finite

Alternative = Literal["two-sided", "greater", "less"]


def wilcoxon_over_pairs(first: ArrayLike, second: ArrayLike, alternative: Alternative = "two-sided") -> float:
    """p of the signed-rank test that takes every image-structure pair for an independent one, as the paper does.

    It is anti-conservative: the pairs of one patient are alike, and there are twelve of them. It is here to compare
    with the paper's numbers; `statistics.patient_wilcoxon` is the test to believe. Zero differences are left out, as
    in scipy's default; when all are zero, p is 1.

    Args:
        first, second: scores (n,) of the same pairs in the same order.
        alternative: `greater` when `first` is claimed to be higher; the paper's p-values are one-sided.

    Raises:
        DataError: the two differ in length, or a score is not finite.
    """
    a, b = finite(first, "first"), finite(second, "second")
    if a.size != b.size:
        raise DataError("Wilcoxon", "scores", f"{a.size} and {b.size}", "two scores for every pair")
    differences = a - b
    if not differences.any():
        return 1.0
    from scipy import stats  # here, because importing it takes about a second

    return float(stats.wilcoxon(differences, alternative=alternative).pvalue)


def rank_biserial(differences: ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation of differences (n,), -1 to 1 (Kerby, Compr Psychol 3:1, 2014).

    The share of the signed ranks that speak for a positive difference, minus the share that speak against; ranks and
    zeros as in Wilcoxon's test. 0 when all differences are zero.

    Raises:
        DataError: there is none, or one is not finite.
    """
    values = finite(differences, "differences")
    values = values[values != 0]
    if not values.size:
        return 0.0
    from scipy.stats import rankdata  # here, because importing it takes about a second

    ranks = rankdata(np.abs(values))
    return float((ranks * np.sign(values)).sum() / ranks.sum())
