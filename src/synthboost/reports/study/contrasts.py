"""Contrasts: what one strategy, or one way of training the encoders, gains over another, patient by patient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from synthboost.domain import Strategy
from synthboost.records.rows import Row
from synthboost.reports.cells import INTERVAL, Cell, Column, Table, absent, count, interval, signed, words
from synthboost.reports.conditions import SIMULATED_TARGET, Condition, strategy_place
from synthboost.reports.paper import model_heading, model_place, paper_cell, paper_difference
from synthboost.reports.summary import Bounds, Summary, mean_interval

STRATEGY_PAIRS = (
    (Strategy.SYNTHETIC, Strategy.REAL),
    (Strategy.SYNTHETIC_THEN_REAL, Strategy.REAL),
    (Strategy.MIXED, Strategy.REAL),
)
"""The paper's two comparisons, and the one it left to the future."""
STRATEGIES, ENCODERS = "strategies", "encoders"


_Table = dict[tuple[str, str, str], float]
"""Dice (0-1) by patient, frame and structure."""


@dataclass(frozen=True)
class Contrast:
    """One difference of mean Dice in points (0-100), over what both sides scored."""

    kind: str
    """`strategies` or `encoders`."""
    name: str
    """e.g. `synthetic − real`, or `real` for frozen minus trained under that strategy."""
    model: str
    encoders: str
    """Of both sides; `frozen − trained` when they are what differs."""
    prompt_set: str
    difference: float
    interval: Bounds | None
    """95 %, patients resampled, after averaging over seeds; `None` with fewer than two patients."""
    seeds: tuple[float, ...]
    """The difference of each seed that both sides were trained with."""
    patients: int
    higher: int
    """Patients for whom the first side is better."""
    pairs: int
    paper: float | None
    """The paper's difference; `None` where it prints none."""

    @property
    def reading(self) -> str:
        """What the interval allows to say."""
        if self.interval is None:
            return "too few patients to tell"
        low, high = self.interval
        return "higher" if low > 0 else "lower" if high < 0 else "not told apart"


def contrasts(summaries: Sequence[Summary]) -> list[Contrast]:
    """All contrasts of one series: strategies against `real`, then frozen against trained encoders.

    Several seeds are averaged pair by pair first, so an interval holds the variation over patients; how far the seeds
    lie apart stands beside it.
    """
    tables = {summary.condition: _scores(summary.scored) for summary in summaries}
    found = []
    for condition in tables:
        for first, second in STRATEGY_PAIRS:
            if condition.strategy == first:
                found += [
                    _of_strategies(condition, base, tables) for base in tables if _is_base(base, second, condition)
                ]
        if condition.encoders == "frozen":
            trained = replace(condition, encoders="trained")
            found += [_of_encoders(condition, trained, tables)] if trained in tables else []
    return sorted((contrast for contrast in found if contrast.pairs), key=_place)


def contrast_table(found: Sequence[Contrast], kind: str, target_is_simulated: bool = False) -> Table:
    """The contrasts of one kind as lines; differences are in points of Dice (0-100)."""
    of_strategies = kind == STRATEGIES
    columns = (
        *(Column(name, is_text=True) for name in ("comparison" if of_strategies else "strategy", "model")),
        *((Column("encoders", is_text=True),) if of_strategies else ()),
        Column("sentences", is_text=True), Column("difference"), Column("95 % interval", INTERVAL),
        Column("reading", is_text=True), Column("patients higher", ("higher", "of")), Column("pairs"),
        Column("seeds"), Column("lowest and highest seed", INTERVAL), Column("paper's difference"),
    )  # fmt: skip
    lines = tuple(
        (
            words(c.name), words(model_heading(c.model)),
            *((words(c.encoders),) if of_strategies else ()), words(c.prompt_set),
            signed(c.difference), interval(c.interval, sign=True), words(c.reading),
            Cell(f"{c.higher} of {c.patients}", (c.higher, c.patients)), count(c.pairs), count(len(c.seeds)),
            interval((min(c.seeds), max(c.seeds)) if len(c.seeds) > 1 else None, sign=True),
            absent() if c.paper is None else signed(c.paper),
        )
        for c in found if c.kind == kind
    )  # fmt: skip
    what = "Differences between strategies" if of_strategies else "Frozen minus trained encoders"
    simulated = f' "real" is a {SIMULATED_TARGET} here.' if target_is_simulated else ""
    caption = (
        f"{what} in points of Dice, over the pairs that both sides scored: the mean, and its 95 % interval with "
        f"patients resampled (seeds averaged first). The intervals are not corrected for their number.{simulated}"
    )
    return Table(f"differences_{kind}", caption, columns, lines)


