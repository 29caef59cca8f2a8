"""The arms of a report: in which order they stand, how they are named, and what a table of them says of all."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from synthboost.domain import STRUCTURES, SplitPart, Strategy
from synthboost.errors import DataError
from synthboost.evaluation.statistics.arms import Arm, arms_of
from synthboost.records.run_record import BASELINE_MODEL, NOTHING_TRAINED, RANDOM_WEIGHTS
from synthboost.reports.table import NO_VALUE, Cell, words

HEADINGS = {
    "model": "model",
    "encoders": "encoders",
    "synthetic": "synthetic images",
    "real_patients": "real patients",
    "prompt_set": "sentences",
    "domain": "tested on",
    "part": "part",
    "grid": "grid",
}
"""Column of the rows to column heading, the strategy aside."""
NO_TEST, INSTEAD = "no-test", "official validation"
"""The split for copies without test patients, and whom it evaluates on instead."""
GROUND_TRUTH_MARK = " †"
GROUND_TRUTH_NOTE = (
    "† uses ground truth: a word of these sentences was derived from the true mask, which nobody has for a new patient."
)
LISTED_FAILURES = 20
"""More failures than this are counted, not listed, so that a note stays readable (a guess)."""
_LEARNED_ONLY = ("model", "encoders", "prompt_set")
"""What a constant baseline has no choice of."""
_TRAINED_ON = ("synthetic", "real_patients")
"""What some strategies have none of."""
_STRATEGIES = {str(strategy): place for place, strategy in enumerate(Strategy)}


def ordered_arms(rows: pd.DataFrame, probe: str = "") -> list[Arm]:
    """The arms of the rows of one probe: baselines first, then by setting, then in the paper's order of strategies.

    Raises:
        DataError: two rows score the same frame, structure and seed, or a row that did not fail has no Dice.
    """
    arms = sorted(arms_of(rows, probe), key=_place)
    for arm in arms:
        if not probe:
            _refuse_doubles(arm.rows)
        scores(arm.scored, "dice")
    return arms


def with_true_parts(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows; where a split has no test patients, `part` says who took their place."""
    return rows.assign(part=rows.part.mask((rows.split == NO_TEST) & (rows.part == SplitPart.TESTING), INSTEAD))


def scores(rows: pd.DataFrame, metric: str) -> list[float]:
    """One metric of rows that did not fail; of the distances, empty when none of them has it.

    Raises:
        DataError: some rows have it and some do not, so that a mean would hide which; or there is no Dice.
    """
    values = rows[metric]
    if (absent := values.isna()).any() and (metric == "dice" or not absent.all()):
        row = rows[absent].iloc[0]
        raise DataError(
            f"run {row.run}", metric, f"absent for {row.frame} {row.structure} (status {row.status})",
            "a score in every row that did not fail", "Evaluate the run again.",
        )  # fmt: skip
    return [float(value) for value in values.dropna()]


def mean_percent(arm: Arm) -> float:
    """Mean Dice in percent over what was scored."""
    return 100 * float(arm.scored.dice.mean())


def is_baseline(arm: Arm) -> bool:
    """True for a constant predictor."""
    return bool(arm["model"] == BASELINE_MODEL)


def strategy_label(arm: Arm) -> str:
    """The strategy as a table names it."""
    if is_baseline(arm):
        return f"{arm['strategy']} baseline"
    return f"{arm['strategy']} ({RANDOM_WEIGHTS})" if arm["encoders"] == RANDOM_WEIGHTS else str(arm["strategy"])


def has_choice_of(arm: Arm, name: str) -> bool:
    """Whether a column means something for this arm."""
    if name in _TRAINED_ON:
        return bool(arm[name])
    if is_baseline(arm):
        return name not in _LEARNED_ONLY
    return name != "encoders" or arm["encoders"] not in (NOTHING_TRAINED, RANDOM_WEIGHTS)


def setting_of(arm: Arm) -> tuple[str, ...]:
    """All but what was trained on: two strategies can be compared when their settings are equal."""
    return tuple(arm[name] for name in ("model", "encoders", "prompt_set", "domain", "part", "grid"))


