"""Learning curves: validation Dice against the images that the optimiser has seen, one line per run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from synthboost.records.run_folder import RunRecord
from synthboost.reports.conditions import SIMULATED_TARGET
from synthboost.reports.convergence import in_table_order, pretraining_cost
from synthboost.reports.inline import figure_svg, plain_label
from synthboost.reports.palette import INK, QUIET, RULE, strategy_colour, strategy_stroke
from synthboost.reports.run_facts import is_trained, spec_text, synthetic_domain

_MARKERS = ("o", "s", "^", "D", "v")
"""Of the kinds of synthetic images, where a figure has several."""
_SETTING = ("model", "preset", "encoders", "prompt_set")
"""Runs that agree in these share one figure; the strategies and seeds are its lines."""


@dataclass(frozen=True)
class Drawing:
    """A figure for the page."""

    title: str
    svg: str


@dataclass(frozen=True)
class Curve:
    """One line: where it starts, and its points."""

    run: RunRecord
    offset: int
    """Images that the ancestors of the run had seen before it began."""
    parent_missing: bool

    @property
    def images(self) -> list[int]:
        """Images seen, pretraining included."""
        return [self.offset + line.images_seen for line in self.run.log]

    @property
    def dice(self) -> list[float]:
        """Validation Dice in percent."""
        return [100 * line.validation_dice for line in self.run.log]


def learning_curves(
    runs: Sequence[RunRecord], fixed_dice: float, target_is_simulated: bool = False
) -> tuple[Drawing, ...]:
    """One figure per setting (model, preset, encoders, prompt set); no figure when nothing was trained.

    A fine-tuned run's line continues where its pretraining ended, because those images had to be seen as well; when
    the parent run is not among `runs`, its line starts at zero and the legend says so.
    """
    settings: dict[str, list[RunRecord]] = {}
    for run in in_table_order(runs):
        if is_trained(run):
            settings.setdefault(", ".join(spec_text(run, key) for key in _SETTING), []).append(run)
    return tuple(
        Drawing(title, _draw([curve_of(run, runs) for run in group], fixed_dice, target_is_simulated))
        for title, group in settings.items()
    )


def curve_of(run: RunRecord, runs: Sequence[RunRecord]) -> Curve:
    """The run's line, behind the images that its ancestors among `runs` had seen."""
    before = pretraining_cost(run, runs)
    return Curve(run, before.images if before else 0, before is None)


def _draw(curves: Sequence[Curve], fixed_dice: float, target_is_simulated: bool) -> str:
    figure = Figure(figsize=(5.6, 3.9), layout="constrained")
    axes = figure.add_subplot()
    kinds = list(dict.fromkeys(kind for curve in curves if (kind := synthetic_domain(curve.run))))
    named: set[str] = set()
    for curve in curves:
        _draw_line(axes, curve, kinds, named)
    goal = f"{100 * fixed_dice:g} %, fixed beforehand"
    axes.axhline(100 * fixed_dice, color=QUIET, linewidth=1, linestyle=(0, (1, 3)), label=goal)
    _dress(axes, target_is_simulated)
    return figure_svg(figure, _alternative(curves))


def _draw_line(axes: Axes, curve: Curve, kinds: Sequence[str], named: set[str]) -> None:
    strategy, kind = curve.run.spec.strategy, synthetic_domain(curve.run)
    name = f"{strategy}, {kind}" if kind and len(kinds) > 1 else strategy
    label = plain_label(f"{name} (pretraining not shown)" if curve.parent_missing else name)
    axes.plot(
        curve.images, curve.dice, color=strategy_colour(strategy), linestyle=strategy_stroke(strategy), linewidth=2,
        marker=_MARKERS[kinds.index(kind) % len(_MARKERS)] if kind else "o",
        markersize=(5 if len(kinds) > 1 else 3.5) if len(curve.dice) <= 30 else 0,
        label=label if label not in named else "_another seed",
    )  # fmt: skip
    named.add(label)


def _dress(axes: Axes, target_is_simulated: bool) -> None:
    axes.set_xlabel("images seen by the optimiser, pretraining included", color=INK)
    axes.set_ylabel("validation Dice in %", color=INK)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlim(left=0)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.tick_params(colors=QUIET, length=0, labelsize=10.5)
    title = f'"real" = {SIMULATED_TARGET}' if target_is_simulated else None
    # Above the axes: inside, it would cover lines that end close together.
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=10.5, title=title,
        title_fontsize=10, handlelength=3,
    )  # fmt: skip


def _alternative(curves: Sequence[Curve]) -> str:
    ends = [
        f"{curve.run.spec.strategy} peaks at {max(curve.dice):.1f} % and ends at {curve.dice[-1]:.1f} % "
        f"after {curve.images[-1]:,} images"
        for curve in curves
    ]
    return f"Validation Dice against images seen. {'; '.join(ends)}."
