"""The tables of arms: Dice, contour distances, breakdowns, and whether the sentence is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import pandas as pd

from synthboost.domain import PromptSet, Strategy
from synthboost.evaluation.statistics.arms import Arm
from synthboost.evaluation.statistics.contrast import contrast_in_common
from synthboost.evaluation.statistics.groups import GROUPINGS, UNKNOWN, groups_of
from synthboost.records.rows import Status
from synthboost.records.run_record import BASELINE_MODEL
from synthboost.reports.arms import (
    caption_of,
    failure_notes,
    head_cells,
    head_columns,
    is_baseline,
    notes_of,
    ordered_arms,
    scores,
    strategy_label,
    strategy_place,
    structure_place,
)
from synthboost.reports.cells import (
    INTERVAL,
    MEAN_SD,
    NOT_RECORDED,
    Cell,
    Column,
    Table,
    absent,
    count,
    interval,
    mean_sd,
    number,
    signed,
    text_columns,
    words,
)

LITTLE = 0.1
"""Share of Dice lost below which a difference, however certain, is called small (a guess)."""
SWAPPED = "swapped"
"""The probe that asks for a structure with a sentence that names another one."""
_PAIR = ["patient", "frame", "structure"]


def dice_table(arms: Sequence[Arm]) -> Table:
    """Dice per strategy in percent: mean ± SD as table 1 of arXiv 2309.12829, interval, structures, counts."""
    structures = sorted({name for arm in arms for name in arm.rows.structure}, key=structure_place)
    columns = (
        *head_columns(arms),
        Column("Dice %", MEAN_SD),
        Column("95 % interval", INTERVAL),
        *(Column(f"{name} Dice %", MEAN_SD) for name in structures),
        *map(Column, ("seeds", "images", "pairs", "patients", "failed", "empty")),
    )
    what = (
        "Dice in percent: mean ± SD over image-structure pairs, and the 95 % cluster bootstrap interval of the mean, "
        "patients resampled. Empty predictions count with Dice 0."
    )
    lines = tuple((*head_cells(arm, arms), *_dice_cells(arm, structures)) for arm in arms)
    return Table("dice", caption_of(what, arms), columns, lines, (*notes_of(arms), *failure_notes(arms)))


def distance_table(arms: Sequence[Arm]) -> Table:
    """Normalised surface Dice in percent, HD95 and ASSD in mm: mean ± SD, and the median of HD95.

    Raises:
        DataError: a distance is present in some rows of an arm and absent in others.
    """
    tolerances = sorted({value for arm in arms for value in arm.scored.nsd_tolerance_mm.dropna().unique()})
    columns = (
        *head_columns(arms),
        Column("NSD %", MEAN_SD),
        Column("HD95 mm", MEAN_SD),
        Column("median HD95 mm"),
        Column("ASSD mm", MEAN_SD),
        Column("failed"),
        Column("empty"),
    )
    at = " and ".join(f"{tolerance:g} mm" for tolerance in tolerances) or "a tolerance that is not recorded"
    what = (
        f"Contour distances: normalised surface Dice (NSD) at {at}, 95th percentile of the "
        "Hausdorff distance (HD95), average symmetric surface distance (ASSD), each mean ± SD over image-structure "
        "pairs. An empty prediction counts with the image's diagonal."
    )
    lines = tuple((*head_cells(arm, arms), *_distance_cells(arm)) for arm in arms)
    return Table("distances", caption_of(what, arms), columns, lines, (*notes_of(arms), *failure_notes(arms)))


def breakdown_table(arms: Sequence[Arm], by: str) -> Table:
    """Dice in percent per arm, one column per group of `by` (see `GROUPINGS`), each with its pairs.

    Without lines when the group is unknown for every row.
    """
    what = f"Dice in percent by {GROUPINGS[by].heading}: mean ± SD over the n scored image-structure pairs."
    lines = [(head_cells(arm, arms), arm.scored) for arm in arms]
    return _breakdown(by, caption_of(what, arms), head_columns(arms), lines, notes_of(arms))


def pooled_breakdown(arms: Sequence[Arm], by: str) -> Table:
    """The same per strategy, model and encoders, all prompt sets that name a structure and all seeds together."""
    groups: dict[tuple[str, str, str], list[pd.DataFrame]] = {}
    for arm in arms:
        if is_baseline(arm) or arm["prompt_set"] != PromptSet.P0:
            groups.setdefault((strategy_label(arm), arm["model"], arm["encoders"]), []).append(arm.scored)
    caption = (
        f"Dice in percent by {GROUPINGS[by].heading}: mean ± SD over the n scored pairs of all seeds and of "
        "all prompt sets but P0, which names no structure."
    )
    lines = [(tuple(map(words, name)), pd.concat(groups[name])) for name in sorted(groups, key=_pooled_place)]
    return replace(
        _breakdown(by, caption, text_columns("strategy", "model", "encoders"), lines), name=f"dice_by_{by}_pooled"
    )


def sentence_table(rows: pd.DataFrame) -> Table:
    """Per arm: Dice with the right and with a wrong sentence, over the same pairs, and the paired loss.

    Both are scored against the mask of the row's own structure. A model that does not read loses nothing.
    """
    wrong = {tuple(arm.values.values()): arm for arm in ordered_arms(rows, SWAPPED)}
    both = [(arm, wrong[key]) for arm in ordered_arms(rows) if (key := tuple(arm.values.values())) in wrong]
    arms = [arm for arm, _ in both]
    columns = (
        *head_columns(arms),
        Column("right sentence", MEAN_SD),
        Column("another structure's sentence", MEAN_SD),
        Column("loss, points"),
        Column("95 % interval of the loss", INTERVAL),
        Column("pairs"),
        *text_columns("reading"),
    )
    what = (
        "Is the sentence used? Dice in percent against the same masks, once with the right sentence and once with "
        "the sentence of another structure. A model that ignores the sentence loses nothing."
    )
    lines = tuple((*head_cells(arm, arms), *_sentence_cells(arm.scored, other.scored)) for arm, other in both)
    return Table("sentence_use", caption_of(what, arms), columns, lines, notes_of(arms))


def _dice_cells(arm: Arm, structures: Sequence[str]) -> list[Cell]:
    found = arm.dice
    return [
        mean_sd(scores(arm.scored, "dice"), scale=100),
        interval(None if found is None else (found.low, found.high), scale=100),
        *(mean_sd(scores(arm.scored[arm.scored.structure == name], "dice"), scale=100) for name in structures),
        count(arm.rows.seed.nunique(dropna=False)),
        count(len(arm.rows[_PAIR[:2]].drop_duplicates())),
        count(len(arm.rows[_PAIR].drop_duplicates())),
        count(arm.rows.patient.nunique()),
        *_counts(arm),
    ]


def _distance_cells(arm: Arm) -> list[Cell]:
    hd95 = scores(arm.scored, "hd95_mm")
    return [
        mean_sd(scores(arm.scored, "nsd"), scale=100, otherwise=NOT_RECORDED),
        mean_sd(hd95, otherwise=NOT_RECORDED),
        number(median(hd95)) if hd95 else absent(text=NOT_RECORDED),
        mean_sd(scores(arm.scored, "assd_mm"), otherwise=NOT_RECORDED),
        *_counts(arm),
    ]


def _counts(arm: Arm) -> tuple[Cell, Cell]:
    return count(len(arm.failed)), count(int((arm.scored.status == Status.EMPTY_PREDICTION).sum()))


def _breakdown(
    by: str, caption: str, heads: Sequence[Column], lines: Sequence[tuple[tuple[Cell, ...], pd.DataFrame]],
    notes: tuple[str, ...] = (),
) -> Table:  # fmt: skip
    if not lines:
        return Table(f"dice_by_{by}", caption, tuple(heads), ())
    rows = pd.concat([rows for _, rows in lines], keys=range(len(lines)))
    groups = groups_of(rows, by)
    split = rows.dice.groupby([rows.index.get_level_values(0), groups], observed=True)
    found = {(line, str(name)): dice.tolist() for (line, name), dice in split}
    names = [name for name in groups.cat.categories if any((line, name) in found for line in range(len(lines)))]
    if names == [UNKNOWN]:
        names, lines = [], []
    counts = {name: sorted({len(found.get((line, name), ())) for line in range(len(lines))}) for name in names}
    spread = {name: f"{n[0]:,}" if len(n) == 1 else f"{n[0]:,} to {n[-1]:,}" for name, n in counts.items()}
    columns = (*heads, *(Column(f"{name} (n = {spread[name]})", MEAN_SD) for name in names))
    body = tuple(
        (*cells, *(mean_sd(found.get((line, name), []), scale=100) for name in names))
        for line, (cells, _) in enumerate(lines)
    )
    source = (f"The cuts: {GROUPINGS[by].source}",) if GROUPINGS[by].source else ()
    return Table(f"dice_by_{by}", caption, columns, body, (*notes, *source) if body else ())


def _pooled_place(names: tuple[str, str, str]) -> tuple[object, ...]:
    label, model, encoders = names
    plain = label.partition(" (")[0]
    return (model != BASELINE_MODEL, model, encoders if plain != Strategy.ZERO_SHOT else "", strategy_place(plain))


def _sentence_cells(right: pd.DataFrame, swapped: pd.DataFrame) -> list[Cell]:
    key = [*_PAIR, "seed"]
    right, swapped = (rows.assign(probe="") for rows in (right, swapped))
    paired = right.merge(swapped[key].drop_duplicates(), on=key)
    wrong = swapped.merge(right[key].drop_duplicates(), on=key)
    found = contrast_in_common(paired, wrong) if len(paired) else None
    loss, over = (found.mean, found.over_patients) if found else (0.0, None)
    bounds = None if over is None else (over.low, over.high)
    return [
        mean_sd(scores(paired, "dice"), scale=100),
        mean_sd(scores(wrong, "dice"), scale=100),
        signed(loss, scale=100),
        interval(bounds, scale=100, sign=True),
        count(len(paired)),
        words(_reading(loss, scores(paired, "dice"), bounds)),
    ]


def _reading(loss: float, right: Sequence[float], bounds: tuple[float, float] | None) -> str:
    if bounds is None:
        return "too few patients to tell"
    if bounds[0] > 0:
        share = loss * len(right) / sum(right)
        reading = "used" if share >= LITTLE else "hardly used"
        return f"{reading}: a wrong sentence loses {100 * share:.0f} % of the Dice"
    return "no sign that it is used"
