"""The two bar figures of the paper: differences between strategies, and frozen minus trained encoders."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from synthboost.reports.cells import fixed
from synthboost.reports.conditions import SIMULATED_TARGET
from synthboost.reports.inline import plain_label
from synthboost.reports.palette import INK, QUIET, strategy_colour
from synthboost.reports.paper import model_heading, model_place
from synthboost.reports.plot import Plot, dress, file_stem, legend_above, panels
from synthboost.reports.study.contrasts import ENCODERS, STRATEGIES, Contrast

_WHISKERS = (
    "Bars: mean difference in points of Dice; whiskers: 95 % intervals, patients resampled; dots: single seeds; "
    "diamonds: the paper's differences, with their value where they lie outside."
)


def strategy_bars(found: Sequence[Contrast], target_is_simulated: bool = False) -> list[Plot]:
    """Synthetic − real and synth-PT:real-FT − real by prompt set: one figure per encoders, one panel per model."""
    plots = []
    every = {c.encoders for c in found if c.kind == STRATEGIES}
    for encoders in sorted(every, key=lambda e: (e != "trained", e)):
        chosen = [c for c in found if c.kind == STRATEGIES and c.encoders == encoders]
        caption = f"Differences between strategies, {encoders} encoders, by prompt set. {_WHISKERS}"
        plots.append(_plot(file_stem("strategy-differences", encoders), caption, chosen, target_is_simulated))
    return plots


def encoder_bars(found: Sequence[Contrast], target_is_simulated: bool = False) -> list[Plot]:
    """Frozen minus trained encoders by prompt set, one colour per strategy; no figure without frozen runs."""
    chosen = [c for c in found if c.kind == ENCODERS]
    caption = f"Frozen minus trained encoders under each strategy, by prompt set. {_WHISKERS}"
    return [_plot("frozen-minus-trained", caption, chosen, target_is_simulated)] if chosen else []


def series_bars(found: Sequence[tuple[str, list[Contrast]]], target_is_simulated: bool = False) -> list[Plot]:
    """The same differences side by side over the series, one figure per encoders and prompt set with two or more."""
    places: dict[tuple[str, str], list[tuple[str, Contrast]]] = {}
    for name, group in found:
        for c in group:
            if c.kind == STRATEGIES:
                places.setdefault((c.encoders, c.prompt_set), []).append((name, c))
    plots = []
    for (encoders, prompt_set), members in places.items():
        names = list(dict.fromkeys(name for name, _ in members))
        if len(names) < 2:
            continue
        where = {id(c): name for name, c in members}

        def series_of(c: Contrast, where: dict[int, str] = where) -> str:
            return where[id(c)]

        caption = f"Differences between strategies, {encoders} encoders, {prompt_set}, in every series. {_WHISKERS}"
        stem, chosen = file_stem("series-differences", encoders, prompt_set), [c for _, c in members]
        plots.append(_plot(stem, caption, chosen, target_is_simulated, series_of, names))
    return plots


def _plot(
    name: str, caption: str, found: Sequence[Contrast], target_is_simulated: bool,
    category: Callable[[Contrast], str] = lambda c: c.prompt_set, categories: Sequence[str] | None = None,
) -> Plot:  # fmt: skip
    order = list(categories or sorted({category(c) for c in found}))
    models = sorted({c.model for c in found}, key=model_place)
    sorts = list(dict.fromkeys(c.name for c in found))
    figure, axes = panels(len(models), 2.3)
    for panel, model in zip(axes, models, strict=True):
        chosen = [c for c in found if c.model == model]
        _draw(panel, chosen, sorts, order, category)
        dress(panel, plain_label(model_heading(model)))
        panel.set_ylabel("points of Dice", color=INK, fontsize=9)
    legend_above(figure, axes, columns=min(3, len(sorts)))
    simulated = f" “real” is the {SIMULATED_TARGET}." if target_is_simulated else ""
    return Plot(name, caption + simulated, _alternative(found, category), figure)


def _draw(
    axes: Axes, found: Sequence[Contrast], sorts: Sequence[str], order: Sequence[str],
    category: Callable[[Contrast], str],
) -> None:  # fmt: skip
    width = 0.8 / len(sorts)
    papers: list[tuple[float, float]] = []
    for number, name in enumerate(sorts):
        chosen = [c for c in found if c.name == name]
        places = [order.index(category(c)) + (number - (len(sorts) - 1) / 2) * width for c in chosen]
        at = list(zip(places, chosen, strict=True))
        colour = strategy_colour(name.partition(" − ")[0])
        axes.bar(places, [c.difference for c in chosen], 0.9 * width, color=colour, alpha=0.75, label=plain_label(name))
        whiskers = [(x, *c.interval) for x, c in at if c.interval is not None]
        if whiskers:
            axes.vlines(*zip(*whiskers, strict=True), color=INK, linewidth=1.4)
        dots = [(x - 0.2 * width, value) for x, c in at if len(c.seeds) > 1 for value in c.seeds]
        diamonds = [(x + 0.25 * width, c.paper) for x, c in at if c.paper is not None]
        _points(axes, dots, ".", 3.5)
        papers += diamonds
    axes.axhline(0, color=QUIET, linewidth=1)
    _draw_papers(axes, papers)
    axes.set_xticks(range(len(order)), [textwrap.fill(plain_label(name), 16) for name in order])
    axes.set_xlim(-0.6, len(order) - 0.4)


def _draw_papers(axes: Axes, papers: Sequence[tuple[float, float]]) -> None:
    """Diamonds do not set the scale, or one outlier of the paper would flatten every bar; those outside say where."""
    low, high = axes.get_ylim()
    margin = 0.15 * (high - low)
    low, high = low - margin, high + margin
    axes.set_ylim(low, high)
    _points(axes, [(x, y) for x, y in papers if low <= y <= high], "D", 4)
    for x, y in papers:
        if not low <= y <= high:
            edge = low if y < low else high
            inward = 5 if y < low else -5
            _points(axes, [(x, edge)], "D", 4)
            axes.annotate(
                fixed(y, 1), (x, edge), xytext=(4, inward), textcoords="offset points", fontsize=7.5, color=INK,
                va="bottom" if y < low else "top",
            )  # fmt: skip


def _points(axes: Axes, points: Sequence[tuple[float, float]], marker: str, size: float) -> None:
    if points:
        fill = "white" if marker == "D" else INK
        axes.plot(
            *zip(*points, strict=True), marker=marker, markersize=size, markerfacecolor=fill, markeredgecolor=INK,
            markeredgewidth=1 if marker == "D" else 0, clip_on=False, linestyle="none",
        )  # fmt: skip


def _alternative(found: Sequence[Contrast], category: Callable[[Contrast], str]) -> str:
    parts = [f"{c.model} {c.name} {category(c)} {c.difference:+.1f}" for c in found]
    return f"Differences in points of Dice: {'; '.join(parts)}. The table has the same numbers with their intervals."
