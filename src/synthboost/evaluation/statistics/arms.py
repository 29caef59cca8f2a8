"""Arms: the runs that differ in their seed alone, and the image-structure pairs that two arms both scored."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthboost.domain import Metric
from synthboost.errors import DataError
from synthboost.evaluation.statistics.bootstrap import Interval, bootstrap_mean
from synthboost.records.rows import Status

METHOD = ("model", "strategy", "encoders", "synthetic", "real_patients", "prompt_set")
"""The columns that tell one method from another."""
TEST = ("domain", "part", "grid")
"""The columns that say what it was evaluated on."""
ARM = (*METHOD, *TEST)
"""Rows that agree in these are of one arm: their runs differ in their seed alone."""
_PAIR = ("domain", "patient", "frame", "structure", "probe")
_Scores: TypeAlias = dict[tuple[str, ...], float]
"""By pair."""


@dataclass(frozen=True, eq=False)
class Arm:
    """The rows of the runs that differ in their seed alone."""

    values: Mapping[str, Any]
    """By column of `ARM`; the real patients of a run that was trained on none are `None`."""
    rows: pd.DataFrame
    """Scored or failed."""

    def __getitem__(self, column: str) -> Any:
        """The arm's value of a column of `ARM`."""
        return self.values[column]

    @cached_property
    def scored(self) -> pd.DataFrame:
        """Rows that carry scores."""
        return self.rows[self.rows.status != Status.FAILED]

    @cached_property
    def failed(self) -> pd.DataFrame:
        """Rows that do not; they are counted and listed, never averaged away."""
        return self.rows[self.rows.status == Status.FAILED]

    @cached_property
    def dice(self) -> Interval | None:
        """Mean Dice (0-1) over scored rows and its 95 % interval over patients; `None` with fewer than two patients."""
        few = self.scored.patient.nunique() < 2
        return None if few else bootstrap_mean(self.scored.dice, self.scored.patient.tolist(), seed=0)


def arms_of(rows: pd.DataFrame, probe: str = "", columns: Sequence[str] = ARM) -> list[Arm]:
    """Sort the rows of one probe (the ordinary ones have none) into arms, in the order of their first rows.

    Args:
        rows: of any runs.
        probe: whose rows.
        columns: `METHOD` where what they were evaluated on is not to part them.
    """
    groups = rows[rows.probe == probe].groupby(list(columns), sort=False, dropna=False)
    return [Arm({n: _plain(v) for n, v in zip(columns, key, strict=True)}, group) for key, group in groups]


@dataclass(frozen=True, eq=False)
class PairedArms:
    """The scores of two arms on the same image-structure pairs."""

    first: NDArray[np.float64]
    """(trainings of the first arm, n)."""
    second: NDArray[np.float64]
    """(trainings of the second arm, n)."""
    patients: tuple[str, ...]
    """(n,) whose each pair is."""
    seeds: tuple[tuple[int | None, ...], tuple[int | None, ...]] = ((), ())
    """Of the trainings of each arm."""

    @property
    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The mean score of every pair (n,) over the trainings of each arm."""
        return self.first.mean(axis=0), self.second.mean(axis=0)

    @property
    def differences(self) -> NDArray[np.float64]:
        """First minus second (n,), trainings averaged."""
        first, second = self.means
        return first - second


def pair_arms(
    first: pd.DataFrame, second: pd.DataFrame, metric: Metric = "dice", *, complete: bool = True
) -> PairedArms:
    """Pair the rows of two arms by domain, patient, frame, structure and probe, in the order of the first run.

    Args:
        first, second: rows of one arm each, of one run or of runs that differ in their seed.
        metric: what is compared.
        complete: refuse pairs that a training did not score; else they are left out.

    Raises:
        DataError: an arm has no rows or two runs of one seed, a row appears twice or names no patient, the grids
            differ, or a pair is incomplete that should not be.
    """
    sides = (_by_training(first, metric, "first arm"), _by_training(second, metric, "second arm"))
    grids = list(dict.fromkeys([*first.grid, *second.grid]))
    if len(grids) > 1:
        raise DataError("comparison", "grid", " and ".join(grids), "one grid for both arms")
    trainings = [scores for side in sides for scores in side.values()]
    if complete:
        _require_complete(trainings)
        _require_scores(first, metric)
        _require_scores(second, metric)
    common = [pair for pair in trainings[0] if all(_is_scored(scores, pair) for scores in trainings)]
    table = np.array([[scores[pair] for pair in common] for scores in trainings], dtype=np.float64)
    one, other = (tuple(seed for _, seed in side) for side in sides)
    patients = tuple(pair[_PAIR.index("patient")] for pair in common)
    return PairedArms(table[: len(one)], table[len(one) :], patients, (one, other))


def _by_training(rows: pd.DataFrame, metric: Metric, arm: str) -> dict[tuple[str, Any], _Scores]:
    """The scores of each run and seed, by pair."""
    if rows.empty:
        raise DataError(arm, "rows", "none", "the rows of at least one run")
    found: dict[tuple[str, Any], _Scores] = {}
    pairs = zip(*(rows[column].tolist() for column in _PAIR), strict=True)
    trainings = zip(rows.run.tolist(), map(_plain, rows.seed), strict=True)
    for pair, training, score in zip(pairs, trainings, rows[metric].tolist(), strict=True):
        _, patient, frame, structure, _ = pair
        if not patient:
            raise DataError(arm, "patient", f"empty for {frame} {structure}", "the patient of every row")
        if pair in found.setdefault(training, {}):
            raise DataError(
                arm, "rows", f"{frame} {structure} twice", "one row per image and structure",
                "Give the rows of one run, one prompt set and one seed.",
            )  # fmt: skip
        found[training][pair] = score
    seeds = [seed for _, seed in found]
    if len(set(seeds)) < len(seeds):
        names = ", ".join(run for run, _ in found)
        raise DataError(
            arm, "seeds", f"{', '.join(map(str, seeds))} in {names}", "runs that differ in their seed",
            "Give the runs of one method: same model, strategy, sentences and data.",
        )  # fmt: skip
    return found


def _is_scored(scores: _Scores, pair: tuple[str, ...]) -> bool:
    return not math.isnan(scores.get(pair, math.nan))


def _require_complete(trainings: Sequence[_Scores]) -> None:
    lonely = sorted({pair for scores in trainings for pair in trainings[0].keys() ^ scores.keys()})
    if lonely:
        raise DataError(
            "comparison", "rows", f"{len(lonely)} without a partner, e.g. {lonely[0]}",
            "the same images and structures in both arms", "Evaluate all runs on the same part of the same split.",
        )  # fmt: skip


def _require_scores(rows: pd.DataFrame, metric: Metric) -> None:
    if (absent := rows[metric].isna()).any():
        row = rows[absent].iloc[0]
        raise DataError(
            row.run, metric, f"absent for {row.frame} {row.structure} ({row.status}: {row.reason})", "a score",
            "Mend what failed and evaluate again, or leave this row out of both runs by name.",
        )  # fmt: skip


def _plain(value: Hashable) -> Any:
    """A cell's value as Python has it; `None` where there is none."""
    if pd.isna(value):  # type: ignore[call-overload]
        return None
    return value.item() if isinstance(value, np.generic) else value
