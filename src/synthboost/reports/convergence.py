"""How fast runs learn: epochs and images to the best epoch and to a fixed Dice, pretraining counted or not."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.evaluation.statistics.convergence import Cost, History, cost_to_best, cost_to_dice
from synthboost.evaluation.statistics.convergence import pretraining_cost as cost_of_ancestors
from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import Cell, Column, Table, absent, count, number, words
from synthboost.reports.conditions import BASELINE_MODEL, SIMULATED_TARGET, strategy_heading, strategy_place
from synthboost.reports.run_facts import is_trained

NOT_REACHED = "not reached"
PARENT_MISSING = "parent run not given"


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
    model = run.spec.model
    return (model != BASELINE_MODEL, model, strategy_place(run.spec.strategy), run.spec.name)


def pretraining_cost(run: RunRecord, runs: Sequence[RunRecord]) -> Cost | None:
    """All training of the run's ancestors; zero without a parent, `None` when an ancestor is not among `runs`."""
    return cost_of_ancestors(run.spec.name, {**histories(runs), run.spec.name: history(run)})


def histories(runs: Sequence[RunRecord]) -> dict[str, History]:
    """How each run learned, by name."""
    return {run.spec.name: history(run) for run in runs}


def history(run: RunRecord) -> History:
    """How one run learned, and from whose weights it began."""
    return History(run.log, run.manifest.parent if run.manifest else None)


def _line(run: RunRecord, runs: Sequence[RunRecord], fixed_dice: float) -> tuple[Cell, ...]:
    best, reached, before = cost_to_best(run.log), cost_to_dice(run.log, fixed_dice), pretraining_cost(run, runs)
    return (
        words(run.spec.model),
        words(run.spec.strategy),
        words(run.spec.name),
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
