"""Learning curves of runs, and how fast they learned: to the best epoch and to a fixed Dice, pretraining counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from synthboost.evaluation.statistics.convergence import (
    Cost,
    History,
    Spread,
    cost_to_best,
    cost_to_dice,
    pretraining_cost,
    reach_over_seeds,
)
from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import Cell, Column, Table, absent, count, number, text_columns, words
from synthboost.reports.figure import (
    INK,
    QUIET,
    Plot,
    dress,
    file_stem,
    legend_above,
    panels,
    plain_label,
    strategy_colour,
    strategy_stroke,
)
from synthboost.reports.paper import model_heading
from synthboost.reports.run_facts import in_table_order, is_trained, synthetic_domain

NOT_REACHED = "not reached"
PARENT_MISSING = "parent run not given"
_MARKERS = ("o", "s", "^", "D", "v")


@dataclass(frozen=True)
class Curves:
    """The curves of one strategy's seeds: validation Dice in percent by images seen, pretraining included."""

    label: str
    strategy: str
    images: tuple[tuple[int, ...], ...]
    """Of each seed, after each epoch."""
    dice: tuple[tuple[float, ...], ...]
    marker: str = ""
    """Of the kind of synthetic images, where there are several."""

    @property
    def common(self) -> int:
        """Epochs that every seed has."""
        return min(map(len, self.dice))

    def over_seeds(self) -> tuple[list[float], list[float], list[float]]:
        """Lowest, mean and highest Dice after each common epoch."""
        table = np.array([dice[: self.common] for dice in self.dice])
        low, mean, high = (f(table, axis=0) for f in (np.min, np.mean, np.max))
        return low.tolist(), mean.tolist(), high.tolist()


def learning_plots(runs: Sequence[RunRecord], fixed_dice: float) -> list[Plot]:
    """One figure per model, preset and encoders, one panel per prompt set, one line per strategy; none without logs.

    A fine-tuned run's line continues where its pretraining ended, because those images had to be seen as well; when
    the parent run is not among `runs`, its line starts at zero and the legend says so. Several seeds are a mean line
    in the band from the lowest to the highest, up to the last epoch that all have; what a longer seed has beyond is a
    thin line.
    """
    settings: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in in_table_order(runs):
        if is_trained(run):
            settings.setdefault((run.spec.model, run.spec.encoders, run.spec.preset or ""), []).append(run)
    several = len({key[:2] for key in settings}) < len(settings)  # presets need a name only where they differ
    return [_plot(key if several else key[:2], chosen, runs, fixed_dice) for key, chosen in settings.items()]


def convergence_table(runs: Sequence[RunRecord], fixed_dice: float) -> Table:
    """One line per trained run: best validation Dice, and what reaching it and `fixed_dice` (0-1) took."""
    goal = f"Dice {100 * fixed_dice:g} %"
    columns = (
        *text_columns("model", "strategy", "run"),
        *map(
            Column,
            (
                "best validation Dice %", "epochs to best", "images to best", f"epochs to {goal}", f"images to {goal}",
                f"epochs to {goal} with pretraining", f"images to {goal} with pretraining",
            ),
        ),
    )  # fmt: skip
    known = histories(runs)
    return Table(
        "convergence",
        f"Convergence: what it took to reach the best epoch, and a validation Dice of {100 * fixed_dice:g} % "
        "that was fixed beforehand.",
        columns,
        tuple(_line(run, known, fixed_dice) for run in in_table_order(runs) if is_trained(run)),
        (
            "With pretraining: all epochs of the parent run are added, also those after its best one, "
            "because they had to be computed before fine-tuning could begin.",
        ),
    )


