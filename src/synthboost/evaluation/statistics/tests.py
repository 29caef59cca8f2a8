"""Summaries, effect sizes and tests of scores, by patient: images of one patient are not independent.

In the scores that the authors of arXiv 2309.12829 published, the 600 image-structure pairs of 50 patients are worth 256
to 515 independent ones; a test that takes them for 600 finds differences that are not there. Nothing here ever skips a
missing value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synthboost.errors import DataError

Alternative = Literal["two-sided", "greater", "less"]
MOST_EXACT = 50
"""Differences up to which the signed-rank test is exact, as in scipy."""
FEWEST_TO_TELL = 6
"""Differences from which the signed-rank test can reach p < 0.05, two-sided: of five the lowest p is 2 / 2^5."""
ROUNDING = 1e-12
"""Scores that differ by no more are equal: sums of the same numbers in another order differ by about 1e-16."""


def mean_and_sd(scores: ArrayLike) -> tuple[float, float | None]:
    """Mean and sample standard deviation (n - 1), as the paper's tables have it; `None` for a single value.

    Raises:
        DataError: there is no score, or one is not a finite number.
    """
    values = finite(scores, "scores")
    mean = math.fsum(values) / values.size
    if values.size == 1:
        return mean, None
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (values.size - 1))


def patient_means(values: ArrayLike, patients: Sequence[str]) -> NDArray[np.float64]:
    """Mean of the values (n,) of each patient, (number of patients,), in the patients' sorted order.

    Raises:
        DataError: a value is not finite, or the patients are absent, unnamed or not one per value.
    """
    sums, counts = patient_sums(values, patients)
    return sums / counts


def patient_sums(values: ArrayLike, patients: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sum and number of the values (n,) of each patient, (number of patients,) each, in sorted order.

    Raises:
        DataError: a value is not finite, or the patients are absent, unnamed or not one per value.
    """
    numbers = finite(values, "values")
    if len(patients) != numbers.size or not all(isinstance(p, str) and p for p in patients):
        raise DataError(
            "statistics", "patients", f"{sum(bool(p) for p in patients)} named for {numbers.size} values",
            "the patient of every value", "Images of one patient are not independent: give the patient column.",
        )  # fmt: skip
    _, index = np.unique(np.asarray(patients), return_inverse=True)
    counts = np.bincount(index).astype(np.int64)
    by_patient = np.split(numbers[np.argsort(index, kind="stable")], np.cumsum(counts)[:-1])
    return np.array([math.fsum(own) for own in by_patient]), counts  # fsum: the order of the values cannot matter


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values (n,), equal where their sizes differ by rounding alone, and 0 where only rounding parts them from it.

    The ends of what counts as one size depend on the values, so that none is split as by a fixed number of decimals.
    """
    order = np.argsort(np.abs(values), kind="stable")
    sizes = np.abs(values)[order]
    steps = np.diff(sizes, prepend=0.0) > ROUNDING
    equal = np.empty_like(sizes)
    equal[order] = np.concatenate([[0.0], sizes[steps]])[np.cumsum(steps)]
    return np.copysign(equal, values)


def signed_rank_p(differences: ArrayLike, alternative: Alternative = "two-sided") -> float:
    """p of Wilcoxon's signed-rank test of paired differences (n,), each taken for an independent one.

    Give it `patient_means`: images of one patient are not independent. Given image-structure pairs, as in
    arXiv 2309.12829, it is anti-conservative: there are twelve pairs of one patient. Zero differences are left out;
    when all are zero, p is 1. Zeros and ties are those of `rounded`. Up to `MOST_EXACT` others, p counts all patterns
    of signs, ties or not, where scipy would approximate it with ties; beyond, it is scipy's approximation.

    Args:
        differences: first minus second.
        alternative: `greater` when the first is claimed to be higher; the paper's p-values are one-sided.

    Raises:
        DataError: there is none, or one is not finite.
    """
    values = rounded(finite(differences, "differences"))
    values = values[values != 0]
    if values.size > MOST_EXACT:
        from scipy import stats  # here, because importing it takes about a second

        return float(stats.wilcoxon(values, alternative=alternative).pvalue)
    ranks = _twice_the_ranks(values)
    patterns = np.ones(1)  # of signs, by twice the sum of the ranks above 0; whole numbers below 2^53
    for rank in ranks:
        patterns = np.pad(patterns, (0, rank)) + np.pad(patterns, (rank, 0))
    found = ranks[values > 0].sum()
    tails = {"greater": patterns[found:].sum(), "less": patterns[: found + 1].sum()}
    return float(min(1.0, tails.get(alternative, 2 * min(tails.values())) / patterns.sum()))


def rank_biserial(differences: ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation of differences (n,), -1 to 1 (Kerby, Compr Psychol 3:1, 2014).

    The share of the signed ranks that speak for a positive difference, minus the share that speak against; ranks and
    zeros as in Wilcoxon's test. 0 when all differences are zero.

    Raises:
        DataError: there is none, or one is not finite.
    """
    values = rounded(finite(differences, "differences"))
    values = values[values != 0]
    if not values.size:
        return 0.0
    ranks = _twice_the_ranks(values)
    return float((ranks * np.sign(values)).sum() / ranks.sum())


def _twice_the_ranks(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Twice the mean rank of each value's size (n,), from 1 on: whole numbers, as mean ranks of ties end in a half.

    Without `scipy.stats`, whose import takes about a second.
    """
    _, place, counts = np.unique(np.abs(values), return_inverse=True, return_counts=True)
    return np.asarray((2 * np.cumsum(counts) - counts + 1)[place], dtype=np.int64)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down correction of a family of p-values (n,), in the given order (Holm, Scand J Stat 6:65, 1979).

    Raises:
        DataError: there is no p-value, or one is not within 0-1.
    """
    p = finite(p_values, "p-values")
    if p.min() < 0 or p.max() > 1:
        raise DataError("Holm", "p-values", p[(p < 0) | (p > 1)].tolist(), "values from 0 to 1")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def cliffs_delta(first: ArrayLike, second: ArrayLike) -> float:
    """Share of pairs in which a value of `first` exceeds one of `second`, minus the share of the reverse; -1 to 1.

    Cliff, Psychol Bull 114:494, 1993. The pairing of the values plays no part.

    Raises:
        DataError: one of them is empty or holds a value that is not finite.
    """
    a, b = finite(first, "first"), finite(second, "second")
    a, b = np.split(rounded(np.concatenate([a, b])), [a.size])
    b.sort()
    exceeds = np.searchsorted(b, a, side="left").sum()
    falls_short = (b.size - np.searchsorted(b, a, side="right")).sum()
    return float(exceeds - falls_short) / (a.size * b.size)


def finite(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return the values as floats (n,).

    Raises:
        DataError: there is none, there is more than one axis, or one is not a finite number.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("statistics", name, error, "numbers") from error
    if array.ndim != 1 or array.size == 0:
        raise DataError("statistics", name, f"shape {array.shape}", "a list of at least one number")
    if not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array))
        raise DataError(
            "statistics", name, f"{bad.size} of {array.size} not finite, first at {bad[0]}", "finite numbers",
            "Mend or exclude the failed rows by name; they are never skipped silently.",
        )  # fmt: skip
    return array
