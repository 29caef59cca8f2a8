"""Is the sentence used? Dice with the right sentence beside Dice with another structure's sentence."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.records.rows import Row, Status
from synthboost.reports.cells import INTERVAL, MEAN_SD, Cell, Column, Table, count, interval, mean_sd, signed, words
from synthboost.reports.conditions import group_rows
from synthboost.reports.lines import LineHeads
from synthboost.reports.summary import Bounds, mean_interval, metric, paired_differences

LITTLE = 0.1
"""Share of Dice lost below which a difference, however certain, is called small (a guess)."""
SWAPPED = "swapped"
"""The probe that asks for a structure with a sentence that names another one."""


def sentence_table(rows: Sequence[Row], target_is_simulated: bool = False) -> Table:
    """Per condition: Dice with the right and with a wrong sentence, over the same pairs, and the paired loss.

    Both are scored against the mask of the row's own structure. A model that does not read loses nothing.
    """
    right, swapped = group_rows(rows), group_rows(rows, SWAPPED)
    probed = tuple(condition for condition in right if condition in swapped)
    marked = frozenset(c for c in probed if any(row.uses_ground_truth for row in right[c]))
    heads = LineHeads(probed, marked, target_is_simulated)
    columns = (
        *heads.columns,
        Column("right sentence", MEAN_SD),
        Column("another structure's sentence", MEAN_SD),
        Column("loss, points"),
        Column("95 % interval of the loss", INTERVAL),
        Column("pairs"),
        Column("reading", is_text=True),
    )
    lines = tuple((*heads.cells(c), *_cells(right[c], swapped[c])) for c in probed)
    what = (
        "Is the sentence used? Dice in percent against the same masks, once with the right sentence and once with "
        "the sentence of another structure. A model that ignores the sentence loses nothing."
    )
    return Table("sentence_use", heads.caption(what), columns, lines, heads.notes)


def _cells(right: Sequence[Row], swapped: Sequence[Row]) -> list[Cell]:
    wanted = {_pair(row) for row in swapped if row.status != Status.FAILED}
    paired = [row for row in right if _pair(row) in wanted and row.status != Status.FAILED]
    found = {_pair(row) for row in paired}
    wrong = [row for row in swapped if _pair(row) in found and row.status != Status.FAILED]
    losses, patients = paired_differences(paired, wrong)
    bounds = mean_interval(losses, patients)
    loss = sum(losses) / len(losses) if losses else 0.0
    return [
        mean_sd(metric(paired, "dice"), scale=100),
        mean_sd(metric(wrong, "dice"), scale=100),
        signed(loss, scale=100),
        interval(bounds, scale=100, sign=True),
        count(len(found)),
        words(_reading(loss, metric(paired, "dice"), bounds)),
    ]


def _reading(loss: float, right: Sequence[float], bounds: Bounds | None) -> str:
    if bounds is None:
        return "too few patients to tell"
    if bounds[0] > 0:
        share = loss * len(right) / sum(right)
        reading = "used" if share >= LITTLE else "hardly used"
        return f"{reading}: a wrong sentence loses {100 * share:.0f} % of the Dice"
    return "no sign that it is used"


def _pair(row: Row) -> tuple[str, str, str, int | None]:
    return (row.patient, row.frame, row.structure, row.seed)