def convergence_over_seeds(runs: Sequence[RunRecord], fixed_dice: float) -> Table:
    """One line per model, encoders, prompt set and strategy: what the seeds took to the best epoch and to a Dice."""
    goal = f"Dice {100 * fixed_dice:g} %"
    columns = (
        *text_columns("strategy", "model", "encoders", "sentences"),
        *map(
            Column,
            (
                "seeds", "best validation Dice %", "epochs to best", f"seeds to {goal}", f"epochs to {goal}",
                f"images to {goal}", f"images to {goal} with pretraining",
            ),
        ),
    )  # fmt: skip
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in in_table_order(runs):
        if is_trained(run):
            spec = run.spec
            groups.setdefault((spec.strategy, spec.model, spec.encoders, spec.prompt_set), []).append(run)
    caption = (
        f"Convergence over seeds: what it took to the best epoch and to a validation Dice of {100 * fixed_dice:g} % "
        "that was fixed beforehand; median, and lowest to highest in brackets."
    )
    note = (
        "A seed that did not reach it counts as infinitely slow. With pretraining: all images of the parent run "
        "are added. The stages `synthetic` and `real` are measured on validation patients of their own data: compare "
        "the speeds of strategies that end on the same data only."
    )
    known = histories(runs)
    lines = tuple((*map(words, key), *_seed_cells(group, known, fixed_dice)) for key, group in groups.items())
    return Table("convergence_over_seeds", caption, columns, lines, (note,))


def histories(runs: Sequence[RunRecord]) -> dict[str, History]:
    """How each run learned, and from whose weights it began, by name."""
    return {run.spec.name: History(run.log, run.manifest.parent if run.manifest else None) for run in runs}


def _line(run: RunRecord, known: dict[str, History], fixed_dice: float) -> tuple[Cell, ...]:
    best, reached, before = cost_to_best(run.log), cost_to_dice(run.log, fixed_dice), _before(run, known)
    whole = None if before is None or reached is None else before + reached
    return (
        *map(words, (run.spec.model, run.spec.strategy, run.spec.name)),
        number(max(line.validation_dice for line in run.log), scale=100),
        *_cost_cells(best, ""),
        *_cost_cells(reached, NOT_REACHED),
        *_cost_cells(whole, PARENT_MISSING if before is None else NOT_REACHED),
    )


def _before(run: RunRecord, known: dict[str, History]) -> Cost | None:
    """All training of the run's ancestors; `None` when one of them is not known."""
    return pretraining_cost(run.spec.name, known)


def _cost_cells(cost: Cost | None, otherwise: str) -> tuple[Cell, Cell]:
    if cost is None:
        return absent(text=otherwise), absent(text=otherwise)
    return count(cost.epochs), count(cost.images)


def _seed_cells(group: Sequence[RunRecord], known: dict[str, History], fixed_dice: float) -> tuple[Cell, ...]:
    names = [run.spec.name for run in group]
    reach = reach_over_seeds(names, known, fixed_dice)
    complete = all(_before(run, known) is not None for run in group)
    whole = reach_over_seeds(names, known, fixed_dice, with_pretraining=True).images if complete else None
    best = [100 * max(line.validation_dice for line in run.log) for run in group]
    epochs = [float(cost_to_best(run.log).epochs) for run in group]
    return (
        count(len(group)),
        _spread(Spread(median(best), min(best), max(best)), 2),
        _spread(Spread(median(epochs), min(epochs), max(epochs))),
        Cell(f"{reach.runs - reach.never} of {reach.runs}", (reach.runs - reach.never,)),
        _spread(reach.epochs),
        _spread(reach.images),
        absent(text=PARENT_MISSING) if whole is None else _spread(whole),
    )


def _spread(found: Spread, decimals: int = 0) -> Cell:
    """The median, and lowest to highest in brackets where they differ; infinity is `not reached`."""
    low, middle, high = (_number(value, decimals) for value in (found.low, found.median, found.high))
    text = middle if low == high else f"{middle} ({low} to {high})"
    return Cell(text, (found.median if math.isfinite(found.median) else None,))


def _number(value: float, decimals: int) -> str:
    if math.isinf(value):
        return NOT_REACHED
    return f"{value:,.{decimals}f}" if decimals or value == int(value) else f"{value:,.1f}"


