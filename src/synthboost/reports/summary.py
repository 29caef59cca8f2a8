"""The summary of one condition: mean Dice with its interval, and how many rows stand behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from synthboost.errors import DataError
from synthboost.evaluation.statistics.bootstrap import bootstrap_mean
from synthboost.records.rows import Row, Status
from synthboost.reports.cells import moments
from synthboost.reports.conditions import Condition, group_rows

Bounds = tuple[float, float]
PairKey = tuple[str, str, str, int]
"""Patient, frame, structure, seed: what two runs have in common when they scored the same thing."""
NO_SEED = -1
"""Stands for a seed that nobody recorded, or that does not matter."""


BOOTSTRAP_SEED = 0
"""Fixed, so that the same rows always give the same report."""


@dataclass(frozen=True)
class Summary:
    """Dice (0-1) of one condition and the counts behind it."""

    condition: Condition
    scored: tuple[Row, ...]
    """Rows that carry scores."""
    failed: tuple[Row, ...]
    """Rows that do not; they are counted and listed, never averaged away."""
    mean: float | None
    """Over the scored rows; `None` when there is none."""
    sd: float | None
    """Sample standard deviation (ddof = 1) over the scored rows."""
    interval: Bounds | None
    """95 % cluster bootstrap interval of the mean, patients resampled; `None` with fewer than two patients."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, scored or failed."""
        return self.scored + self.failed

    @property
    def images(self) -> int:
        """Distinct frames."""
        return len({(row.patient, row.frame) for row in self.rows})

    @property
    def pairs(self) -> int:
        """Distinct frame-structure pairs."""
        return len({(row.patient, row.frame, row.structure) for row in self.rows})

    @property
    def patients(self) -> int:
        """Distinct patients."""
        return len({row.patient for row in self.rows})

    @property
    def seeds(self) -> int:
        """Distinct seeds, that is, trainings."""
        return len({row.seed for row in self.rows})

    @property
    def empty_predictions(self) -> int:
        """Rows in which nothing was predicted although something was there; they count with Dice 0."""
        return sum(row.status == Status.EMPTY_PREDICTION for row in self.scored)

    @property
    def uses_ground_truth(self) -> bool:
        """True when any sentence holds a word derived from the true mask."""
        return any(row.uses_ground_truth for row in self.rows)


def summarise(rows: Iterable[Row]) -> list[Summary]:
    """One summary per condition over the ordinary rows (no probe), in the order of the tables.

    Raises:
        DataError: two rows score the same frame, structure and seed, or a row that did not fail has no Dice.
    """
    return [_summary(condition, group) for condition, group in group_rows(rows).items()]


def metric(rows: Sequence[Row], name: str) -> list[float]:
    """One metric of rows that did not fail; empty when none of them has it.

    Raises:
        DataError: some rows have it and some do not, so that a mean would hide which.
    """
    values = [getattr(row, name) for row in rows]
    present = [float(value) for value in values if value is not None]
    if present and len(present) < len(values):
        lacking = next(row for row in rows if getattr(row, name) is None)
        raise DataError(
            f"run {lacking.run}", name, f"absent for {lacking.frame} {lacking.structure} (status {lacking.status})",
            "a score in every row that did not fail", "Evaluate the run again.",
        )  # fmt: skip
    return present


def mean_interval(values: Sequence[float], patients: Sequence[str]) -> Bounds | None:
    """95 % cluster bootstrap interval of a mean over patients, or `None` with fewer than two patients."""
    if len(set(patients)) < 2:
        return None
    found = bootstrap_mean(values, patients, seed=BOOTSTRAP_SEED)
    return found.low, found.high


def paired_differences(better: Iterable[Row], base: Iterable[Row]) -> tuple[list[float], list[str]]:
    """Dice differences over what both scored, and the patient of each.

    Pairs are matched by patient, frame, structure and seed, or without the seed when the two share no seed.
    """
    for key in (_key, _key_without_seed):
        first, second = _dice_by(better, key), _dice_by(base, key)
        common = sorted(first.keys() & second.keys())
        if common:
            return [first[k] - second[k] for k in common], [k[0] for k in common]
    return [], []


def _summary(condition: Condition, rows: list[Row]) -> Summary:
    _refuse_doubles(rows)
    scored = tuple(row for row in rows if row.status != Status.FAILED)
    failed = tuple(row for row in rows if row.status == Status.FAILED)
    dice = metric(scored, "dice")
    if len(dice) < len(scored):
        raise DataError(f"run {scored[0].run}", "dice", "absent", "a Dice in every row that did not fail")
    mean, sd = moments(dice) if dice else (None, None)
    bounds = mean_interval(dice, [row.patient for row in scored])
    return Summary(condition, scored, failed, mean, sd, bounds)


def _refuse_doubles(rows: list[Row]) -> None:
    seen: dict[PairKey, str] = {}
    for row in rows:
        if _key(row) in seen:
            raise DataError(
                f"runs {seen[_key(row)]} and {row.run}", "rows",
                f"{row.frame} {row.structure} with seed {row.seed} is scored twice under the same condition",
                "each image-structure pair once per condition and seed", "Leave one of the runs out.",
            )  # fmt: skip
        seen[_key(row)] = row.run


def _key(row: Row) -> PairKey:
    return (row.patient, row.frame, row.structure, NO_SEED if row.seed is None else row.seed)


def _key_without_seed(row: Row) -> PairKey:
    return (row.patient, row.frame, row.structure, NO_SEED)


def _dice_by(rows: Iterable[Row], key: Callable[[Row], PairKey]) -> dict[PairKey, float]:
    """Mean Dice per key; several rows share one when seeds are left out, or when a probe was asked twice."""
    values: dict[PairKey, list[float]] = {}
    for row in rows:
        if row.dice is not None:
            values.setdefault(key(row), []).append(row.dice)
    return {k: sum(v) / len(v) for k, v in values.items()}
