"""Figures of arms and their differences: mean Dice with intervals, strategies against `real`, frozen minus trained."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from synthboost.evaluation.statistics.arms import Arm
from synthboost.reports.arms import has_choice_of, is_baseline, mean_percent, strategy_label
from synthboost.reports.contrasts import ENCODERS, FROZEN, STRATEGIES, Difference, encoders_caption
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
)
from synthboost.reports.paper import model_heading, model_place
from synthboost.reports.table import fixed

_WHISKERS = (
    "Bars: mean difference in points of Dice; whiskers: 95 % intervals, patients resampled; dots: single seeds; "
    "diamonds: the paper's differences, with their value where they lie outside."
)


def overview_plot(arms: Sequence[Arm]) -> list[Plot]:
    """Mean Dice by prompt set, one panel per model and encoders; baselines are lines across: they read no sentence."""
    shown = [arm for arm in arms if len(arm.scored)]
    learned = [arm for arm in shown if not is_baseline(arm)]
    if not learned:
        return []
    order = sorted({arm["prompt_set"] for arm in learned})
    labels = list(dict.fromkeys(map(strategy_label, learned)))
    settings = list(dict.fromkeys(map(_panel, learned)))
    figure, axes = panels(len(settings), 2.4)
    for panel, setting in zip(axes, settings, strict=True):
        for arm in (arm for arm in learned if _panel(arm) == setting):
            offset = (labels.index(strategy_label(arm)) - (len(labels) - 1) / 2) * 0.7 / len(labels)
            _draw_arm(panel, arm, order.index(arm["prompt_set"]) + offset)
        for arm in (arm for arm in shown if is_baseline(arm)):
            height = mean_percent(arm)
            panel.axhline(height, color=QUIET, linewidth=1, linestyle=(0, (1, 3)))
            panel.annotate(plain_label(strategy_label(arm)), (0.995, height), xycoords=("axes fraction", "data"),
                           ha="right", va="bottom", fontsize=8, color=QUIET)  # fmt: skip
        dress(panel, setting)
        panel.set_ylabel("Dice in %", color=INK, fontsize=9)
        panel.set_xticks(range(len(order)), [plain_label(name) or "none" for name in order])
        panel.set_xlim(-0.6, len(order) - 0.4)
    legend_above(figure, axes)
    said = "; ".join(f"{a['model']} {strategy_label(a)} {a['prompt_set']} {mean_percent(a):.1f} %" for a in learned)
    return [
        Plot(
            "dice_by_prompt",
            "Mean Dice by prompt set, 95 % intervals with patients resampled, each seed a short line.",
            f"Mean Dice: {said}. The table below has the same numbers.",
            figure,
        )
    ]


def strategy_bars(found: Sequence[Difference]) -> list[Plot]:
    """Synthetic − real and synth-PT:real-FT − real by prompt set: one figure per encoders, one panel per model."""
    plots = []
    every = {d.encoders for d in found if d.kind == STRATEGIES}
    for encoders in sorted(every, key=lambda e: (e != "trained", e)):
        chosen = [(d.first["prompt_set"], d) for d in found if d.kind == STRATEGIES and d.encoders == encoders]
        caption = f"Differences between strategies, {encoders} encoders, by prompt set."
        plots.append(
            _plot(file_stem("strategy-differences", encoders), caption, sorted({p for p, _ in chosen}), chosen)
        )
    return plots


def encoder_bars(found: Sequence[Difference]) -> list[Plot]:
    """Frozen (or other) minus trained encoders by prompt set, one colour per strategy; no figure without such runs."""
    chosen = [d for d in found if d.kind == ENCODERS]
    others = {d.first["encoders"] for d in chosen} - {FROZEN}
    said = {d.first["encoders"]: " ".join(d.first["encoders"].split(",")) for d in chosen}
    of = [
        (f"{said[d.first['encoders']]}, {d.first['prompt_set']}" if others else d.first["prompt_set"], d)
        for d in chosen
    ]
    name = "encoders-minus-trained" if others else "frozen-minus-trained"
    caption = f"{encoders_caption(chosen)} under each strategy, by prompt set."
    return [_plot(name, caption, sorted({label for label, _ in of}), of)] if of else []


def series_bars(found: Mapping[str, Sequence[Difference]]) -> list[Plot]:
    """The same differences side by side over the series (by name), one figure per encoders and prompt set."""
    places: dict[tuple[str, str], list[tuple[str, Difference]]] = {}
    for name, group in found.items():
        for d in (d for d in group if d.kind == STRATEGIES):
            places.setdefault((d.encoders, d.first["prompt_set"]), []).append((name, d))
    plots = []
    for (encoders, prompt_set), members in places.items():
        names = list(dict.fromkeys(name for name, _ in members))
        if len(names) > 1:
            caption = f"Differences between strategies, {encoders} encoders, {prompt_set}, in every series."
            plots.append(_plot(file_stem("series-differences", encoders, prompt_set), caption, names, members))
    return plots


def _panel(arm: Arm) -> str:
    """Untrained models stand beside the trained encoders of the same model."""
    encoders = arm["encoders"] if has_choice_of(arm, "encoders") else "trained"
    name = plain_label(model_heading(arm["model"]))
    return f"{name}, {encoders} encoders, {arm['domain']} {arm['part']}, {arm['grid']} grid"


def _draw_arm(axes: Axes, arm: Arm, place: float) -> None:
    colour, found = strategy_colour(arm["strategy"]), arm.dice
    if found is not None:
        axes.plot([place] * 2, [100 * found.low, 100 * found.high], color=colour, linewidth=4, alpha=0.35)
    axes.plot(place, mean_percent(arm), "o", color=colour, markersize=4.5, linestyle="none",
              label=plain_label(strategy_label(arm)))  # fmt: skip
    seeds = (100 * arm.scored.groupby("seed", dropna=False).dice.mean()).tolist()
    if len(seeds) > 1:
        axes.plot([place] * len(seeds), seeds, "_", color=colour, markersize=6)


def _plot(name: str, caption: str, order: Sequence[str], members: Sequence[tuple[str, Difference]]) -> Plot:
    """One panel per model; each difference stands over its category, of which `order` gives the order."""
    models = sorted({d.first["model"] for _, d in members}, key=model_place)
    crowded = len({(d.first["model"], d.name, category) for category, d in members}) < len(members)

    def label(d: Difference) -> str:
        return f"{d.name}, {d.first['synthetic']}" if crowded else d.name

    sorts = list(dict.fromkeys(label(d) for _, d in members))
    figure, axes = panels(len(models), 2.3)
    for panel, model in zip(axes, models, strict=True):
        own = [(order.index(category), d) for category, d in members if d.first["model"] == model]
        _draw_bars(panel, {sort: [(x, d) for x, d in own if label(d) == sort] for sort in sorts})
        dress(panel, plain_label(model_heading(model)))
        panel.set_ylabel("points of Dice", color=INK, fontsize=9)
        panel.set_xticks(range(len(order)), [textwrap.fill(plain_label(name), 16) for name in order])
        panel.set_xlim(-0.6, len(order) - 0.4)
    legend_above(figure, axes, columns=2 if crowded else min(3, len(sorts)))
    said = "; ".join(f"{d.first['model']} {label(d)} {category} {d.points:+.1f}" for category, d in members)
    alternative = f"Differences in points of Dice: {said}. The table has the same numbers with their intervals."
    return Plot(name, f"{caption} {_WHISKERS}", alternative, figure)


def _draw_bars(axes: Axes, groups: Mapping[str, Sequence[tuple[int, Difference]]]) -> None:
    width = 0.8 / len(groups)
    kinds = list(dict.fromkeys(d.first["synthetic"] for chosen in groups.values() for _, d in chosen))
    papers: list[tuple[float, float]] = []
    for number, (name, chosen) in enumerate(groups.items()):
        at = [(place + (number - (len(groups) - 1) / 2) * width, d) for place, d in chosen]
        axes.bar(
            [x for x, _ in at], [d.points for _, d in at], 0.9 * width, alpha=0.75, label=plain_label(name),
            color=strategy_colour(name.partition(" − ")[0]),
            hatch="//" if name.endswith(tuple(f", {kind}" for kind in kinds[1:])) else "",
        )  # fmt: skip
        whiskers = [(x, *d.bounds) for x, d in at if d.bounds is not None]
        if whiskers:
            axes.vlines(*zip(*whiskers, strict=True), color=INK, linewidth=1.4)
        _points(axes, [(x - 0.2 * width, y) for x, d in at if len(d.by_seed) > 1 for y in d.by_seed], ".", 3.5)
        papers += [(x + 0.25 * width, d.paper) for x, d in at if d.paper is not None]
    axes.axhline(0, color=QUIET, linewidth=1)
    _draw_papers(axes, papers)


def _draw_papers(axes: Axes, papers: Sequence[tuple[float, float]]) -> None:
    """Diamonds do not set the scale, or one outlier of the paper would flatten every bar; those outside say where."""
    low, high = axes.get_ylim()
    margin = 0.15 * (high - low)
    low, high = low - margin, high + margin
    axes.set_ylim(low, high)
    for x, y in papers:
        edge = min(max(y, low), high)
        _points(axes, [(x, edge)], "D", 4)
        if edge != y:
            inward = 5 if y < low else -5
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
