"""The tables of arms: Dice, contour distances, breakdowns, and whether the sentence is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

import pandas as pd

from synthboost.domain import PromptSet, Strategy
from synthboost.evaluation.statistics.arms import Arm
from synthboost.evaluation.statistics.bootstrap import Interval
from synthboost.evaluation.statistics.contrast import contrast_in_common
from synthboost.evaluation.statistics.groups import GROUPINGS, UNKNOWN, groups_of
from synthboost.evaluation.statistics.tests import FEWEST_TO_TELL
from synthboost.records.rows import Status, rows_frame
from synthboost.records.run_record import BASELINE_MODEL
from synthboost.reports.arms import (
    HEADINGS,
    caption_of,
    cell_text,
    failure_notes,
    head_cells,
    is_baseline,
    notes_of,
    ordered_arms,
    scores,
    strategy_label,
    strategy_place,
    structure_place,
    varying_columns,
)
from synthboost.reports.contrasts import TOO_FEW_PATIENTS
from synthboost.reports.table import (
    NOT_RECORDED,
    Cell,
    Table,
    absent,
    count,
    interval,
    mean_sd,
    named,
    number,
    signed,
    words,
)

LITTLE = 0.1
"""Share of Dice lost below which a difference, however certain, is called small (a guess)."""
SWAPPED = "swapped"
"""The probe that asks for a structure with a sentence that names another one."""
_POOLED = ("model", "encoders", "prompt_set")
_PAIR = ["patient", "frame", "structure"]


def dice_table(arms: Sequence[Arm]) -> Table:
    """Dice per strategy in percent: mean ± SD as table 1 of arXiv 2309.12829, interval, structures, counts."""
    structures = sorted({name for arm in arms for name in arm.rows.structure}, key=structure_place)
    what = (
        "Dice in percent: mean ± SD over image-structure pairs, and the 95 % cluster bootstrap interval of the mean, "
        "patients resampled. Empty predictions count with Dice 0."
    )
    return _arm_table("dice", what, arms, lambda arm: _dice_cells(arm, structures))


def distance_table(arms: Sequence[Arm]) -> Table:
    """Normalised surface Dice in percent, HD95 and ASSD in mm: mean ± SD, and the median of HD95.

    Raises:
        DataError: a distance is present in some rows of an arm and absent in others.
    """
    tolerances = sorted({value for arm in arms for value in arm.scored.nsd_tolerance_mm.dropna().unique()})
    at = " and ".join(f"{tolerance:g} mm" for tolerance in tolerances) or "a tolerance that is not recorded"
    what = (
        f"Contour distances: normalised surface Dice (NSD) at {at}, 95th percentile of the "
        "Hausdorff distance (HD95), average symmetric surface distance (ASSD), each mean ± SD over image-structure "
        "pairs. An empty prediction counts with the image's diagonal."
    )
    return _arm_table("distances", what, arms, _distance_cells)


def breakdown_table(arms: Sequence[Arm], by: str) -> Table:
    """Dice in percent per arm, one column per group of `by` (see `GROUPINGS`), each with its pairs.

    Without lines when the group is unknown for every row.
    """
    what = f"Dice in percent by {GROUPINGS[by].heading}: mean ± SD over the n scored image-structure pairs."
    lines = [(head_cells(arm, arms), arm.scored) for arm in arms]
    return _breakdown(f"dice_by_{by}", by, caption_of(what, arms), lines, notes_of(arms))


def pooled_breakdown(arms: Sequence[Arm], by: str) -> Table:
    """The same over seeds and prompt sets together: those that all strategies of a model have, so that none differs."""
    named_sets = [arm for arm in arms if len(arm.scored) and (is_baseline(arm) or arm["prompt_set"] != PromptSet.P0)]
    common: dict[str, set[str]] = {}
    for strategy in {(arm["model"], strategy_label(arm), arm["encoders"]) for arm in named_sets}:
        own = {a["prompt_set"] for a in named_sets if (a["model"], strategy_label(a), a["encoders"]) == strategy}
        common[strategy[0]] = common.get(strategy[0], own) & own
    pooled = [arm for arm in named_sets if is_baseline(arm) or arm["prompt_set"] in common[arm["model"]]]
    heads = ("model", "encoders", *(name for name in varying_columns(pooled) if name not in _POOLED))
    groups: dict[tuple[str, ...], list[pd.DataFrame]] = {}
    for arm in pooled:
        key = (strategy_label(arm), *(str(arm[name]) if name in _POOLED else cell_text(arm, name) for name in heads))
        groups.setdefault(key, []).append(arm.scored)
    said = "; ".join(
        f"{model}: {', '.join(sorted(sets)) or 'none'}"
        for model, sets in sorted(common.items())
        if model != BASELINE_MODEL
    )
    caption = (
        f"Dice in percent by {GROUPINGS[by].heading}: mean ± SD over the n scored pairs of all seeds and of the prompt "
        f"sets that every strategy of a model was run with, P0 left out, which names no structure ({said})."
    )
    headings = ("strategy", *(HEADINGS[name] for name in heads))
    lines = [(named(headings, key), pd.concat(groups[key])) for key in sorted(groups, key=_pooled_place)]
    return _breakdown(f"dice_by_{by}_pooled", by, caption, lines)


def sentence_table(rows: pd.DataFrame) -> Table:
    """Per arm: Dice with the right and with a wrong sentence, over the same pairs, and the paired loss.

    Both are scored against the mask of the row's own structure. A model that does not read loses nothing.
    """
    wrong = {tuple(arm.values.values()): arm for arm in ordered_arms(rows, SWAPPED)}
    both = [(arm, wrong[key]) for arm in ordered_arms(rows) if (key := tuple(arm.values.values())) in wrong]
    arms = [arm for arm, _ in both]
    what = (
        "Is the sentence used? Dice in percent against the same masks, once with the right sentence and once with "
        "the sentence of another structure. A model that ignores the sentence loses nothing."
    )
    lines = [head_cells(arm, arms) | _sentence_cells(arm.scored, other.scored) for arm, other in both]
    return Table.of("sentence_use", caption_of(what, arms), lines, notes_of(arms))


def _arm_table(name: str, what: str, arms: Sequence[Arm], cells: Callable[[Arm], dict[str, Cell]]) -> Table:
    """One line per arm, its failures counted in the last columns and listed below."""
    lines = [
        {
            **head_cells(arm, arms),
            **cells(arm),
            "failed": count(len(arm.failed)),
            "empty": count(int((arm.scored.status == Status.EMPTY_PREDICTION).sum())),
        }
        for arm in arms
    ]
    return Table.of(name, caption_of(what, arms), lines, (*notes_of(arms), *failure_notes(arms)))


def _dice_cells(arm: Arm, structures: Sequence[str]) -> dict[str, Cell]:
    scored = {name: arm.scored[arm.scored.structure == name] for name in structures}
    return {
        "Dice %": mean_sd(scores(arm.scored, "dice"), scale=100),
        "95 % interval": interval(arm.dice, scale=100),
        **{f"{name} Dice %": mean_sd(scores(rows, "dice"), scale=100) for name, rows in scored.items()},
        "seeds": count(arm.rows.seed.nunique(dropna=False)),
        "images": count(len(arm.rows[_PAIR[:2]].drop_duplicates())),
        "pairs": count(len(arm.rows[_PAIR].drop_duplicates())),
        "patients": count(arm.rows.patient.nunique()),
    }


def _distance_cells(arm: Arm) -> dict[str, Cell]:
    hd95 = scores(arm.scored, "hd95_mm")
    return {
        "NSD %": mean_sd(scores(arm.scored, "nsd"), scale=100, otherwise=NOT_RECORDED),
        "HD95 mm": mean_sd(hd95, otherwise=NOT_RECORDED),
        "median HD95 mm": number(median(hd95)) if hd95 else absent(text=NOT_RECORDED),
        "ASSD mm": mean_sd(scores(arm.scored, "assd_mm"), otherwise=NOT_RECORDED),
    }


def _breakdown(
    name: str, by: str, caption: str, lines: Sequence[tuple[dict[str, Cell], pd.DataFrame]], notes: Sequence[str] = ()
) -> Table:
    """One line per pair of heads and rows."""
    rows = pd.concat([rows for _, rows in lines], keys=range(len(lines))) if lines else rows_frame([])
    groups = groups_of(rows, by)
    if (groups == UNKNOWN).all():
        return Table.of(name, caption, ())
    split = rows.dice.groupby([rows.index.get_level_values(0), groups], observed=True)
    found = {(line, str(group)): dice.tolist() for (line, group), dice in split}
    spread = {}
    for group in groups.cat.categories:
        if any((line, group) in found for line in range(len(lines))):
            counts = [len(found.get((line, group), ())) for line in range(len(lines))]
            low, high = min(counts), max(counts)
            spread[group] = f"{group} (n = {low:,})" if low == high else f"{group} (n = {low:,} to {high:,})"
    body = [
        heads | {text: mean_sd(found.get((line, group), []), scale=100) for group, text in spread.items()}
        for line, (heads, _) in enumerate(lines)
    ]
    source = (f"The cuts: {GROUPINGS[by].source}",) if GROUPINGS[by].source else ()
    return Table.of(name, caption, body, (*notes, *source))


def _pooled_place(names: tuple[str, ...]) -> tuple[object, ...]:
    label, model, encoders, *others = names
    plain = label.partition(" (")[0]
    return (
        model != BASELINE_MODEL,
        model,
        encoders if plain != Strategy.ZERO_SHOT else "",
        strategy_place(plain),
        others,
    )


def _sentence_cells(right: pd.DataFrame, swapped: pd.DataFrame) -> dict[str, Cell]:
    key = [*_PAIR, "seed"]
    right, swapped = (rows.assign(probe="") for rows in (right, swapped))
    paired = right.merge(swapped[key].drop_duplicates(), on=key)
    wrong = swapped.merge(right[key].drop_duplicates(), on=key)
    found = contrast_in_common(paired, wrong) if len(paired) else None
    loss, over = (found.mean, found.over_patients) if found else (0.0, None)
    return {
        "right sentence": mean_sd(scores(paired, "dice"), scale=100),
        "another structure's sentence": mean_sd(scores(wrong, "dice"), scale=100),
        "loss, points": signed(loss, scale=100),
        "95 % interval of the loss": interval(over, scale=100, sign=True),
        "pairs": count(len(paired)),
        "reading": words(_reading(loss, scores(paired, "dice"), over, found.patients if found else 0)),
    }


def _reading(loss: float, right: Sequence[float], over: Interval | None, patients: int) -> str:
    if over is None or patients < FEWEST_TO_TELL:
        return TOO_FEW_PATIENTS
    if over.low > 0:
        share = loss * len(right) / sum(right)
        reading = "used" if share >= LITTLE else "hardly used"
        return f"{reading}: a wrong sentence loses {100 * share:.0f} % of the Dice"
    return "no sign that it is used"
