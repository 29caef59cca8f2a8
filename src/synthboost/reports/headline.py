"""The headline: what the runs showed, in sentences composed from the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.domain import Strategy
from synthboost.evaluation.statistics.arms import Arm
from synthboost.reports.arms import cell_text, is_baseline, varying_columns
from synthboost.reports.cells import fixed
from synthboost.reports.content import SIMULATED_TARGET
from synthboost.reports.contrasts import STRATEGIES, Difference

FEW = 3
"""Up to so many settings each get a sentence of their own."""
BOOSTED = (Strategy.SYNTHETIC_THEN_REAL, Strategy.MIXED, Strategy.SYNTHETIC)
"""The first of these that was run is compared with `real`; the order is fixed, so none is picked for its score."""

_DOES = {
    Strategy.SYNTHETIC_THEN_REAL: "pretraining on synthetic images before training on {target}",
    Strategy.MIXED: "training on synthetic images and {target} together",
    Strategy.SYNTHETIC: "training on synthetic images alone",
}


def headline(arms: Sequence[Arm], found: Sequence[Difference], target_is_simulated: bool = False) -> str:
    """The result in one or two sentences: the boosted strategy against `real`, else the highest Dice.

    Args:
        arms: of one series.
        found: the differences between them.
        target_is_simulated: whether `real` stands for simulated images.
    """
    trained = [arm for arm in arms if len(arm.scored) and not is_baseline(arm)]
    if not trained:
        return "No run has scored a model yet, so there is no result to report."
    target = f"the {SIMULATED_TARGET}" if target_is_simulated else "real images"
    for strategy in BOOSTED:
        chosen = [d for d in found if d.kind == STRATEGIES and d.first["strategy"] == strategy]
        does = _DOES[strategy].format(target=target)
        if len(chosen) == 1:
            return _one_comparison(chosen[0], does, target)
        if 1 < len(chosen) <= FEW:
            return _few_comparisons(chosen, does)
        if chosen:
            return _many_comparisons(chosen, does, target)
    return _scores_alone(trained)


def _one_comparison(d: Difference, does: str, target: str) -> str:
    return (
        f"{does[0].upper()}{does[1:]} {_change(d)}: {_percent(d.first)} against "
        f"{_percent(d.base)} with {target} alone, on {_extent(d.first)}.{_one_training([d])}"
    )


def _few_comparisons(found: Sequence[Difference], does: str) -> str:
    varying, parts = varying_columns([d.first for d in found]), []
    for d in found:
        name = ", ".join(cell_text(d.first, column) for column in varying)
        parts.append(f"For {name} it {_change(d)}: {_percent(d.first)} against {_percent(d.base)}.")
    return f"{does[0].upper()}{does[1:]}, on {_extent(found[0].first)}. {' '.join(parts)}{_one_training(found)}"


def _many_comparisons(found: Sequence[Difference], does: str, target: str) -> str:
    gains, readings = [d.points for d in found], [d.reading for d in found]
    up, down = readings.count("higher"), readings.count("lower")
    return (
        f"Over {len(found)} settings, {does} changed mean Dice by {_points(sum(gains) / len(gains))} on average "
        f"against {target} alone (from {_points(min(gains))} to {_points(max(gains))}): clearly higher in "
        f"{up}, clearly lower in {down}, not told apart in {len(found) - up - down}."
    )


def _scores_alone(arms: Sequence[Arm]) -> str:
    best = max(arms, key=lambda arm: float(arm.scored.dice.mean()))
    bounds = ""
    if best.dice is not None:
        bounds = f" (95 % interval {fixed(100 * best.dice.low, 1)} to {fixed(100 * best.dice.high, 1)})"
    if len(arms) == 1:
        reached = f"reached a mean Dice of {_percent(best)}"
    else:
        reached = f"reached the highest of {len(arms)} mean Dice scores, {_percent(best)}"
    return f"The strategy {best['strategy']} {reached}{bounds}, on {_extent(best)}."


def _change(d: Difference) -> str:
    if d.bounds is None:
        return f"changed mean Dice by {_points(d.points)} (too few patients for an interval)"
    low, high = d.bounds
    interval = f"95 % interval {fixed(low, 1, sign=True)} to {fixed(high, 1, sign=True)}"
    if d.reading == "not told apart":
        return f"did not clearly change mean Dice ({_points(d.points)}, {interval})"
    verb = "raised" if d.reading == "higher" else "lowered"
    return f"{verb} mean Dice by {fixed(abs(d.points), 1)} points ({interval})"


def _one_training(found: Sequence[Difference]) -> str:
    if max(n for d in found for n in d.found.trainings) > 1:
        return ""
    return " Each was trained once, so chance in training is not in the interval."


def _extent(arm: Arm) -> str:
    images, patients = len(arm.rows[["patient", "frame"]].drop_duplicates()), arm.rows.patient.nunique()
    return f"{images:,} image{'' if images == 1 else 's'} of {patients:,} patient{'' if patients == 1 else 's'}"


def _percent(arm: Arm) -> str:
    return f"{fixed(100 * float(arm.scored.dice.mean()), 1)} %"


def _points(points: float) -> str:
    return f"{fixed(points, 1, sign=True)} points"
