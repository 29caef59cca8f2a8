"""The breakdowns: Dice per strategy by structure, view, phase or image quality."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.domain import STRUCTURES, Phase, Quality, View
from synthboost.records.rows import Row
from synthboost.reports.cells import MEAN_SD, Column, Table, mean_sd
from synthboost.reports.lines import heads_of
from synthboost.reports.summary import Summary, metric

BREAKDOWNS = ("structure", "view", "phase", "quality")
"""The fields of a row that a breakdown can group by."""
UNKNOWN = "unknown"

_ORDER = (*(s.short for s in STRUCTURES), *View, *Phase, *Quality)


def breakdown_table(summaries: Sequence[Summary], field: str, target_is_simulated: bool = False) -> Table:
    """Dice in percent per strategy, one column per value of `field`, each with the number of pairs behind it."""
    heads = heads_of(summaries, target_is_simulated)
    levels = sorted({_level(row, field) for s in summaries for row in s.rows}, key=_place)
    columns = (*heads.columns, *(Column(_heading(summaries, field, level), MEAN_SD) for level in levels))
    lines = tuple(
        (
            *heads.cells(summary.condition),
            *(mean_sd(metric(_at(summary.scored, field, level), "dice"), scale=100) for level in levels),
        )
        for summary in summaries
    )
    caption = heads.caption(f"Dice in percent by {field}: mean ± SD over the n scored image-structure pairs.")
    return Table(f"dice_by_{field}", caption, columns, lines, heads.notes)


def _heading(summaries: Sequence[Summary], field: str, level: str) -> str:
    counts = sorted({len(_at(summary.scored, field, level)) for summary in summaries})
    spread = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{level} (n = {spread})"


def _at(rows: Sequence[Row], field: str, level: str) -> list[Row]:
    return [row for row in rows if _level(row, field) == level]


def _level(row: Row, field: str) -> str:
    value = getattr(row, field)
    return UNKNOWN if value in (None, "") else str(value)


def _place(level: str) -> tuple[bool, int, str]:
    known = level in _ORDER
    return (not known, _ORDER.index(level) if known else 0, level)
