"""The overview: mean Dice of every strategy by prompt set with 95 % intervals, one panel per model and encoders."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.reports.cells import moments
from synthboost.reports.conditions import SIMULATED_TARGET, Condition
from synthboost.reports.inline import plain_label
from synthboost.reports.palette import INK, QUIET, strategy_colour
from synthboost.reports.paper import model_heading
from synthboost.reports.plot import Plot, dress, legend_above, panels
from synthboost.reports.summary import Summary


def overview_plot(summaries: Sequence[Summary], target_is_simulated: bool = False) -> list[Plot]:
    """The figure; none when nothing was scored. Baselines are lines across, because they read no sentence."""
    shown = [summary for summary in summaries if summary.mean is not None]
    learned = [summary for summary in shown if not summary.condition.is_baseline]
    if not learned:
        return []
    order = sorted({s.condition.prompt_set for s in learned})
    labels = list(dict.fromkeys(s.condition.strategy_label for s in learned))
    settings = list(dict.fromkeys(_panel(s.condition) for s in learned))
    figure, axes = panels(len(settings), 2.4)
    width = 0.7 / len(labels)
    for panel, setting in zip(axes, settings, strict=True):
        for s in (s for s in learned if _panel(s.condition) == setting):
            offset = (labels.index(s.condition.strategy_label) - (len(labels) - 1) / 2) * width
            place, colour = order.index(s.condition.prompt_set) + offset, strategy_colour(s.condition.strategy)
            if s.interval is not None:
                panel.plot([place] * 2, [100 * b for b in s.interval], color=colour, linewidth=4, alpha=0.35)
            panel.plot(place, 100 * (s.mean or 0), "o", color=colour, markersize=4.5, linestyle="none",
                       label=plain_label(s.condition.strategy_label))  # fmt: skip
            panel.plot([place] * len(_seed_means(s)), _seed_means(s), "_", color=colour, markersize=6)
        for s in (s for s in shown if s.condition.is_baseline):
            panel.axhline(100 * (s.mean or 0), color=QUIET, linewidth=1, linestyle=(0, (1, 3)))
            name = plain_label(s.condition.strategy_label)
            panel.annotate(name, (0.995, 100 * (s.mean or 0)), xycoords=("axes fraction", "data"), ha="right",
                           va="bottom", fontsize=8, color=QUIET)  # fmt: skip
        dress(panel, setting)
        panel.set_ylabel("Dice in %", color=INK, fontsize=9)
        panel.set_xticks(range(len(order)), [plain_label(name) or "none" for name in order])
        panel.set_xlim(-0.6, len(order) - 0.4)
    legend_above(figure, axes)
    simulated = f" “real” is the {SIMULATED_TARGET}." if target_is_simulated else ""
    caption = f"Mean Dice by prompt set, 95 % intervals with patients resampled, each seed a short line.{simulated}"
    return [Plot("dice_by_prompt", caption, _alternative(learned), figure)]


def _panel(condition: Condition) -> str:
    """Untrained models stand beside the trained encoders of the same model."""
    name = plain_label(model_heading(condition.model))
    encoders = condition.encoders if condition.has_choice_of("encoders") else "trained"
    extra = f", {condition.domain} {condition.part}, {condition.grid} grid"
    return f"{name}, {encoders} encoders" + extra


def _seed_means(summary: Summary) -> list[float]:
    seeds: dict[int | None, list[float]] = {}
    for row in summary.scored:
        seeds.setdefault(row.seed, []).append(100 * (row.dice or 0))
    return [moments(values)[0] for values in seeds.values()] if len(seeds) > 1 else []


def _alternative(shown: Sequence[Summary]) -> str:
    parts = [
        f"{s.condition.model} {s.condition.strategy_label} {s.condition.prompt_set} {100 * (s.mean or 0):.1f} %"
        for s in shown
    ]
    return f"Mean Dice: {'; '.join(parts)}. The table below has the same numbers."
