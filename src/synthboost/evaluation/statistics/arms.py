"""The arms of a comparison: the same image-structure pairs, scored by one or several trainings (seeds) of a method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError
from synthboost.evaluation.statistics.comparison import Metric, PairedScores, pair_rows
from synthboost.records.rows import Row


@dataclass(frozen=True, eq=False)
class ArmPair:
    """The scores of two arms on the same pairs."""

    first: NDArray[np.float64]
    """(trainings of the first arm, n)."""
    second: NDArray[np.float64]
    """(trainings of the second arm, n)."""
    patients: tuple[str, ...]
    """(n,) whose each pair is."""

    @property
    def over_trainings(self) -> PairedScores:
        """The mean score of every pair over the trainings of each arm."""
        return PairedScores(self.first.mean(axis=0), self.second.mean(axis=0), self.patients)


def pair_arms(first: Sequence[Row], second: Sequence[Row], metric: Metric = "dice") -> ArmPair:
    """Pair the rows of two arms; the rows of an arm come from one run or from runs that differ in their seed.

    Raises:
        DataError: two runs of an arm have the same seed, or `pair_rows` refuses: a run scored other pairs than the
            rest or on another grid, a row failed, appears twice or names no patient.
    """
    ours, theirs = _by_run(first, "first arm"), _by_run(second, "second arm")
    # Every run is paired with the same one, so that all scores stand in that one's order.
    reference = next(iter(ours.values()))
    pairs = [pair_rows(reference, rows, metric) for rows in (*ours.values(), *theirs.values())]
    scores = np.stack([pair.second for pair in pairs])
    return ArmPair(scores[: len(ours)], scores[len(ours) :], pairs[0].patients)


def _by_run(rows: Sequence[Row], arm: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.run, []).append(row)
    if not found:
        raise DataError(arm, "rows", "none", "the rows of at least one run")
    seeds = [runs[0].seed for runs in found.values()]
    if len(set(seeds)) < len(seeds):
        raise DataError(
            arm, "seeds", f"{', '.join(map(str, seeds))} in {', '.join(found)}", "runs that differ in their seed",
            "Give the runs of one method: same model, strategy, sentences and data.",
        )  # fmt: skip
    return found
