"""How fast runs learn: epochs and images to the best epoch and to a fixed Dice, pretraining counted or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthboost.records.run_folder import EpochLog, RunRecord
from synthboost.reports.cells import Cell, Column, Table, absent, count, number, words
from synthboost.reports.conditions import BASELINE_MODEL, SIMULATED_TARGET, strategy_heading, strategy_place
from synthboost.reports.run_facts import is_trained, run_name, spec_text

NOT_REACHED = "not reached"
PARENT_MISSING = "parent run not given"


@dataclass(frozen=True)
class Cost:
    """What a stretch of training took."""

    epochs: int
    images: int
    """Images (not image-sentence pairs) that the optimiser saw."""

    def __add__(self, other: Cost) -> Cost:
        """Both, one after the other."""
        return Cost(self.epochs + other.epochs, self.images + other.images)


def convergence_table(runs: Sequence[RunRecord], fixed_dice: float, target_is_simulated: bool = False) -> Table:
    """One line per trained run: best validation Dice, and what reaching it and `fixed_dice` (0-1) took."""
    goal = f"Dice {100 * fixed_dice:g} %"
    columns = (
        Column("model", is_text=True),
        Column(strategy_heading(target_is_simulated), is_text=True),
        Column("run", is_text=True),
        Column("best validation Dice %"),
        Column("epochs to best"),
        Column("images to best"),
        Column(f"epochs to {goal}"),
        Column(f"images to {goal}"),
        Column(f"epochs to {goal} with pretraining"),
        Column(f"images to {goal} with pretraining"),
    )
    trained = [run for run in in_table_order(runs) if is_trained(run)]
    simulated = f' "real" is a {SIMULATED_TARGET} here.' if target_is_simulated else ""
    return Table(
        "convergence",
        f"Convergence: what it took to reach the best epoch, and a validation Dice of {100 * fixed_dice:g} % "
        f"that was fixed beforehand.{simulated}",
        columns,
        tuple(_line(run, runs, fixed_dice) for run in trained),
        (
            "With pretraining: all epochs of the parent run are added, also those after its best one, "
            "because they had to be computed before fine-tuning could begin.",
        ),
    )


def in_table_order(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Runs by model, baselines first, then by strategy in the paper's order, then by name."""
    return sorted(runs, key=_place)


def _place(run: RunRecord) -> tuple[object, ...]:
    model = spec_text(run, "model")
    return (model != BASELINE_MODEL, model, strategy_place(spec_text(run, "strategy")), run_name(run))


def cost_to_best(log: Sequence[EpochLog]) -> Cost:
    """What the first epoch with the highest validation Dice took; `log` not empty."""
    best = max(range(len(log)), key=lambda place: (log[place].validation_dice, -place))
    return Cost(best + 1, log[best].images_seen)


def cost_to_dice(log: Sequence[EpochLog], fixed_dice: float) -> Cost | None:
    """What it took until the validation Dice first was at least `fixed_dice`, or `None` if it never was."""
    for place, line in enumerate(log):
        if line.validation_dice >= fixed_dice:
            return Cost(place + 1, line.images_seen)
    return None


def pretraining_cost(run: RunRecord, runs: Sequence[RunRecord]) -> Cost | None:
    """All training of the run's ancestors; zero without a parent, `None` when an ancestor is not among `runs`."""
    total, known = Cost(0, 0), {run_name(other): other for other in runs}
    seen = {run_name(run)}
    parent = run.manifest.get("parent")
    while parent:
        ancestor = known.get(str(parent))
        if ancestor is None or run_name(ancestor) in seen:
            return None
        seen.add(run_name(ancestor))
        if ancestor.log:
            total += Cost(len(ancestor.log), ancestor.log[-1].images_seen)
        parent = ancestor.manifest.get("parent")
    return total


def _line(run: RunRecord, runs: Sequence[RunRecord], fixed_dice: float) -> tuple[Cell, ...]:
    best, reached, before = cost_to_best(run.log), cost_to_dice(run.log, fixed_dice), pretraining_cost(run, runs)
    return (
        words(spec_text(run, "model")),
        words(spec_text(run, "strategy")),
        words(run_name(run)),
        number(max(line.validation_dice for line in run.log), scale=100),
        count(best.epochs),
        count(best.images),
        *_cost_cells(reached, NOT_REACHED),
        *(_cost_cells(None, PARENT_MISSING) if before is None else _with(before, reached)),
    )


def _with(before: Cost, reached: Cost | None) -> tuple[Cell, Cell]:
    return _cost_cells(before + reached if reached else None, NOT_REACHED)


def _cost_cells(cost: Cost | None, otherwise: str) -> tuple[Cell, Cell]:
    if cost is None:
        return absent(text=otherwise), absent(text=otherwise)
    return count(cost.epochs), count(cost.images)