def varying_columns(arms: Sequence[Arm]) -> tuple[str, ...]:
    """The columns, the strategy aside, in which the arms differ: each needs a column of its own."""
    return tuple(name for name in HEADINGS if len(_values(arms, name)) > 1)


def cell_text(arm: Arm, name: str) -> str:
    """What a line shows in the column `name`."""
    return (str(arm[name]) if has_choice_of(arm, name) else "") or NO_VALUE


def head_cells(arm: Arm, arms: Sequence[Arm]) -> dict[str, Cell]:
    """The cells that name one of the arms: its strategy, and one per column in which the arms differ."""
    mark = GROUND_TRUTH_MARK if uses_ground_truth(arm) else ""
    varying = {HEADINGS[name]: words(cell_text(arm, name)) for name in varying_columns(arms)}
    return {"strategy": words(strategy_label(arm) + mark)} | varying


def caption_of(what: str, arms: Sequence[Arm]) -> str:
    """What the numbers are, what all lines share, and that some use ground truth."""
    shared = []
    for name, heading in HEADINGS.items():
        values = _values(arms, name)
        if len(values) == 1 and values != {""}:
            shared.append(f"{heading} {next(iter(values))}")
    text = ", ".join(shared)
    truth = "Uses ground truth (†)." if any(map(uses_ground_truth, arms)) else ""
    return " ".join(part for part in (what, f"{text[0].upper()}{text[1:]}." if text else "", truth) if part)


def notes_of(arms: Sequence[Arm]) -> tuple[str, ...]:
    """What the marks mean."""
    return (GROUND_TRUTH_NOTE,) if any(map(uses_ground_truth, arms)) else ()


def failure_notes(arms: Sequence[Arm]) -> tuple[str, ...]:
    """Which rows failed and why; empty when none did."""
    failed = [row for arm in arms for row in arm.failed.itertuples()]
    if not failed:
        return ()
    listed = [f"{row.run}: {row.frame} {row.structure} ({str(row.reason) or 'no reason given'})" for row in failed]
    more = f"; and {len(listed) - LISTED_FAILURES} more" if len(listed) > LISTED_FAILURES else ""
    head = f"Failed, without a score, and left out of the means ({len(listed)}): "
    return (head + "; ".join(listed[:LISTED_FAILURES]) + more + ".",)


def uses_ground_truth(arm: Arm) -> bool:
    """True when any sentence holds a word derived from the true mask."""
    return bool(arm.rows.uses_ground_truth.any())


def strategy_place(strategy: str) -> tuple[int, str]:
    """Sorts strategies in the paper's order, unknown ones last by name."""
    return (_STRATEGIES.get(strategy, len(_STRATEGIES)), strategy)


def structure_place(short: str) -> int:
    """Sorts the short names of structures as their labels, unknown ones last."""
    names = [structure.short for structure in STRUCTURES]
    return names.index(short) if short in names else len(names)


def _values(arms: Sequence[Arm], name: str) -> set[str]:
    return {arm[name] for arm in arms if has_choice_of(arm, name)}


def _place(arm: Arm) -> tuple[object, ...]:
    encoders = arm["encoders"] if has_choice_of(arm, "encoders") else ""  # untrained ones come first
    setting = (arm["model"], arm["prompt_set"], encoders, arm["domain"], arm["part"], arm["grid"])
    trained_on = (arm["real_patients"] or 0, arm["synthetic"])
    return (not is_baseline(arm), setting, strategy_place(arm["strategy"]), trained_on)


def _refuse_doubles(rows: pd.DataFrame) -> None:
    key = ["patient", "frame", "structure", "seed"]
    if (twice := rows.duplicated(key)).any():
        second = rows[twice].iloc[0]
        first = rows[(rows[key[:3]] == second[key[:3]]).all(axis=1)].iloc[0]
        raise DataError(
            f"runs {first.run} and {second.run}", "rows",
            f"{second.frame} {second.structure} with seed {second.seed} is scored twice under the same condition",
            "each image-structure pair once per condition and seed",
            "Leave one of the runs out, or name one apart: `synthboost evaluate --label NAME`, into a new folder.",
        )  # fmt: skip
