"""What was trained on what: weights and data of every kind of run, and whose annotations synthetic images carry."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.domain import Domain, Strategy
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import BASELINE_MODEL, DataSet
from synthboost.reports.cells import NOT_RECORDED, Cell, Column, Table, text_columns, words
from synthboost.reports.run_facts import fact_text, in_table_order

RANDOM = "random"


def origin_table(runs: Sequence[RunRecord]) -> Table:
    """One line per model, strategy, encoders and origin; seeds and prompt sets that share it are counted."""
    lines: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in in_table_order(runs):
        spec = run.spec
        key = (*map(fact_text, (spec.strategy, spec.model, spec.encoders)), start_text(run), _stages(run))
        lines.setdefault(key, []).append(run)
    columns = (
        *text_columns("strategy", "model", "encoders", "begins with", "then learns from", "prompt sets", "seeds"),
        Column("runs"),
    )
    caption = "What was pretrained on what: the weights a run began with, and its stages in order."
    return Table("origins", caption, columns, tuple((*map(words, key), *_counted(g)) for key, g in lines.items()))


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


def mask_statements(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Say for each set which numbers of real patients are not numbers of annotated ones; empty when all are.

    A run that was trained on fewer real patients than its synthetic images carry annotations of has used more
    annotation than its number of real patients says; 0 stands for runs trained on synthetic images alone.
    """
    fewer: dict[tuple[str, int], set[int]] = {}
    for run in runs:
        masks, patients = _masks_of(run), _real_patients(run)
        if masks is not None and patients is not None and patients < masks[1]:
            fewer.setdefault(masks, set()).add(patients)
    return tuple(_statement(*masks, sorted(numbers)) for masks, numbers in fewer.items())


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
    prompt_sets = sorted({fact_text(run.spec.prompt_set) for run in group})
    seeds = sorted({fact_text(run.spec.seed) for run in group})
    return (words(", ".join(prompt_sets)), words(", ".join(seeds)), Cell(f"{len(group):,}", (len(group),)))


def _masks_of(run: RunRecord) -> tuple[str, int] | None:
    """The diffusion images that a run learned from: their set, and of how many patients they carry the masks."""
    item = run.spec.data.get("synthetic")
    if item is None or run.manifest is None or not run.spec.trains_on("synthetic"):
        return None
    return (item.name, run.manifest.mask_patients) if Domain.DIFFUSION in item.domain.split(", ") else None


def _real_patients(run: RunRecord) -> int | None:
    if not run.spec.trains_on("real"):
        return 0
    return run.spec.data["real"].patients if "real" in run.spec.data else None


def _statement(name: str, masks: int, numbers: Sequence[int]) -> str:
    parts = [
        f"The diffusion images of {name} carry the annotations of {masks:,} patients, from whose masks they were made."
    ]
    if found := [f"{number:,}" for number in numbers if number]:
        said = f"{', '.join(found[:-1])} or {found[-1]}" if len(found) > 1 else found[0]
        patients = "patient" if found == ["1"] else "patients"
        parts.append(
            f"For models trained on these images first or beside real ones, “{said} real {patients}” is therefore not "
            f"{said} annotated {patients}."
        )
    if 0 in numbers:
        parts.append("To train on them alone is not to train without annotation.")
    return " ".join(parts)
