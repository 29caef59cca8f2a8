"""What a report says besides the numbers: title, summary, sentences, commands, notes; given, or read off the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from synthboost.domain import Domain, PromptSet, Strategy
from synthboost.errors import ConfigError, counted, people
from synthboost.evaluation.statistics.arms import Arm
from synthboost.evaluation.statistics.bootstrap import bootstrap_mean
from synthboost.evaluation.statistics.groups import GROUPINGS, OF_PATIENTS, UNKNOWN, groups_of
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import BASELINE_MODEL
from synthboost.reports.arms import cell_text, is_baseline, mean_percent, strategy_label, varying_columns
from synthboost.reports.contrasts import STRATEGIES, TOO_FEW_PATIENTS, Difference, training_of_differences
from synthboost.reports.paper import model_heading
from synthboost.reports.run_facts import NO_RUNS, Runs
from synthboost.reports.series import rows_of_runs
from synthboost.reports.table import Table, fixed

SIMULATED_TARGET = "simulated target domain"
"""What `real` stands for when the target data come from a simulator."""
TARGET_NOTE = (
    "The target domain of this report is simulated: wherever a table or a figure says “real”, the images come from "
    "a simulator, not from patients. Its numbers say how the method behaves there, not how well it works on patients."
)


CONFIDENTIAL = "This page shows images of patients: keep it as confidential as the data set, whose terms hold for it."


@dataclass(frozen=True)
class ReportContent:
    """The words of a report. All are escaped on the page."""

    title: str
    summary: tuple[str | Table, ...] = ()
    """Paragraphs under the headline: what this is."""
    target_is_simulated: bool = False
    """The strategy called `real` was trained and tested on simulated images; the page then says so everywhere."""
    sentences: tuple[tuple[str, str], ...] = ()
    """(prompt set, example sentence) pairs."""
    commands: tuple[tuple[str, str], ...] = ()
    """(what it does, command) pairs: how to run the same on CAMUS."""
    notes: tuple[str, ...] = ()
    """Limits of the result."""
    licence: tuple[str, ...] = ()
    """Licences and terms of software, data and weights."""
    fixed_dice: float = 0.75
    """The validation Dice (0-1) whose first reaching counts as convergence; fix it before training."""
    deviations: tuple[str, ...] = ()
    """Every deviation from the paper that the runs themselves do not tell."""
    recipe: tuple[tuple[str, str, str], ...] = ()
    """(what, the paper's, what was done here): the recipe's differences from the paper."""
    fidelity: tuple[Table, ...] = ()
    """Of each synthetic set, see `fidelity_tables`."""
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Run -> what the study varied beside its grid, e.g. `appearance: wild`, or `base`."""
    unfinished: tuple[tuple[str, str], ...] = ()
    """(run, its error or what is known of it) pairs: runs that have no result."""

    def __post_init__(self) -> None:
        """Refuse what no page can be made of."""
        if not self.title.strip():
            raise ConfigError("report", "title", repr(self.title), "a title")
        if not 0 < self.fixed_dice < 1:
            raise ConfigError("report", "fixed_dice", self.fixed_dice, "a Dice between 0 and 1, such as 0.75")


def content_from_runs(runs: Sequence[RunRecord], **known: Any) -> ReportContent:
    """The words that the run folders alone can give, and what is `known` besides (fields of `ReportContent`).

    Raises:
        ConfigError: `fixed_dice` is not between 0 and 1.
    """
    rows, n = rows_of_runs(runs), len(runs)
    values = {
        "title": f"Language-guided segmentation of echocardiograms: {'one run' if n == 1 else f'{n:,} runs'}",
        "summary": (
            "An ultrasound image and an English sentence go in; the mask of the structure that the sentence names "
            "comes out. This page compares runs that differ in the images they learned from. Every number is "
            "computed from the per-image rows in the run folders listed under provenance.",
        ),
        "target_is_simulated": _target_is_simulated(runs, rows),
        "sentences": _example_sentences(rows),
        "notes": (
            *((CONFIDENTIAL,) if (rows.domain == Domain.REAL).any() else ()),
            "The intervals resample patients, because images of one patient are not independent. They do not hold "
            "the chance of training: for that, compare several seeds.",
        ),
        "licence": ("The terms of the data sets and of the weights that were used apply to what was made from them.",),
    }
    return ReportContent(**{**values, **known})


def _target_is_simulated(runs: Sequence[RunRecord], rows: pd.DataFrame) -> bool:
    """True when any run names a simulated set as its `real` data, or any score was taken on simulated images."""
    named = any("real" in run.spec.data and run.spec.data["real"].domain == Domain.SIMULATED for run in runs)
    return named or bool((rows.domain == Domain.SIMULATED).any())


def _example_sentences(rows: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """The first sentence of each prompt set that was used, in the paper's order."""
    own = rows[(rows.probe == "") & (rows.model != BASELINE_MODEL)]
    first = own.sort_values(["patient", "frame", "structure"], kind="stable").drop_duplicates("prompt_set")
    order = [str(prompt_set) for prompt_set in PromptSet]
    pairs = first[["prompt_set", "sentence"]].itertuples(index=False, name=None)
    return tuple(sorted(pairs, key=lambda pair: (order.index(pair[0]) if pair[0] in order else len(order), pair)))


FEWEST_PATIENTS = 5
"""In a group that is ranked; of fewer the mean is chance (a guess)."""
FEW = 3
"""Up to so many settings each get a sentence of their own."""
BOOSTED = (Strategy.SYNTHETIC_THEN_REAL, Strategy.MIXED, Strategy.SYNTHETIC)
"""The first of these that was run is compared with `real`; the order is fixed, so none is picked for its score."""

_DOES = {
    Strategy.SYNTHETIC_THEN_REAL: "pretraining on synthetic images before training on {target}",
    Strategy.MIXED: "training on synthetic images and {target} together",
    Strategy.SYNTHETIC: "training on synthetic images alone",
}


def answer(arms: Sequence[Arm]) -> str:
    """The best of several models in one sentence, beside the best constant mask; empty where there is no choice."""
    trained = [arm for arm in arms if len(arm.scored) and not is_baseline(arm)]
    if len(trained) < 2:
        return ""
    best = max(trained, key=mean_percent)
    blind = max((arm for arm in arms if len(arm.scored) and is_baseline(arm)), key=mean_percent, default=None)
    seeds = best.scored.seed.nunique()
    bounds = f", 95 % interval {fixed(100 * best.dice.low, 1)} to {fixed(100 * best.dice.high, 1)}" if best.dice else ""
    said = (
        f"{model_heading(str(best['model']))}, {strategy_label(best)}: mean Dice {_percent(best)} "
        f"({counted(seeds, 'seed')}{bounds}, {_extent(best)})"
    )
    if blind is None:
        return f"Best: {said}. No constant mask was evaluated beside it."
    over = mean_percent(best) - mean_percent(blind)
    if over <= 0:
        return f"No model beats the constant mask of the {strategy_label(blind)} ({_percent(blind)}). Best: {said}."
    return f"Best: {said}, {fixed(over, 1)} points above the best constant mask ({strategy_label(blind)})."


def headline(
    arms: Sequence[Arm], found: Sequence[Difference], target_is_simulated: bool = False, known: Runs = NO_RUNS
) -> str:
    """The result in one or two sentences: the boosted strategy against `real`, else the highest Dice.

    Args:
        arms: of one series.
        found: the differences between them.
        target_is_simulated: whether `real` stands for simulated images.
        known: runs, which tell how long they were trained.
    """
    trained = [arm for arm in arms if len(arm.scored) and not is_baseline(arm)]
    if not trained:
        return "No run has scored a model yet, so there is no result to report."
    target = f"the {SIMULATED_TARGET}" if target_is_simulated else "real images"
    for strategy in BOOSTED:
        chosen = [d for d in found if d.kind == STRATEGIES and d.first["strategy"] == strategy]
        does = _DOES[strategy].format(target=target)
        if not chosen:
            continue
        if len(chosen) == 1:
            text = _one_comparison(chosen[0], does, target)
        else:
            text = _few_comparisons(chosen, does) if len(chosen) <= FEW else _many_comparisons(chosen, does, target)
        return f"{text} {training_of_differences(chosen, known)}".strip()
    return _scores_alone(
        trained, max((arm for arm in arms if is_baseline(arm) and len(arm.scored)), key=mean_percent, default=None)
    )


def weakest_group(arms: Sequence[Arm]) -> str:
    """The group of patients for which the arm with the highest Dice is worst, as a sentence; empty if there is none.

    Groups are those of `OF_PATIENTS` with at least `FEWEST_PATIENTS`, but not all patients.
    """
    trained = [arm for arm in arms if len(arm.scored) and not is_baseline(arm)]
    if not trained:
        return ""
    rows = max(trained, key=mean_percent).scored
    groups = [
        (GROUPINGS[by].heading, str(group), own)
        for by in OF_PATIENTS
        for group, own in rows.groupby(groups_of(rows, by), observed=True)
        if group != UNKNOWN and len(own) < len(rows) and own.patient.nunique() >= FEWEST_PATIENTS
    ]
    if not groups:
        return ""
    heading, group, own = min(groups, key=lambda found: found[2].dice.mean())
    found = bootstrap_mean(own.dice, own.patient.tolist(), seed=0)
    name = group if group.startswith("EF") else f"{heading}: {group}"
    low, high = fixed(100 * found.low, 1), fixed(100 * found.high, 1)
    return (
        f"Of {len(groups)} groups of patients the weakest is {name}: {fixed(100 * found.mean, 1)} % (95 % interval "
        f"{low} to {high}, {found.n_patients} patients)."
    )


def _one_comparison(d: Difference, does: str, target: str) -> str:
    if d.is_blind:
        return (
            f"{_blind_text(d)}: {_percent(d.first)} with {does} and {_percent(d.base)} with {target} alone, on "
            f"{_extent(d.first)}. So nothing can be said of the strategies."
        )
    return (
        f"{does[0].upper()}{does[1:]} {_change(d)}: {_percent(d.first)} against "
        f"{_percent(d.base)} with {target} alone, on {_extent(d.first)}.{_one_training([d])}"
    )


def _few_comparisons(found: Sequence[Difference], does: str) -> str:
    varying, parts = varying_columns([d.first for d in found]), []
    for d in found:
        name = ", ".join(cell_text(d.first, column) for column in varying)
        change = _blind_text(d).lower() if d.is_blind else f"it {_change(d)}"
        parts.append(f"For {name} {change}: {_percent(d.first)} against {_percent(d.base)}.")
    return f"{does[0].upper()}{does[1:]}, on {_extent(found[0].first)}. {' '.join(parts)}{_one_training(found)}"


def _many_comparisons(found: Sequence[Difference], does: str, target: str) -> str:
    told = [d for d in found if not d.is_blind]
    gains, readings = [d.points for d in told], [d.reading for d in told]
    up, down, few = (readings.count(reading) for reading in ("higher", "lower", TOO_FEW_PATIENTS))
    out, patients = len(found) - len(told), sorted(d.found.patients for d in told)
    lost = f" In {out} more neither side beats a constant mask; they are left out." if out else ""
    if not told:
        return f"In none of {len(found)} settings does a model beat a constant mask, so nothing can be said of {does}."
    return (
        f"Over {counted(len(told), 'setting')}, {does} changed mean Dice by "
        f"{_points(sum(gains) / len(gains))} on average "
        f"against {target} alone (from {_points(min(gains))} to {_points(max(gains))}), on {_span(patients)}: clearly "
        f"higher in {up}, clearly lower in {down}, not told apart in {len(told) - up - down - few}"
        f"{f', {TOO_FEW_PATIENTS} in {few}' if few else ''}.{lost}"
    )


def _blind_text(d: Difference) -> str:
    assert d.blind is not None
    return f"Neither model beats the constant mask of the {strategy_label(d.blind)} ({_percent(d.blind)})"


def _scores_alone(arms: Sequence[Arm], blind: Arm | None) -> str:
    best = max(arms, key=mean_percent)
    bounds = ""
    if best.dice is not None:
        bounds = f" (95 % interval {fixed(100 * best.dice.low, 1)} to {fixed(100 * best.dice.high, 1)})"
    if len(arms) == 1:
        reached = f"reached a mean Dice of {_percent(best)}"
    else:
        reached = f"reached the highest of {len(arms)} mean Dice scores, {_percent(best)}"
    beaten = blind is not None and mean_percent(best) <= mean_percent(blind)
    below = f" The constant mask of the {strategy_label(blind)} reaches {_percent(blind)}." if blind and beaten else ""
    return f"The strategy {best['strategy']} {reached}{bounds}, on {_extent(best)}.{below}"


def _change(d: Difference) -> str:
    if d.bounds is None:
        return f"changed mean Dice by {_points(d.points)} (too few patients for an interval)"
    low, high = d.bounds
    patients = people(d.found.patients)
    interval = f"95 % interval {fixed(low, 1, sign=True)} to {fixed(high, 1, sign=True)} over {patients}"
    if d.reading == TOO_FEW_PATIENTS:
        return f"changed mean Dice by {_points(d.points)} ({interval}: {TOO_FEW_PATIENTS})"
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
    return f"{counted(images, 'image')} of {people(patients)}"


def _percent(arm: Arm) -> str:
    return f"{fixed(mean_percent(arm), 1)} %"


def _span(patients: Sequence[int]) -> str:
    """How many patients, of sorted numbers."""
    low, high = patients[0], patients[-1]
    return people(low) if low == high else f"{low:,} to {people(high)}"


def _points(points: float) -> str:
    return f"{fixed(points, 1, sign=True)} points"
