"""A contrast: one arm minus another, by patient. Every table, figure and sentence of a difference is made of these.

A bootstrap over patients holds for the trained models at hand. Whether the *method* is better also depends on how much
one training differs from the next, and of trainings there are few. A crossed bootstrap (patients and seeds drawn anew)
is far too narrow with three of them; Student's t with Satterthwaite's degrees of freedom is not.
`benchmarks/bench_seed_interval.py` measures the coverage of both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthboost.domain import Metric
from synthboost.errors import DataError
from synthboost.evaluation.statistics.arms import METHOD, PairedArms, arms_of, pair_arms
from synthboost.evaluation.statistics.bootstrap import DECIMALS, DRAWS, TAILS, Interval, bootstrap_mean
from synthboost.evaluation.statistics.tests import (
    ROUNDING,
    cliffs_delta,
    holm,
    mean_and_sd,
    patient_means,
    patient_sums,
    rank_biserial,
    rounded,
    signed_rank_p,
)

NO_VALUES = ("", "None")
"""What a setting holds where a column means nothing, such as the real patients of a run that was trained on none."""
Setting = tuple[tuple[str, str], ...]
"""Columns of `METHOD` and their values, e.g. `(("model", "cris"), ("prompt_set", "P2"))`."""


@dataclass(frozen=True)
class Contrast:
    """What two arms differ by, `first` minus `second`, in the metric's unit. Trainings are averaged pair by pair."""

    mean: float
    """Over pairs."""
    over_patients: Interval | None
    """For other patients, with these trained models; `None` with fewer than two patients."""
    over_trainings: Interval | None
    """For other patients and other trainings; `None` when an arm has a single one, which tells nothing of the next."""
    trainings: tuple[int, int]
    sd_trainings: tuple[float | None, float | None]
    """SD (n - 1) of each arm's mean score over its trainings; `None` with a single one."""
    by_seed: tuple[float, ...]
    """The mean difference of each seed that both arms have."""
    p_value: float
    """Two-sided, Wilcoxon on patient means; uncorrected."""
    p_over_pairs: float
    """The same over pairs as if they were independent, as the paper takes it: anti-conservative."""
    cliffs_delta: float
    """-1 to 1; by custom below 0.147 negligible (Romano et al. 2006)."""
    rank_biserial: float
    """-1 to 1, of the patients' mean differences: the effect size of the test by patient."""
    patients: int
    patients_higher: int
    """Those whose mean is higher in `first`."""
    pairs: int
    holm_p: float | None = None
    """`p_value`, corrected over a family."""


def contrast(pairs: PairedArms, *, draws: int = DRAWS) -> Contrast:
    """Compare two arms at the level of patients.

    Args:
        pairs: see `pair_arms`.
        draws: of the bootstrap.

    Raises:
        DataError: there is no pair, no patient column, or a score that is not finite.
        ConfigError: `draws` are fewer than 100.
    """
    (first, second), differences = pairs.means, pairs.differences
    means = patient_means(differences, pairs.patients)
    enough = means.size > 1
    over_patients = bootstrap_mean(differences, pairs.patients, seed=0, draws=draws) if enough else None
    return Contrast(
        mean=round(mean_and_sd(differences)[0], DECIMALS),
        over_patients=over_patients,
        over_trainings=interval_over_trainings(pairs) if enough else None,
        trainings=(len(pairs.first), len(pairs.second)),
        sd_trainings=(_sd(pairs.first), _sd(pairs.second)),
        by_seed=_by_seed(pairs),
        p_value=signed_rank_p(means),
        p_over_pairs=signed_rank_p(differences),
        cliffs_delta=cliffs_delta(first, second),
        rank_biserial=rank_biserial(means),
        patients=means.size,
        patients_higher=int(np.count_nonzero(rounded(means) > 0)),
        pairs=differences.size,
    )


def contrast_in_common(first: pd.DataFrame, second: pd.DataFrame) -> Contrast | None:
    """The contrast in Dice of two arms' rows over the pairs that all their trainings scored; `None` without one."""
    pairs = pair_arms(first, second, complete=False)
    return contrast(pairs) if pairs.patients else None


def interval_over_trainings(pairs: PairedArms) -> Interval | None:
    """95 % interval of the difference that varies by patients (clusters) and by the trainings of either arm.

    Its degrees of freedom are Satterthwaite's: near the number of trainings when these vary more than patients do.

    Raises:
        DataError: fewer than two patients, no patient column, or a score that is not finite.
    """
    first, second = pairs.first.mean(axis=1), pairs.second.mean(axis=1)
    if min(first.size, second.size) < 2:
        return None
    of_patients, patients = _variance_by_patient(pairs)
    parts = [of_patients, *(float(means.var(ddof=1)) / means.size for means in (first, second))]
    freedoms = [patients - 1, first.size - 1, second.size - 1]
    variance, mean = sum(parts), round(float(first.mean() - second.mean()), DECIMALS)
    if variance <= ROUNDING**2:
        return Interval(mean, mean, mean, patients)
    freedom = variance**2 / sum(part**2 / n for part, n in zip(parts, freedoms, strict=True))
    from scipy.special import stdtrit  # here, because importing it is slow

    half = float(stdtrit(freedom, TAILS[1])) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half, patients)


