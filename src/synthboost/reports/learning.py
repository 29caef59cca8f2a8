"""Learning curves of runs, and how fast they learned: to the best epoch and to a fixed Dice, pretraining counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from synthboost.evaluation.statistics.convergence import (
    History,
    Spread,
    cost_to_best,
    pretraining_cost,
    reach_over_seeds,
    spread,
)
from synthboost.records.run_folder import RunRecord
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
from synthboost.reports.run_facts import in_table_order, is_trained, synthetic_domain, with_ancestors
from synthboost.reports.table import Cell, Table, absent, count, named

NOT_REACHED = "not reached"
PARENT_MISSING = "parent run not found"
_MARKERS = ("o", "s", "^", "D", "v")


class Curves(NamedTuple):
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
    the parent run is neither among `runs` nor beside them, its line starts at zero and the legend says so. Several
    seeds are a mean line in the band from the lowest to the highest, up to the last epoch that all have; what a longer
    seed has beyond is a thin line.
    """
    settings: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in in_table_order(runs):
        if is_trained(run):
            settings.setdefault((run.spec.model, run.spec.encoders, run.spec.preset or ""), []).append(run)
    several = len({key[:2] for key in settings}) < len(settings)  # presets need a name only where they differ
    return [_plot(key if several else key[:2], chosen, runs, fixed_dice) for key, chosen in settings.items()]


def convergence_table(runs: Sequence[RunRecord], fixed_dice: float, by_run: bool = False) -> Table:
    """What the best epoch and `fixed_dice` (0-1) took, over the seeds of each method, or run by run."""
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in filter(is_trained, in_table_order(runs)):
        s = run.spec
        key = (s.model, s.strategy, s.name) if by_run else (s.strategy, s.model, s.encoders, s.prompt_set)
        groups.setdefault(key, []).append(run)
    heads = ("model", "strategy", "run") if by_run else ("strategy", "model", "encoders", "sentences")
    known = histories(runs)
    return Table.of(
        "convergence" if by_run else "convergence_over_seeds",
        f"Convergence {'of each run' if by_run else 'over seeds'}: what it took to the best epoch and to a validation "
        f"Dice of {100 * fixed_dice:g} % that was fixed beforehand; median, and lowest to highest in brackets.",
        [named(heads, key) | _cells(group, known, fixed_dice) for key, group in groups.items()],
        (
            "A seed that did not reach it counts as infinitely slow. With pretraining: all training of the parent run "
            "is added, also after its best epoch, because it had to be done before. The stages “synthetic” and “real” "
            "are measured on validation patients of their own data: compare the speeds of strategies that end on the "
            "same data only.",
        ),
    )


def histories(runs: Sequence[RunRecord]) -> dict[str, History]:
    """How each run and its ancestors learned, and from whose weights they began, by name; see `with_ancestors`."""
    known = with_ancestors(runs).values()
    return {run.spec.name: History(run.log, run.manifest.parent if run.manifest else None) for run in known}


def _cells(group: Sequence[RunRecord], known: dict[str, History], fixed_dice: float) -> dict[str, Cell]:
    names, goal = [run.spec.name for run in group], f"to Dice {100 * fixed_dice:g} %"
    complete = all(pretraining_cost(name, known) is not None for name in names)
    reach = reach_over_seeds(names, known, fixed_dice)
    whole = reach_over_seeds(names, known, fixed_dice, with_pretraining=True) if complete else None
    best = [cost_to_best(run.log) for run in group]
    reached = len(group) - reach.never
    return {
        "seeds": count(len(group)),
        "best validation Dice %": _spread(
            spread([100 * max(line.validation_dice for line in run.log) for run in group]), 2
        ),
        "epochs to best": _spread(spread([cost.epochs for cost in best])),
        "images to best": _spread(spread([cost.images for cost in best])),
        f"seeds {goal}": Cell(f"{reached} of {len(group)}", (reached,)),
        f"epochs {goal}": _spread(reach.epochs),
        f"images {goal}": _spread(reach.images),
        f"epochs {goal} with pretraining": absent(text=PARENT_MISSING) if whole is None else _spread(whole.epochs),
        f"images {goal} with pretraining": absent(text=PARENT_MISSING) if whole is None else _spread(whole.images),
    }


def _spread(found: Spread, decimals: int = 0) -> Cell:
    """The median, and lowest to highest in brackets where they differ; infinity is `not reached`."""
    low, middle, high = (_number(value, decimals) for value in (found.low, found.median, found.high))
    text = middle if low == high else f"{middle} ({low} to {high})"
    return Cell(text, (found.median if math.isfinite(found.median) else None,), decimals=decimals)


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
        found.setdefault((run.spec.strategy, kind), []).append(run)
    curves = []
    for (strategy, kind), seeds in found.items():
        before = [pretraining_cost(run.spec.name, known) for run in seeds]
        offsets = [cost.images if cost else 0 for cost in before]
        missing = " (pretraining not shown)" if None in before else ""
        images = tuple(tuple(n + line.images_seen for line in run.log) for n, run in zip(offsets, seeds, strict=True))
        dice = tuple(tuple(100 * line.validation_dice for line in run.log) for run in seeds)
        marker = _MARKERS[kinds.index(kind) % len(_MARKERS)] if kind else ""
        curves.append(Curves(f"{strategy}{f', {kind}' if kind else ''}{missing}", strategy, images, dice, marker))
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
