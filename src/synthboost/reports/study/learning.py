"""Learning curves of many runs as small multiples, and convergence over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from synthboost.evaluation.statistics.convergence import (
    History,
    Spread,
    cost_to_best,
    pretraining_cost,
    reach_over_seeds,
)
from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import Cell, Column, Table, absent, count, words
from synthboost.reports.conditions import SIMULATED_TARGET, strategy_heading
from synthboost.reports.convergence import NOT_REACHED, PARENT_MISSING, histories, in_table_order
from synthboost.reports.curves import Curve, curve_of
from synthboost.reports.inline import plain_label
from synthboost.reports.palette import INK, QUIET, strategy_colour, strategy_stroke
from synthboost.reports.paper import model_heading
from synthboost.reports.plot import Plot, dress, file_stem, legend_above, panels
from synthboost.reports.run_facts import is_trained, spec_text


@dataclass(frozen=True)
class SeedCurves:
    """The curves of one strategy's seeds, epoch by epoch."""

    strategy: str
    curves: tuple[Curve, ...]

    @property
    def common(self) -> int:
        """Epochs that every seed has."""
        return min(len(curve.dice) for curve in self.curves)

    @property
    def images(self) -> list[float]:
        """Images seen after each common epoch, mean over seeds (they agree unless data sets differ in size)."""
        return [float(x) for x in np.mean([curve.images[: self.common] for curve in self.curves], axis=0)]

    def over_seeds(self) -> tuple[list[float], list[float], list[float]]:
        """Lowest, mean and highest validation Dice in percent after each common epoch."""
        table = np.array([curve.dice[: self.common] for curve in self.curves])
        low, mean, high = (f(table, axis=0) for f in (np.min, np.mean, np.max))
        return low.tolist(), mean.tolist(), high.tolist()


def learning_plots(runs: Sequence[RunRecord], fixed_dice: float, target_is_simulated: bool = False) -> list[Plot]:
    """One figure per model and encoders, one panel per prompt set, one line per strategy; none if nothing was trained.

    Several seeds are a mean line in the band from the lowest to the highest, up to the last epoch that all have; what
    a longer seed has beyond is a thin line.
    """
    trained = [run for run in in_table_order(runs) if is_trained(run)]
    plots = []
    for setting in dict.fromkeys((r.spec.model, spec_text(r, "encoders")) for r in trained):
        chosen = [r for r in trained if (r.spec.model, spec_text(r, "encoders")) == setting]
        plots.append(_plot(setting, chosen, runs, fixed_dice, target_is_simulated))
    return plots


def convergence_over_seeds(runs: Sequence[RunRecord], fixed_dice: float, target_is_simulated: bool = False) -> Table:
    """One line per model, encoders, prompt set and strategy: what the seeds took to the best epoch and to a Dice."""
    goal = f"Dice {100 * fixed_dice:g} %"
    columns = (
        Column(strategy_heading(target_is_simulated), is_text=True),
        *(Column(name, is_text=True) for name in ("model", "encoders", "sentences")),
        Column("seeds"), Column("best validation Dice %"), Column("epochs to best"), Column(f"seeds to {goal}"),
        Column(f"epochs to {goal}"), Column(f"images to {goal}"), Column(f"images to {goal} with pretraining"),
    )  # fmt: skip
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in in_table_order(runs):
        if is_trained(run):
            key = tuple(spec_text(run, name) for name in ("strategy", "model", "encoders", "prompt_set"))
            groups.setdefault(key, []).append(run)
    simulated = f' "real" is a {SIMULATED_TARGET} here.' if target_is_simulated else ""
    caption = (
        f"Convergence over seeds: what it took to the best epoch and to a validation Dice of {100 * fixed_dice:g} % "
        f"that was fixed beforehand; median, and lowest to highest in brackets.{simulated}"
    )
    note = (
        "A seed that did not reach it counts as infinitely slow. With pretraining: all images of the parent run "
        "are added. The stages `synthetic` and `real` are measured on validation patients of their own data: compare "
        "the speeds of strategies that end on the same data only."
    )
    known = histories(runs)
    lines = tuple(_line(key, group, known, fixed_dice) for key, group in groups.items())
    return Table("convergence_over_seeds", caption, columns, lines, (note,))


