"""The study's families of comparisons: p-values by patient, corrected together, with what other seeds would give."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from synthboost.domain import PromptSet
from synthboost.errors import DataError
from synthboost.evaluation.statistics.family import METHOD_FIELDS, compare_family, find_contrast
from synthboost.records.rows import Row
from synthboost.reports.cells import Table
from synthboost.reports.comparison import family_table
from synthboost.reports.plot import file_stem
from synthboost.reports.study.contrasts import STRATEGY_PAIRS
from synthboost.reports.summary import BOOTSTRAP_SEED

Side = Callable[[Row], bool]
_SHARED = ("model", "encoders", "prompt_set")


def family_tables(rows: Sequence[Row]) -> tuple[list[Table], list[str]]:
    """One table per contrast of one series, and why a contrast has none.

    A family is a contrast (a strategy against `real`; frozen against trained encoders under a strategy) over all
    models, encoders and prompt sets that both sides were run with; P0, which names no structure, is left out.
    """
    usable = [row for row in rows if row.probe == "" and row.prompt_set != PromptSet.P0]
    tables: list[Table] = []
    reasons: list[str] = []
    for name, ours, theirs, shared in _contrasts(usable):
        first, second = ([row for row in usable if side(row)] for side in (ours, theirs))
        common = _settings(first, shared) & _settings(second, shared)
        first, second = ([row for row in side if _setting(row, shared) in common] for side in (first, second))
        if not common:
            continue
        try:
            family = compare_family(find_contrast(first, second), seed=BOOTSTRAP_SEED)
        except DataError as error:  # the means stand in other tables; a p-value needs complete pairs
            reasons.append(f"{name}: not tested, because {error}")
            continue
        tables.append(family_table(family, file_stem("family", name)))
    return tables, reasons


def _contrasts(rows: Sequence[Row]) -> list[tuple[str, Side, Side, tuple[str, ...]]]:
    found: list[tuple[str, Side, Side, tuple[str, ...]]] = []
    for first, second in STRATEGY_PAIRS:
        found.append((f"{first} minus {second}", _is("strategy", first), _is("strategy", second), _SHARED))
    for strategy in sorted({row.strategy for row in rows if row.encoders == "frozen"}):
        frozen, trained = (_is("strategy", strategy, encoders) for encoders in ("frozen", "trained"))
        shared = tuple(name for name in METHOD_FIELDS if name != "encoders")
        found.append((f"frozen minus trained {strategy}", frozen, trained, shared))
    return found


def _is(field: str, value: str, encoders: str | None = None) -> Side:
    return lambda row: getattr(row, field) == value and encoders in (None, row.encoders)


def _setting(row: Row, fields: Sequence[str]) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in fields)


def _settings(rows: Sequence[Row], fields: Sequence[str]) -> set[tuple[object, ...]]:
    return {_setting(row, fields) for row in rows}