@dataclass(frozen=True)
class _Scores:
    """Dice (0-1) by seed, then by patient, frame and structure."""

    by_seed: dict[int | None, _Table]

    def pooled(self, seeds: Sequence[int | None]) -> _Table:
        """Mean over the seeds of every pair that each of them scored."""
        tables = [self.by_seed[seed] for seed in seeds]
        common = set.intersection(*(set(table) for table in tables)) if tables else set()
        return {key: math.fsum(table[key] for table in tables) / len(tables) for key in sorted(common)}


def _scores(rows: Sequence[Row]) -> _Scores:
    found: dict[int | None, _Table] = {}
    for row in rows:
        if row.dice is not None:
            found.setdefault(row.seed, {})[(row.patient, row.frame, row.structure)] = row.dice
    return _Scores(found)


def _is_base(base: Condition, strategy: str, first: Condition) -> bool:
    """Whether a condition is `first` under another strategy, with as many real patients if `first` had any."""
    same = base.setting == first.setting and first.real_patients in (None, base.real_patients)
    return same and base.strategy == strategy


def _of_strategies(first: Condition, base: Condition, tables: dict[Condition, _Scores]) -> Contrast:
    strategies = (first.strategy, base.strategy)
    paper = paper_difference(first.encoders, strategies, first.model, first.prompt_set)
    name = f"{first.strategy} − {base.strategy}"
    return _contrast(STRATEGIES, name, first, first.encoders, tables[first], tables[base], paper)


def _of_encoders(first: Condition, base: Condition, tables: dict[Condition, _Scores]) -> Contrast:
    cells = [paper_cell(c.encoders, c.strategy, c.model, c.prompt_set) for c in (first, base)]
    paper = None if cells[0] is None or cells[1] is None else cells[0].mean - cells[1].mean
    return _contrast(ENCODERS, first.strategy, first, "frozen − trained", tables[first], tables[base], paper)


def _contrast(
    kind: str, name: str, condition: Condition, encoders: str, first: _Scores, second: _Scores, paper: float | None
) -> Contrast:
    common = [seed for seed in first.by_seed if seed in second.by_seed]
    # Without a common seed all are pooled on each side: patients still pair up.
    ours, base = (s.pooled(common or list(s.by_seed)) for s in (first, second))
    differences = {key: 100 * (ours[key] - base[key]) for key in ours.keys() & base.keys()}
    keys = sorted(differences)
    values, patients = [differences[key] for key in keys], [key[0] for key in keys]
    return Contrast(
        kind, name, condition.model, encoders, condition.prompt_set,
        difference=math.fsum(values) / len(values) if values else math.nan,
        interval=mean_interval(values, patients) if values else None,
        seeds=tuple(d for s in common for d in _seed_difference(first.by_seed[s], second.by_seed[s])),
        patients=len(set(patients)), higher=_higher(values, patients), pairs=len(values), paper=paper,
    )  # fmt: skip


def _seed_difference(first: _Table, second: _Table) -> list[float]:
    """One difference, or none where nothing was scored by both."""
    common = first.keys() & second.keys()
    return [100 * math.fsum(first[key] - second[key] for key in common) / len(common)] if common else []


def _higher(values: Sequence[float], patients: Sequence[str]) -> int:
    sums: dict[str, float] = {}
    for value, patient in zip(values, patients, strict=True):
        sums[patient] = sums.get(patient, 0.0) + value
    return sum(total > 0 for total in sums.values())


def _place(c: Contrast) -> tuple[object, ...]:
    strategy = c.name.partition(" − ")[0]
    setting = (model_place(c.model), c.encoders != "trained", c.encoders, c.prompt_set)
    return (c.kind == ENCODERS, strategy_place(strategy), setting)