def _line(
    key: tuple[str, ...], group: Sequence[RunRecord], known: Mapping[str, History], fixed_dice: float
) -> tuple[Cell, ...]:
    names = [run.spec.name for run in group]
    reach = reach_over_seeds(names, known, fixed_dice)
    complete = all(pretraining_cost(name, known) is not None for name in names)
    whole = reach_over_seeds(names, known, fixed_dice, with_pretraining=True).images if complete else None
    best = [100 * max(line.validation_dice for line in run.log) for run in group]
    epochs = [float(cost_to_best(run.log).epochs) for run in group]
    return (
        *map(words, key),
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


def _plot(
    setting: tuple[str, str], chosen: Sequence[RunRecord], runs: Sequence[RunRecord], fixed_dice: float,
    target_is_simulated: bool,
) -> Plot:  # fmt: skip
    model, encoders = setting
    prompt_sets = sorted({run.spec.prompt_set for run in chosen})
    figure, axes = panels(len(prompt_sets), 2.6 if len(prompt_sets) == 1 else 1.9, columns=min(2, len(prompt_sets)))
    ends = []
    for panel, prompt_set in zip(axes, prompt_sets, strict=True):
        for group in _seed_curves([r for r in chosen if r.spec.prompt_set == prompt_set], runs):
            _draw(panel, group)
            ends.append(f"{prompt_set} {group.strategy} {max(group.over_seeds()[1]):.1f} %")
        panel.axhline(100 * fixed_dice, color=QUIET, linewidth=1, linestyle=(0, (1, 3)),
                      label=f"{100 * fixed_dice:g} %, fixed beforehand")  # fmt: skip
        dress(panel, plain_label(prompt_set), 8)
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _thousands(value)))
        panel.set_xlim(left=0)
    figure.supxlabel("images seen by the optimiser, pretraining included", fontsize=9, color=INK)
    figure.supylabel("validation Dice in %", fontsize=9, color=INK)
    legend_above(figure, axes)
    simulated = f" “real” is the {SIMULATED_TARGET}." if target_is_simulated else ""
    caption = (
        f"Learning curves of {model_heading(model)}, {encoders} encoders, by prompt set. Line: mean over "
        "seeds; band: lowest to highest; a fine-tuned line continues where its pretraining ended, on validation "
        f"patients of other data.{simulated}"
    )
    return Plot(
        file_stem("learning", model, encoders), caption, f"Highest mean validation Dice: {'; '.join(ends)}.", figure
    )


def _seed_curves(group: Sequence[RunRecord], runs: Sequence[RunRecord]) -> list[SeedCurves]:
    strategies: dict[str, list[Curve]] = {}
    for run in group:
        strategies.setdefault(run.spec.strategy, []).append(curve_of(run, runs))
    return [SeedCurves(name, tuple(curves)) for name, curves in strategies.items()]


def _draw(axes: Axes, group: SeedCurves) -> None:
    colour, stroke = strategy_colour(group.strategy), strategy_stroke(group.strategy)
    low, mean, high = group.over_seeds()
    missing = " (pretraining not shown)" if any(curve.parent_missing for curve in group.curves) else ""
    axes.plot(group.images, mean, color=colour, linestyle=stroke, linewidth=1.8, marker="o" if len(mean) == 1 else "",
              label=plain_label(group.strategy + missing))  # fmt: skip
    if len(group.curves) > 1:
        axes.fill_between(group.images, low, high, color=colour, alpha=0.18, linewidth=0)
        for curve in group.curves:
            rest = slice(group.common - 1, None)
            axes.plot(curve.images[rest], curve.dice[rest], color=colour, linewidth=0.7, alpha=0.6)


def _thousands(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
