"""Conditions: which rows share a line of a table, in which order the lines stand, and how they are named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from synthboost.domain import STRUCTURES, Strategy
from synthboost.records.rows import BASELINE_MODEL as BASELINE_MODEL
from synthboost.records.rows import NOTHING_TRAINED, RANDOM_WEIGHTS, Row

SIMULATED_TARGET = "simulated target domain"
"""What `real` stands for when the target data come from a simulator."""
NO_VALUE = "–"

_STRATEGY_ORDER = {str(strategy): place for place, strategy in enumerate(Strategy)}
_HEADINGS = {
    "model": "model",
    "encoders": "encoders",
    "synthetic": "synthetic images",
    "real_patients": "real patients",
    "prompt_set": "sentences",
    "domain": "tested on",
    "part": "part",
    "grid": "grid",
}
_LEARNED_ONLY = ("model", "encoders", "prompt_set")
"""What a constant baseline has no choice of."""
_TRAINED_ON = ("synthetic", "real_patients")
"""What some strategies have none of."""
_UNTRAINED = (NOTHING_TRAINED, RANDOM_WEIGHTS)
"""The values of `encoders` that say that there was no training to freeze them in."""


@dataclass(frozen=True)
class Condition:
    """Everything but the seed that distinguishes one line of a table from another."""

    model: str
    encoders: str
    synthetic: str
    real_patients: int | None
    prompt_set: str
    strategy: str
    domain: str
    part: str
    grid: str

    @property
    def is_baseline(self) -> bool:
        """True for a constant predictor."""
        return self.model == BASELINE_MODEL

    @property
    def strategy_label(self) -> str:
        """The strategy as a table names it."""
        if self.is_baseline:
            return f"{self.strategy} baseline"
        return f"{self.strategy} ({RANDOM_WEIGHTS})" if self.encoders == RANDOM_WEIGHTS else self.strategy

    def has_choice_of(self, name: str) -> bool:
        """Whether the field means something for this condition."""
        if name in _TRAINED_ON:
            return bool(getattr(self, name))
        if self.is_baseline:
            return name not in _LEARNED_ONLY
        return name != "encoders" or self.encoders not in _UNTRAINED

    @property
    def setting(self) -> tuple[str, ...]:
        """All but what was trained on: two strategies can be compared when their settings are equal."""
        return (self.model, self.encoders, self.prompt_set, self.domain, self.part, self.grid)


def group_rows(rows: Iterable[Row], probe: str = "") -> dict[Condition, list[Row]]:
    """The rows of one probe by condition; baselines first, then by setting, then in the paper's order of strategies."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if row.probe == probe:
            groups.setdefault(_condition_values(row), []).append(row)
    found = {condition_of(group[0]): group for group in groups.values()}
    return {condition: found[condition] for condition in sorted(found, key=_place)}


def condition_of(row: Row) -> Condition:
    """The condition under which a row was scored."""
    return Condition(**{field.name: getattr(row, field.name) for field in fields(Condition)})


_condition_values = attrgetter(*(field.name for field in fields(Condition)))
"""The same without making an object of it: a study has hundreds of thousands of rows."""


def varying_fields(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """The fields, the strategy aside, in which the conditions differ: each needs a column of its own."""
    return tuple(name for name in _HEADINGS if len(_values(conditions, name)) > 1)


def heading(name: str) -> str:
    """The column heading of a field of a condition."""
    return _HEADINGS[name]


def cell_text(condition: Condition, name: str) -> str:
    """What a line shows in the column of a field."""
    if not condition.has_choice_of(name):
        return NO_VALUE
    return str(getattr(condition, name)) or NO_VALUE


def line_name(condition: Condition, varying: Sequence[str]) -> str:
    """One condition in one phrase, for a figure."""
    parts = [cell_text(condition, name) for name in varying]
    return ", ".join([condition.strategy_label, *(part for part in parts if part != NO_VALUE)])


def strategy_heading(target_is_simulated: bool) -> str:
    """The heading of the strategy column; it says what `real` means when it is not real."""
    return f'strategy ("real" = {SIMULATED_TARGET})' if target_is_simulated else "strategy"


def constant_fields(conditions: Sequence[Condition]) -> str:
    """What all conditions share, as the end of a caption, e.g. `Model clipseg, sentences P6, grid native.`"""
    shared = []
    for name, text in _HEADINGS.items():
        values = _values(conditions, name)
        if len(values) == 1 and values != {""}:
            shared.append(f"{text} {next(iter(values))}")
    text = ", ".join(shared)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def strategy_place(strategy: str) -> tuple[int, str]:
    """Sorts strategies in the paper's order, unknown ones last by name."""
    return (_STRATEGY_ORDER.get(strategy, len(_STRATEGY_ORDER)), strategy)


def structure_place(short: str) -> int:
    """Sorts the short names of structures as their labels, unknown ones last."""
    names = [structure.short for structure in STRUCTURES]
    return names.index(short) if short in names else len(names)


def _values(conditions: Sequence[Condition], name: str) -> set[str]:
    return {getattr(c, name) for c in conditions if c.has_choice_of(name)}


def _place(condition: Condition) -> tuple[object, ...]:
    encoders = condition.encoders if condition.has_choice_of("encoders") else ""  # untrained ones come first
    setting = (condition.model, condition.prompt_set, encoders, *condition.setting[3:])
    trained_on = (condition.real_patients or 0, condition.synthetic)
    return (not condition.is_baseline, setting, strategy_place(condition.strategy), trained_on)
