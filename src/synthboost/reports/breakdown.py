"""The breakdowns: Dice per strategy by structure, view, phase, image quality, sex, age and ejection fraction."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.domain import PromptSet, Strategy
from synthboost.evaluation.statistics.groups import GROUPINGS, UNKNOWN
from synthboost.reports.cells import MEAN_SD, Cell, Column, Table, mean_sd, words
from synthboost.reports.conditions import BASELINE_MODEL, SIMULATED_TARGET, strategy_heading, strategy_place
from synthboost.reports.lines import heads_of
from synthboost.reports.summary import Summary

Levels = dict[str, list[float]]
"""Dice (0-1) by level."""


def breakdown_table(summaries: Sequence[Summary], by: str, target_is_simulated: bool = False) -> Table:
    """Dice in percent per condition, one column per group of `by` (see `GROUPINGS`), each with its pairs.

    Without lines when the level is unknown for every row.
    """
    heads = heads_of(summaries, target_is_simulated)
    lines = [(heads.cells(summary.condition), _levels(summary, by)) for summary in summaries]
    caption = heads.caption(
        f"Dice in percent by {GROUPINGS[by].heading}: mean ± SD over the n scored image-structure pairs."
    )
    return _table(by, caption, heads.columns, lines, heads.notes)


def pooled_breakdown(summaries: Sequence[Summary], by: str, target_is_simulated: bool = False) -> Table:
    """The same per strategy, model and encoders, all prompt sets that name a structure and all seeds together."""
    groups: dict[tuple[str, ...], Levels] = {}
    for summary in summaries:
        condition = summary.condition
        if condition.is_baseline or condition.prompt_set != PromptSet.P0:
            group = groups.setdefault((condition.strategy_label, condition.model, condition.encoders), {})
            for level, dice in _levels(summary, by).items():
                group.setdefault(level, []).extend(dice)
    strategy = Column(strategy_heading(target_is_simulated), is_text=True)
    columns = (strategy, Column("model", is_text=True), Column("encoders", is_text=True))
    lines = [(tuple(map(words, names)), groups[names]) for names in sorted(groups, key=_line_place)]
    simulated = f' "real" is a {SIMULATED_TARGET} here.' if target_is_simulated else ""
    caption = (
        f"Dice in percent by {GROUPINGS[by].heading}: mean ± SD over the n scored pairs of all seeds and of "
        f"all prompt sets but P0, which names no structure.{simulated}"
    )
    return _table(by, caption, columns, lines)


def _levels(summary: Summary, by: str) -> Levels:
    level = GROUPINGS[by].group_of
    found: Levels = {}
    for row in summary.scored:
        assert row.dice is not None, "summarise refuses scored rows without Dice"
        found.setdefault(str(level(row)), []).append(row.dice)
    return found


def _table(
    by: str, caption: str, heads: Sequence[Column], lines: Sequence[tuple[tuple[Cell, ...], Levels]],
    notes: tuple[str, ...] = (),
) -> Table:  # fmt: skip
    names = sorted({name for _, levels in lines for name in levels}, key=lambda name: _place(by, name))
    if names == [UNKNOWN]:
        names, lines = [], []
    counts = {name: sorted({len(levels.get(name, ())) for _, levels in lines}) for name in names}
    columns = (*heads, *(Column(f"{name} (n = {_spread(counts[name])})", MEAN_SD) for name in names))
    body = tuple((*cells, *(mean_sd(levels.get(name, []), scale=100) for name in names)) for cells, levels in lines)
    return Table(f"dice_by_{by}", caption, columns, body, (*notes, *_source(by)) if body else ())


def _spread(counts: Sequence[int]) -> str:
    return f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"


def _source(by: str) -> tuple[str, ...]:
    return (f"The cuts: {GROUPINGS[by].source}",) if GROUPINGS[by].source else ()


def _place(by: str, level: str) -> tuple[int, str]:
    places = {str(name): place for place, name in enumerate((*GROUPINGS[by].levels, UNKNOWN))}
    return (places.get(level, len(places)), level)


def _line_place(names: tuple[str, ...]) -> tuple[object, ...]:
    label, model, encoders = names
    plain = label.partition(" (")[0]
    return (model != BASELINE_MODEL, model, encoders if plain != Strategy.ZERO_SHOT else "", strategy_place(plain))