def _plot(setting: Sequence[str], chosen: Sequence[RunRecord], runs: Sequence[RunRecord], fixed_dice: float) -> Plot:
    prompt_sets = sorted({run.spec.prompt_set for run in chosen})
    figure, axes = panels(len(prompt_sets), 2.6 if len(prompt_sets) == 1 else 1.9, columns=min(2, len(prompt_sets)))
    ends = []
    for panel, prompt_set in zip(axes, prompt_sets, strict=True):
        for group in curves_of([run for run in chosen if run.spec.prompt_set == prompt_set], runs):
            _draw(panel, group)
            ends.append(f"{prompt_set} {group.label} {max(group.over_seeds()[1]):.1f} %")
        panel.axhline(100 * fixed_dice, color=QUIET, linewidth=1, linestyle=(0, (1, 3)),
                      label=f"{100 * fixed_dice:g} %, fixed beforehand")  # fmt: skip
        dress(panel, plain_label(prompt_set), 8)
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _thousands(value)))
        panel.set_xlim(left=0)
    figure.supxlabel("images seen by the optimiser, pretraining included", fontsize=9, color=INK)
    figure.supylabel("validation Dice in %", fontsize=9, color=INK)
    legend_above(figure, axes)
    model, encoders, *preset = setting
    of = ", ".join([f"{model_heading(model)}, {encoders} encoders", *(f"preset {name}" for name in preset)])
    caption = (
        f"Learning curves of {of}, by prompt set. Line: mean over "
        "seeds; band: lowest to highest; a fine-tuned line continues where its pretraining ended, on validation "
        "patients of other data."
    )
    return Plot(file_stem("learning", *setting), caption, f"Highest mean validation Dice: {'; '.join(ends)}.", figure)


def curves_of(group: Sequence[RunRecord], runs: Sequence[RunRecord]) -> list[Curves]:
    """The curves of each strategy, and of each kind of synthetic images where there are several."""
    known = histories(runs)
    kinds = list(dict.fromkeys(kind for run in group if (kind := synthetic_domain(run))))
    found: dict[tuple[str, str], list[RunRecord]] = {}
    for run in group:
        kind = synthetic_domain(run) if len(kinds) > 1 else ""
        found.setdefault((run.spec.strategy, f", {kind}" if kind else ""), []).append(run)
    curves = []
    for (strategy, kind), seeds in found.items():
        before = [_before(run, known) for run in seeds]
        offsets = [cost.images if cost else 0 for cost in before]
        missing = " (pretraining not shown)" if None in before else ""
        images = tuple(tuple(n + line.images_seen for line in run.log) for n, run in zip(offsets, seeds, strict=True))
        dice = tuple(tuple(100 * line.validation_dice for line in run.log) for run in seeds)
        marker = _MARKERS[kinds.index(kind.removeprefix(", ")) % len(_MARKERS)] if kind else ""
        curves.append(Curves(f"{strategy}{kind}{missing}", strategy, images, dice, marker))
    return curves


def _draw(axes: Axes, group: Curves) -> None:
    colour, stroke = strategy_colour(group.strategy), strategy_stroke(group.strategy)
    low, mean, high = group.over_seeds()
    # Seeds agree in the images they have seen unless their data sets differ in size.
    images = np.mean([seen[: group.common] for seen in group.images], axis=0).tolist()
    marker = group.marker or ("o" if len(mean) == 1 else "")
    axes.plot(images, mean, color=colour, linestyle=stroke, linewidth=1.8, marker=marker, markersize=4,
              label=plain_label(group.label))  # fmt: skip
    if len(group.dice) > 1:
        axes.fill_between(images, low, high, color=colour, alpha=0.18, linewidth=0)
        for seen, dice in zip(group.images, group.dice, strict=True):
            axes.plot(seen[group.common - 1 :], dice[group.common - 1 :], color=colour, linewidth=0.7, alpha=0.6)


def _thousands(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
