"""The breakdowns: Dice per strategy by structure, view, phase, image quality, sex, age and ejection fraction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from synthboost.domain import STRUCTURES, Phase, PromptSet, Quality, Sex, Strategy, View
from synthboost.records.rows import Row
from synthboost.reports.cells import MEAN_SD, Cell, Column, Table, mean_sd, words
from synthboost.reports.conditions import BASELINE_MODEL, SIMULATED_TARGET, strategy_heading, strategy_place
from synthboost.reports.lines import heads_of
from synthboost.reports.summary import Summary

UNKNOWN = "unknown"
AGE_BANDS = ((50, "under 50"), (65, "50 to 64"), (80, "65 to 79"))
"""First age above the band, and its name; who is older is `80 or older`. The bands are a guess."""
OLDEST = "80 or older"
EF_CLASSES = ("EF ≤ 45 %", "EF 45 to 55 %", "EF ≥ 55 %")
"""The classes in which CAMUS describes its patients (Leclerc et al., IEEE TMI 38:2198, 2019, table I)."""


def age_band(row: Row) -> str:
    """The patient's age band."""
    if row.age is None:
        return UNKNOWN
    return next((name for above, name in AGE_BANDS if row.age < above), OLDEST)


def ef_class(row: Row) -> str:
    """The patient's class of ejection fraction, 45 % and 55 % belonging to the outer classes."""
    if row.ejection_fraction is None:
        return UNKNOWN
    return EF_CLASSES[0 if row.ejection_fraction <= 45 else 2 if row.ejection_fraction >= 55 else 1]


def _field(name: str) -> Callable[[Row], str]:
    return lambda row: UNKNOWN if getattr(row, name) in (None, "") else str(getattr(row, name))


BREAKDOWNS: dict[str, Callable[[Row], str]] = {
    **{name: _field(name) for name in ("structure", "view", "phase", "quality", "sex")},
    "age": age_band,
    "ejection fraction": ef_class,
}
"""By what a breakdown groups, and the level of a row."""

_ORDER = (
    *(s.short for s in STRUCTURES), *View, *Phase, *Quality, *Sex,
    *(name for _, name in AGE_BANDS), OLDEST, *EF_CLASSES,
)  # fmt: skip
Levels = dict[str, list[float]]
"""Dice (0-1) by level."""


def breakdown_table(summaries: Sequence[Summary], by: str, target_is_simulated: bool = False) -> Table:
    """Dice in percent per condition, one column per level of `by`, each with the number of pairs behind it.

    Without lines when the level is unknown for every row.
    """
    heads = heads_of(summaries, target_is_simulated)
    lines = [(heads.cells(summary.condition), _levels(summary, by)) for summary in summaries]
    caption = heads.caption(f"Dice in percent by {by}: mean ± SD over the n scored image-structure pairs.")
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
        f"Dice in percent by {by}: mean ± SD over the n scored pairs of all seeds and of all prompt sets but P0, which "
        f"names no structure.{simulated}"
    )
    return _table(by, caption, columns, lines)


def _levels(summary: Summary, by: str) -> Levels:
    level = BREAKDOWNS[by]
    found: Levels = {}
    for row in summary.scored:
        assert row.dice is not None, "summarise refuses scored rows without Dice"
        found.setdefault(level(row), []).append(row.dice)
    return found


def _table(
    by: str, caption: str, heads: Sequence[Column], lines: Sequence[tuple[tuple[Cell, ...], Levels]],
    notes: tuple[str, ...] = (),
) -> Table:  # fmt: skip
    names = sorted({name for _, levels in lines for name in levels}, key=_place)
    if names == [UNKNOWN]:
        names, lines = [], []
    counts = {name: sorted({len(levels.get(name, ())) for _, levels in lines}) for name in names}
    columns = (*heads, *(Column(f"{name} (n = {_spread(counts[name])})", MEAN_SD) for name in names))
    body = tuple((*cells, *(mean_sd(levels.get(name, []), scale=100) for name in names)) for cells, levels in lines)
    return Table(f"dice_by_{by.replace(' ', '_')}", caption, columns, body, notes if body else ())


def _spread(counts: Sequence[int]) -> str:
    return f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"


def _place(level: str) -> tuple[bool, int, str]:
    known = level in _ORDER
    return (not known, _ORDER.index(level) if known else 0, level)


def _line_place(names: tuple[str, ...]) -> tuple[object, ...]:
    label, model, encoders = names
    plain = label.partition(" (")[0]
    return (model != BASELINE_MODEL, model, encoders if plain != Strategy.ZERO_SHOT else "", strategy_place(plain))
