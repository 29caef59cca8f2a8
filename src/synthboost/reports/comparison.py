"""A family of comparisons as a table: effect and intervals first, p-values last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synthboost.evaluation.statistics.family import METHOD_FIELDS, NO_VALUES, Family, Member
from synthboost.evaluation.statistics.seeds import TOO_FEW
from synthboost.reports.cells import INTERVAL, Cell, Column, Table, absent, count, interval, signed, words
from synthboost.reports.conditions import NO_VALUE, heading

_UNITS = {
    "dice": ("Dice", "points (0-100)", 100.0),
    "iou": ("IoU", "points (0-100)", 100.0),
    "nsd": ("NSD", "points (0-100)", 100.0),
    "hd95_mm": ("HD95", "mm (lower is better)", 1.0),
    "assd_mm": ("ASSD", "mm (lower is better)", 1.0),
}
"""Metric to its name, its unit in the table, and the factor to it."""


def family_table(family: Family, name: str = "comparison") -> Table:
    """One line per comparison of the family; differences in points (0-100) or mm."""
    metric, unit, scale = _UNITS[family.metric]
    settings = [dict(member.setting) for member in family.members]
    shared = {field: value for field, value in settings[0].items() if all(s[field] == value for s in settings)}
    fields = [field for field in METHOD_FIELDS if field in settings[0] and field not in shared]
    covers_seeds = any(member.seeds.interval is not None for member in family.members)
    level = f"{100 * family.level:g} %"
    columns = (
        *(Column(_heading(field), is_text=True) for field in fields),
        Column("difference"),
        Column(f"{level} over patients", INTERVAL),
        *((Column(f"{level} over patients and trainings", INTERVAL),) if covers_seeds else ()),
        *((Column("SD over trainings", ("first", "second")),) if covers_seeds else ()),
        Column("Cliff's delta"),
        Column("rank biserial"),
        Column("patients higher"),
        Column("patients"),
        Column("trainings", ("first", "second")),
        Column("p by patient"),
        Column("p Holm"),
        Column("p over pairs"),
    )
    caption = (
        f"{metric}, {family.contrast}: mean difference in {unit}.{_shared_text(shared)} The family that Holm's "
        f"correction covers: {_comparisons(family.members)}."
    )
    lines = tuple(
        (*_setting_cells(member, fields), *_member_cells(member, scale, covers_seeds)) for member in family.members
    )
    return Table(name, caption, columns, lines, _notes(family))


def p_value(p: float) -> Cell:
    """A p-value with two digits that count."""
    return Cell(f"{p:.2g}", (p,))


def _heading(field: str) -> str:
    return field if field == "strategy" else heading(field)


def _shared_text(shared: Mapping[str, str]) -> str:
    said = [f"{_heading(field)} {value}" for field, value in shared.items() if value not in NO_VALUES]
    return f" All: {', '.join(said)}." if said else ""


def _comparisons(members: Sequence[Member]) -> str:
    return "1 comparison" if len(members) == 1 else f"{len(members)} comparisons"


def _setting_cells(member: Member, fields: Sequence[str]) -> list[Cell]:
    values = dict(member.setting)
    return [words(NO_VALUE if values[field] in NO_VALUES else values[field]) for field in fields]


def _member_cells(member: Member, scale: float, covers_seeds: bool) -> list[Cell]:
    found, seeds = member.comparison, member.seeds
    wide = None if seeds.interval is None else (seeds.interval.low, seeds.interval.high)
    return [
        signed(found.difference.mean, scale=scale),
        interval((found.difference.low, found.difference.high), scale=scale, sign=True),
        *((interval(wide, scale=scale, sign=True),) if covers_seeds else ()),
        *((_deviations(seeds.sd_first, seeds.sd_second, scale),) if covers_seeds else ()),
        signed(found.cliffs_delta),
        signed(found.rank_biserial),
        count(found.patients_higher),
        count(found.n_patients),
        Cell(f"{seeds.n_first}, {seeds.n_second}", (seeds.n_first, seeds.n_second)),
        p_value(found.p_value),
        p_value(member.holm_p),
        p_value(member.p_over_pairs),
    ]


def _deviations(first: float | None, second: float | None, scale: float) -> Cell:
    if first is None and second is None:
        return absent(("first", "second"))
    scaled = [None if sd is None else scale * sd for sd in (first, second)]
    return Cell(", ".join(NO_VALUE if sd is None else f"{sd:.2f}" for sd in scaled), tuple(scaled))


def _notes(family: Family) -> tuple[str, ...]:
    missing = [member for member in family.members if member.seeds.interval is None]
    notes = [
        "Over patients: patients drawn anew with all their images (BCa bootstrap); it speaks of these trained models. "
        "p by patient: Wilcoxon on patient means, two-sided, of these trained models as well. "
        "p over pairs: the paper's test, which takes the images of one patient for independent; it finds too much."
    ]
    if len(missing) < len(family.members):
        notes.append(
            "Over patients and trainings: what other patients and other seeds would give (Student's t, Satterthwaite)."
        )
    if missing and all((m.seeds.n_first, m.seeds.n_second) == (1, 1) for m in missing):
        notes.append(f"{TOO_FEW}.")
    elif missing:
        notes.append("Where an arm has a single training: training noise not covered.")
    return tuple(notes)
