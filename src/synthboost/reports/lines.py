"""The line heads of a table of conditions: which columns name a condition, and what caption and notes say of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthboost.reports.cells import Cell, Column, words
from synthboost.reports.conditions import (
    SIMULATED_TARGET,
    Condition,
    cell_text,
    constant_fields,
    heading,
    strategy_heading,
    varying_fields,
)
from synthboost.reports.summary import Summary

GROUND_TRUTH_MARK = " †"
LISTED_FAILURES = 20
"""More failures than this are counted, not listed, so that a note stays readable (a guess)."""


@dataclass(frozen=True)
class LineHeads:
    """Names the lines of a table, in the same way for every table of the same conditions."""

    conditions: tuple[Condition, ...]
    with_ground_truth: frozenset[Condition]
    """Conditions with sentences that hold a word derived from the true mask."""
    target_is_simulated: bool

    @property
    def columns(self) -> tuple[Column, ...]:
        """The strategy, and one column per field in which the conditions differ."""
        names = [strategy_heading(self.target_is_simulated), *map(heading, varying_fields(self.conditions))]
        return tuple(Column(name, is_text=True) for name in names)

    def cells(self, condition: Condition) -> tuple[Cell, ...]:
        """The cells that name one condition."""
        mark = GROUND_TRUTH_MARK if condition in self.with_ground_truth else ""
        varying = (words(cell_text(condition, name)) for name in varying_fields(self.conditions))
        return (words(condition.strategy_label + mark), *varying)

    def caption(self, what: str) -> str:
        """What the numbers are, what all lines share, and the two warnings no reader may miss."""
        simulated = f'"real" is a {SIMULATED_TARGET} here.' if self.target_is_simulated else ""
        truth = "Uses ground truth (†)." if self.with_ground_truth else ""
        return " ".join(part for part in (what, constant_fields(self.conditions), simulated, truth) if part)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the marks mean."""
        if not self.with_ground_truth:
            return ()
        return (
            "† uses ground truth: a word of these sentences was derived from the true mask, "
            "which nobody has for a new patient.",
        )


def heads_of(summaries: Sequence[Summary], target_is_simulated: bool) -> LineHeads:
    """The line heads of some summaries."""
    marked = frozenset(summary.condition for summary in summaries if summary.uses_ground_truth)
    return LineHeads(tuple(summary.condition for summary in summaries), marked, target_is_simulated)


def failure_notes(summaries: Sequence[Summary]) -> tuple[str, ...]:
    """Which rows failed and why; empty when none did."""
    failed = [row for summary in summaries for row in summary.failed]
    if not failed:
        return ()
    listed = [f"{row.run}: {row.frame} {row.structure} ({row.reason or 'no reason given'})" for row in failed]
    more = f"; and {len(listed) - LISTED_FAILURES} more" if len(listed) > LISTED_FAILURES else ""
    head = f"Failed, without a score, and left out of the means ({len(listed)}): "
    return (head + "; ".join(listed[:LISTED_FAILURES]) + more + ".",)