@dataclass(frozen=True)
class Family:
    """Contrasts whose p-values are corrected together (Holm)."""

    first: Setting
    """The columns in which the two sides differ, with the first side's values."""
    second: Setting
    members: tuple[tuple[Setting, Contrast], ...]
    """What each contrast is about, and the contrast."""
    metric: Metric

    @property
    def name(self) -> str:
        """E.g. `strategy synth-PT:real-FT minus real`; what only one side has a value of follows from other columns."""
        both = [
            f"{name} {ours} minus {theirs}"
            for (name, ours), (_, theirs) in zip(self.first, self.second, strict=True)
            if ours not in NO_VALUES and theirs not in NO_VALUES
        ]
        return ", ".join(both) or f"{setting_text(self.first)} minus {setting_text(self.second)}"


def contrast_family(
    first: pd.DataFrame, second: pd.DataFrame, metric: Metric = "dice", *, draws: int = DRAWS
) -> Family:
    """Compare the arms of two sides with their partners, and correct the p-values over all of them.

    The columns of `METHOD` in which each side has one value, and not the same, are what is compared; the values of all
    others must occur on both sides, and each combination of them is a member. Rows of probes are left out.

    Raises:
        DataError: a side has no rows, the sides do not differ, a combination occurs on one side only, `pair_arms`
            refuses the rows, or there are fewer than two patients.
        ConfigError: `draws` are fewer than 100.
    """
    sides = [arms_of(rows, columns=METHOD) for rows in (first, second)]
    for arms, side in zip(sides, ("first side", "second side"), strict=True):
        if not arms:
            raise DataError(side, "rows", "none", "the rows of at least one run")
    ours, theirs = ({name: {str(arm[name]) for arm in arms} for name in METHOD} for arms in sides)
    compared = [n for n in METHOD if len(ours[n]) == len(theirs[n]) == 1 and ours[n] != theirs[n]]
    if not compared:
        raise DataError(
            "comparison", "sides", f"both {_values_text(ours)}", "sides that differ in one or more of these columns",
            "Runs that differ in their seed only are trainings of one method: give them on one side.",
        )  # fmt: skip
    shared = [name for name in METHOD if name not in compared]
    members = [{tuple((name, str(arm[name])) for name in shared): arm for arm in arms} for arms in sides]
    if lonely := sorted(members[0].keys() ^ members[1].keys()):
        raise DataError(
            "comparison", "runs", f"{setting_text(lonely[0])} on one side only", "the same settings on both sides",
            "Leave these runs out, or give their partners.",
        )  # fmt: skip
    found = []
    for setting in sorted(members[0]):
        one = contrast(pair_arms(members[0][setting].rows, members[1][setting].rows, metric), draws=draws)
        if one.over_patients is None:
            raise DataError("comparison", "patients", one.patients, "at least two patients")
        found.append((setting, one))
    corrected = holm([one.p_value for _, one in found])
    return Family(
        first=tuple((name, next(iter(ours[name]))) for name in compared),
        second=tuple((name, next(iter(theirs[name]))) for name in compared),
        members=tuple((s, replace(one, holm_p=float(p))) for (s, one), p in zip(found, corrected, strict=True)),
        metric=metric,
    )


def setting_text(setting: Setting) -> str:
    """E.g. `model cris, prompt_set P2`; columns without a value are left out."""
    return ", ".join(f"{name} {value}" for name, value in setting if value not in NO_VALUES) or "as trained"


def _values_text(values: Mapping[str, set[str]]) -> str:
    known = {name: sorted(found.difference(NO_VALUES)) for name, found in values.items()}
    return ", ".join(f"{name} {'/'.join(found)}" for name, found in known.items() if found)


def _by_seed(pairs: PairedArms) -> tuple[float, ...]:
    second = dict(zip(pairs.seeds[1], pairs.second, strict=False))
    ours = zip(pairs.seeds[0], pairs.first, strict=False)
    return tuple(float((scores - second[seed]).mean()) for seed, scores in ours if seed in second)


def _variance_by_patient(pairs: PairedArms) -> tuple[float, int]:
    """Variance of the mean over all pairs when patients are drawn with all their pairs; and how many patients."""
    sums, counts = patient_sums(pairs.differences, pairs.patients)
    if sums.size < 2:
        raise DataError("interval over trainings", "patients", sums.size, "at least two patients")
    residuals = sums - counts * (sums.sum() / counts.sum())
    return float((residuals**2).sum() / counts.sum() ** 2 * sums.size / (sums.size - 1)), sums.size


def _sd(scores: NDArray[np.float64]) -> float | None:
    """Of the trainings' mean scores."""
    means = scores.mean(axis=1)
    return float(means.std(ddof=1)) if means.size > 1 else None
