"""The interval plot: mean Dice of every condition with its 95 % interval, one under the other."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from synthboost.reports.conditions import line_name, varying_fields
from synthboost.reports.inline import figure_svg, plain_label
from synthboost.reports.palette import INK, QUIET, RULE, strategy_colour
from synthboost.reports.summary import Summary


def interval_plot(summaries: Sequence[Summary]) -> str:
    """SVG of mean Dice in percent with intervals, in the order of the table; empty when nothing was scored."""
    shown = [summary for summary in summaries if summary.mean is not None]
    if not shown:
        return ""
    varying = varying_fields([summary.condition for summary in shown])
    names = [line_name(summary.condition, varying) for summary in shown]
    figure = Figure(figsize=(5.6, 0.8 + 0.38 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    for place, summary in enumerate(shown):
        mean = 100 * (summary.mean or 0.0)
        low, high = (100 * bound for bound in summary.interval) if summary.interval else (mean, mean)
        colour = strategy_colour(summary.condition.strategy)
        axes.plot([low, high], [place, place], color=colour, linewidth=5, solid_capstyle="butt", alpha=0.4)
        axes.plot(mean, place, marker="o", markersize=4.5, color=colour)
        axes.annotate(
            f"{mean:.1f}",
            (mean, place),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=9.5,
            color=INK,
        )
    axes.set_yticks(range(len(shown)), [plain_label(name) for name in names], color=INK, fontsize=10)
    axes.set_ylim(len(shown) - 0.5, -0.7)
    axes.set_xlabel("Dice in %: mean and 95 % interval", color=INK)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", colors=QUIET, length=0, labelsize=10)
    axes.tick_params(axis="y", length=0)
    return figure_svg(figure, _alternative(shown, names))


def _alternative(shown: Sequence[Summary], names: Sequence[str]) -> str:
    parts = [f"{name} {100 * (summary.mean or 0.0):.1f} %" for name, summary in zip(names, shown, strict=True)]
    return f"Mean Dice: {'; '.join(parts)}. The table below has the same numbers with their intervals."
