"""What was pretrained on what: the weights every kind of run began with, and the data of its stages."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.domain import Strategy
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import DataSet
from synthboost.reports.cells import NOT_RECORDED, Cell, Column, Table, words
from synthboost.reports.conditions import BASELINE_MODEL, SIMULATED_TARGET, strategy_heading
from synthboost.reports.convergence import in_table_order
from synthboost.reports.run_facts import spec_text

RANDOM = "random"


def origin_table(runs: Sequence[RunRecord], target_is_simulated: bool = False) -> Table:
    """One line per model, strategy, encoders and origin; seeds and prompt sets that share it are counted."""
    lines: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in in_table_order(runs):
        key = (*(spec_text(run, name) for name in ("strategy", "model", "encoders")), start_text(run), _stages(run))
        lines.setdefault(key, []).append(run)
    names = ("model", "encoders", "begins with", "then learns from")
    columns = (
        *(Column(name, is_text=True) for name in (strategy_heading(target_is_simulated), *names)),
        Column("prompt sets", is_text=True), Column("seeds", is_text=True), Column("runs"),
    )  # fmt: skip
    simulated = f' "real" is a {SIMULATED_TARGET} here.' if target_is_simulated else ""
    caption = f"What was pretrained on what: the weights a run began with, and its stages in order.{simulated}"
    body = tuple((*map(words, key), *_counted(group)) for key, group in lines.items())
    return Table("origins", caption, columns, body)


def origin_statement(runs: Sequence[RunRecord]) -> str:
    """In one or two sentences whether any weights came from outside the study."""
    models = [run for run in runs if run.spec.model != BASELINE_MODEL]
    if not models:
        return ""
    unknown = [run for run in models if run.spec.weights is None and not run.spec.starts_at_random]
    given = sorted({f"{run.spec.model} {run.spec.weights}" for run in models if run.spec.weights})
    at_random = sorted({f"{run.spec.model} ({run.spec.preset})" for run in models if run.spec.starts_at_random})
    parts = []
    if at_random:
        which = "Every model" if not given and not unknown else "Some models"
        parts.append(
            f"{which} began with random weights: {', '.join(at_random)}. None of these had seen natural images, as the "
            "paper's CLIPSeg and CRIS had."
        )
    if given:
        parts.append(f"Weights from outside the study: {', '.join(given)}.")
    if unknown:
        parts.append(f"{len(unknown)} runs do not record the weights they began with.")
    return " ".join(parts)


def start_text(run: RunRecord) -> str:
    """What the first stage began with."""
    if run.spec.model == BASELINE_MODEL:
        return "nothing"
    if run.spec.weights:
        return f"weights {run.spec.weights[:40]}"
    return f"{RANDOM} weights (preset {run.spec.preset})" if run.spec.starts_at_random else NOT_RECORDED


def _stages(run: RunRecord) -> str:
    data = run.spec.data
    roles = [stage.role for stage in run.spec.stages or ()]
    if not roles:
        return "its label maps" if run.spec.model == BASELINE_MODEL else "nothing"
    known = [role if role not in data else _described(role, data[role]) for role in roles]
    if run.spec.strategy == Strategy.MIXED:
        return " and ".join(_described(role, item) for role, item in sorted(data.items())) or " → ".join(known)
    return " → ".join(known)


def _described(role: str, item: DataSet) -> str:
    return f"{role}: {item.name} ({item.domain}; {item.patients} patients, {item.frames} frames)"


def _counted(group: Sequence[RunRecord]) -> tuple[Cell, ...]:
    prompt_sets = sorted({run.spec.prompt_set for run in group})
    seeds = sorted({spec_text(run, "seed") for run in group})
    return (words(", ".join(prompt_sets)), words(", ".join(seeds)), Cell(f"{len(group):,}", (len(group),)))
