"""The best and the worst cases of a study: pictures from what runs kept, and the pairs that all find hard."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from synthboost.domain import PromptSet, Strategy
from synthboost.records.examples import Example
from synthboost.records.rows import Row, Status
from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import Column, Table, absent, count, number, words
from synthboost.reports.conditions import BASELINE_MODEL
from synthboost.reports.pictures import Picture, picture
from synthboost.reports.run_facts import is_trained, spec_text

HARDEST = 15
"""Lines of the table of hard pairs (a guess at what a reader looks through)."""


@dataclass(frozen=True)
class Case:
    """One image as one run saw it."""

    run: str
    what: str
    """Model, strategy, encoders, prompt set and seed of the run."""
    dice: str
    """Mean over the structures, in percent."""
    picture: Picture


def extreme_cases(runs: Sequence[RunRecord], number_of_each: int) -> tuple[list[Case], list[Case]]:
    """The worst and the best frames over all trained runs that were asked with words; each frame at most once.

    Every run keeps its own worst and best frame, so the first of each list is the study's; behind it, a frame that is
    bad in a run but not that run's worst is not seen.
    """
    kept = [(run, example) for run in runs if _counts(run) for example in run.examples if example.dice]
    kept.sort(key=lambda pair: (_mean(pair[1]), pair[0].spec.name, pair[1].frame))
    worst = _each_frame_once(kept, number_of_each)
    taken = {example.frame for _, example in worst}
    rest = [pair for pair in reversed(kept) if pair[1].frame not in taken]
    best = _each_frame_once(rest, number_of_each)
    return _cases(worst, "worst"), _cases(best, "best")


def hardest_pairs(rows: Iterable[Row]) -> Table:
    """The image-structure pairs with the lowest mean Dice over all trained models that were asked with words."""
    pairs: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        untrained = row.model == BASELINE_MODEL or row.strategy == Strategy.ZERO_SHOT
        if row.probe == "" and not untrained and row.prompt_set != PromptSet.P0 and row.status != Status.FAILED:
            pairs.setdefault((row.patient, row.frame, row.structure), []).append(row)
    hard = sorted(pairs.items(), key=lambda item: (_mean_dice(item[1]), item[0]))[:HARDEST]
    columns = (
        *(Column(name, is_text=True) for name in ("frame", "structure", "quality")),
        Column("true area mm²"), Column("mean Dice %"), Column("lowest %"), Column("highest %"), Column("runs"),
    )  # fmt: skip
    lines = []
    for (_, frame, structure), found in hard:
        dice, area = [100 * (row.dice or 0.0) for row in found], found[0].area_true_mm2
        lines.append(
            (
                words(frame), words(structure), words(found[0].quality or "unknown"),
                absent() if area is None else number(area, 0), number(math.fsum(dice) / len(dice)),
                number(min(dice)), number(max(dice)), count(len({row.run for row in found})),
            )
        )  # fmt: skip
    caption = "The hardest image-structure pairs: lowest mean Dice over all trained runs, P0 left out."
    return Table("hardest_pairs", caption, columns, tuple(lines))


def _counts(run: RunRecord) -> bool:
    return is_trained(run) and run.spec.prompt_set != PromptSet.P0


def _mean(example: Example) -> float:
    return math.fsum(example.dice.values()) / len(example.dice)


def _mean_dice(rows: Sequence[Row]) -> float:
    return math.fsum(row.dice or 0.0 for row in rows) / len(rows)


def _each_frame_once(pairs: Sequence[tuple[RunRecord, Example]], most: int) -> list[tuple[RunRecord, Example]]:
    first: dict[str, tuple[RunRecord, Example]] = {}
    for run, example in pairs:
        if len(first) == most:
            break
        first.setdefault(example.frame, (run, example))
    return list(first.values())


def _cases(pairs: Sequence[tuple[RunRecord, Example]], kind: str) -> list[Case]:
    keys = ("model", "strategy", "encoders", "prompt_set")
    return [
        Case(
            run=run.spec.name,
            what=f"{', '.join(spec_text(run, key) for key in keys)}, seed {spec_text(run, 'seed')}",
            dice=f"{100 * _mean(example):.1f} %",
            picture=picture(example, f"{kind}-{place}"),
        )
        for place, (run, example) in enumerate(pairs)
    ]
