"""Compare two runs on the same images: pair their rows, then effect, interval and p-value by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError
from synthboost.evaluation.statistics.bootstrap import DRAWS, Interval, bootstrap_mean
from synthboost.evaluation.statistics.signed_rank import rank_biserial
from synthboost.evaluation.statistics.tests import cliffs_delta, patient_means, patient_wilcoxon
from synthboost.records.rows import Row

Metric = Literal["dice", "iou", "nsd", "hd95_mm", "assd_mm"]


@dataclass(frozen=True, eq=False)
class PairedScores:
    """The scores of two runs, image-structure pair by image-structure pair."""

    first: NDArray[np.float64]
    """(n,)."""
    second: NDArray[np.float64]
    """(n,)."""
    patients: tuple[str, ...]
    """(n,)."""


@dataclass(frozen=True)
class Comparison:
    """What two runs differ by, `first` minus `second`. It speaks of these two trained models, not of their methods:
    how much another training seed would change is not in it."""

    difference: Interval
    """Of the mean over pairs, in the metric's unit."""
    p_value: float
    """Two-sided, Wilcoxon on patient means; uncorrected, see `statistics.holm` for a family of comparisons."""
    cliffs_delta: float
    """-1 to 1; by custom below 0.147 negligible (Romano et al. 2006)."""
    rank_biserial: float
    """-1 to 1, of the patients' mean differences: the effect size of the test above."""
    patients_higher: int
    """Patients whose mean is higher in `first`."""
    n_patients: int
    n_pairs: int


def compare(pairs: PairedScores, *, seed: int, draws: int = DRAWS, level: float = 0.95) -> Comparison:
    """Compare paired scores at the level of patients.

    Raises:
        DataError: fewer than two patients, no patient column, or a score that is not finite.
        ConfigError: `draws` or `level` cannot work.
    """
    differences = pairs.first - pairs.second
    means = patient_means(differences, pairs.patients)
    return Comparison(
        difference=bootstrap_mean(differences, pairs.patients, seed=seed, draws=draws, level=level),
        p_value=patient_wilcoxon(differences, pairs.patients),
        cliffs_delta=cliffs_delta(pairs.first, pairs.second),
        rank_biserial=rank_biserial(means),
        patients_higher=int(np.count_nonzero(means > 0)),
        n_patients=means.size,
        n_pairs=differences.size,
    )


def pair_rows(first: Sequence[Row], second: Sequence[Row], metric: Metric = "dice") -> PairedScores:
    """Pair the rows of two runs by domain, patient, frame, structure and probe, in the order of `first`.

    Raises:
        DataError: there is no row, a row appears twice, is absent from the other run, failed, or names no patient, or
            the two runs were scored on different grids.
    """
    ours, theirs = _by_pair(first, "first run"), _by_pair(second, "second run")
    lonely = sorted(ours.keys() ^ theirs.keys())
    if lonely or not ours:
        raise DataError(
            "comparison", "rows", f"{len(lonely)} without a partner, e.g. {lonely[0]}" if lonely else "none",
            "the same images and structures in both runs", "Evaluate both runs on the same part of the same split.",
        )  # fmt: skip
    for key, row in ours.items():
        if row.grid != theirs[key].grid:
            raise DataError("comparison", "grid", f"{row.grid} and {theirs[key].grid}", "one grid for both runs")
    return PairedScores(
        first=np.array([_score(row, metric) for row in ours.values()]),
        second=np.array([_score(theirs[key], metric) for key in ours]),
        patients=tuple(row.patient for row in ours.values()),
    )


_Key = tuple[str, str, str, str, str]


def _by_pair(rows: Sequence[Row], name: str) -> dict[_Key, Row]:
    found: dict[_Key, Row] = {}
    for row in rows:
        key = (row.domain, row.patient, row.frame, row.structure, row.probe)
        if not row.patient:
            raise DataError(name, "patient", f"empty for {row.frame} {row.structure}", "the patient of every row")
        if key in found:
            raise DataError(
                name, "rows", f"{row.frame} {row.structure} twice", "one row per image and structure",
                "Give the rows of one run, one prompt set and one seed.",
            )  # fmt: skip
        found[key] = row
    return found


def _score(row: Row, metric: Metric) -> float:
    value: float | None = getattr(row, metric)
    if value is None:
        raise DataError(
            row.run, metric, f"absent for {row.frame} {row.structure} ({row.status}: {row.reason})", "a score",
            "Mend what failed and evaluate again, or leave this row out of both runs by name.",
        )  # fmt: skip
    return value
