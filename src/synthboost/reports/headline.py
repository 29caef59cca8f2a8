"""The headline: what the runs showed, in sentences composed from the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.domain import Strategy
from synthboost.reports.cells import fixed
from synthboost.reports.conditions import SIMULATED_TARGET, Condition, cell_text, varying_fields
from synthboost.reports.summary import Bounds, Summary, mean_interval, paired_differences

FEW = 3
"""Up to so many settings each get a sentence of their own."""
BOOSTED = (Strategy.SYNTHETIC_THEN_REAL, Strategy.MIXED, Strategy.SYNTHETIC)
"""The first of these that was run is compared with `real`; the order is fixed, so none is picked for its score."""

_DOES = {
    Strategy.SYNTHETIC_THEN_REAL: "pretraining on synthetic images before training on {target}",
    Strategy.MIXED: "training on synthetic images and {target} together",
    Strategy.SYNTHETIC: "training on synthetic images alone",
}


def headline(summaries: Sequence[Summary], target_is_simulated: bool = False) -> str:
    """The result in one or two sentences: the boosted strategy against `real`, else the highest Dice."""
    trained = [s for s in summaries if s.mean is not None and not s.condition.is_baseline]
    if not trained:
        return "No run has scored a model yet, so there is no result to report."
    target = f"the {SIMULATED_TARGET}" if target_is_simulated else "real images"
    for strategy in BOOSTED:
        pairs = _comparable(trained, strategy)
        if len(pairs) == 1:
            return _one_comparison(*pairs[0], target)
        if 1 < len(pairs) <= FEW:
            return _few_comparisons(pairs, strategy, target)
        if pairs:
            return _many_comparisons(pairs, strategy, target)
    return _scores_alone(trained)


def _comparable(summaries: Sequence[Summary], strategy: Strategy) -> list[tuple[Summary, Summary]]:
    """Pairs of a boosted summary and the one on real data alone; with as many real patients, if the boost had any."""
    bases = [s for s in summaries if s.condition.strategy == Strategy.REAL]
    boosted = [s for s in summaries if s.condition.strategy == strategy]
    return [(s, base) for s in boosted for base in bases if _is_base(base.condition, s.condition)]


def _is_base(base: Condition, boosted: Condition) -> bool:
    return base.setting == boosted.setting and boosted.real_patients in (None, base.real_patients)


def _one_comparison(boosted: Summary, base: Summary, target: str) -> str:
    gain, bounds = _gain(boosted, base)
    does = _DOES[Strategy(boosted.condition.strategy)].format(target=target)
    return (
        f"{does[0].upper()}{does[1:]} {_change(gain, bounds)}: {_percent(boosted.mean)} against "
        f"{_percent(base.mean)} with {target} alone, on {_extent(boosted)}.{_one_training(boosted, base)}"
    )


def _few_comparisons(pairs: list[tuple[Summary, Summary]], strategy: Strategy, target: str) -> str:
    varying = varying_fields([boosted.condition for boosted, _ in pairs])
    parts = []
    for boosted, base in pairs:
        name = ", ".join(cell_text(boosted.condition, field) for field in varying)
        change = _change(*_gain(boosted, base))
        parts.append(f"For {name} it {change}: {_percent(boosted.mean)} against {_percent(base.mean)}.")
    does = _DOES[strategy].format(target=target)
    once = _one_training(*(summary for pair in pairs for summary in pair))
    return f"{does[0].upper()}{does[1:]}, on {_extent(pairs[0][0])}. {' '.join(parts)}{once}"


def _many_comparisons(pairs: list[tuple[Summary, Summary]], strategy: Strategy, target: str) -> str:
    gains = [_gain(*pair) for pair in pairs]
    up = sum(bounds is not None and bounds[0] > 0 for _, bounds in gains)
    down = sum(bounds is not None and bounds[1] < 0 for _, bounds in gains)
    mean = sum(gain for gain, _ in gains) / len(gains)
    does = _DOES[strategy].format(target=target)
    return (
        f"Over {len(pairs)} settings, {does} changed mean Dice by {_points(mean)} on average against {target} "
        f"alone (from {_points(min(g for g, _ in gains))} to {_points(max(g for g, _ in gains))}): clearly higher in "
        f"{up}, clearly lower in {down}, not told apart in {len(pairs) - up - down}."
    )


def _scores_alone(summaries: Sequence[Summary]) -> str:
    best = max(summaries, key=lambda summary: summary.mean or 0.0)
    bounds = f" (95 % interval {_percent_range(best.interval)})" if best.interval else ""
    highest = "reached" if len(summaries) == 1 else f"reached the highest of {len(summaries)} mean Dice scores,"
    score = f"a mean Dice of {_percent(best.mean)}" if len(summaries) == 1 else _percent(best.mean)
    return f"The strategy {best.condition.strategy} {highest} {score}{bounds}, on {_extent(best)}."


def _gain(boosted: Summary, base: Summary) -> tuple[float, Bounds | None]:
    differences, patients = paired_differences(boosted.scored, base.scored)
    if not differences:
        return (boosted.mean or 0.0) - (base.mean or 0.0), None
    return sum(differences) / len(differences), mean_interval(differences, patients)


def _change(gain: float, bounds: Bounds | None) -> str:
    if bounds is None:
        return f"changed mean Dice by {_points(gain)} (too few patients for an interval)"
    interval = f"95 % interval {_range(bounds)}"
    if bounds[0] > 0 or bounds[1] < 0:
        verb = "raised" if bounds[0] > 0 else "lowered"
        return f"{verb} mean Dice by {fixed(100 * abs(gain), 1)} points ({interval})"
    return f"did not clearly change mean Dice ({_points(gain)}, {interval})"


def _one_training(*summaries: Summary) -> str:
    if max(summary.seeds for summary in summaries) > 1:
        return ""
    return " Each was trained once, so chance in training is not in the interval."


def _extent(summary: Summary) -> str:
    images = "image" if summary.images == 1 else "images"
    patients = "patient" if summary.patients == 1 else "patients"
    return f"{summary.images:,} {images} of {summary.patients:,} {patients}"


def _percent(share: float | None) -> str:
    return f"{fixed(100 * (share or 0.0), 1)} %"


def _points(share: float) -> str:
    return f"{fixed(100 * share, 1, sign=True)} points"


def _range(bounds: Bounds) -> str:
    return f"{fixed(100 * bounds[0], 1, sign=True)} to {fixed(100 * bounds[1], 1, sign=True)}"


def _percent_range(bounds: Bounds | None) -> str:
    return "" if bounds is None else f"{fixed(100 * bounds[0], 1)} to {fixed(100 * bounds[1], 1)}"
