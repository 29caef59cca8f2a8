"""The facts of runs from spec and manifest: what was trained on what, which data, whose annotations, which software."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

from synthboost.domain import Domain, Strategy
from synthboost.errors import counted, people
from synthboost.evaluation.statistics.convergence import lineage
from synthboost.records.run_folder import RunPaths, RunRecord, read_run
from synthboost.records.run_record import BASELINE_MODEL, DataSet
from synthboost.reports.arms import strategy_place
from synthboost.reports.table import NO_VALUE, NOT_RECORDED, Table, count, digits, named, words


def in_table_order(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Runs by model, baselines first, then by strategy in the paper's order, then by name."""
    return sorted(runs, key=lambda r: (
        r.spec.model != BASELINE_MODEL, r.spec.model, strategy_place(r.spec.strategy), r.spec.name
    ))  # fmt: skip


def is_trained(run: RunRecord) -> bool:
    """True when the run left a log, that is, when something learned."""
    return bool(run.log)


def fact_text(value: object) -> str:
    """A value of a JSON file as a reader should see it."""
    if value is None or value == "" or value == {} or value == []:
        return NOT_RECORDED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {fact_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(fact_text(item) for item in value)
    return str(value)


Runs: TypeAlias = Mapping[str, RunRecord]
"""By name."""
NO_RUNS: Runs = MappingProxyType({})


def by_name(runs: Iterable[RunRecord]) -> Runs:
    """The runs by name."""
    return {run.spec.name: run for run in runs}


def with_ancestors(runs: Iterable[RunRecord]) -> Runs:
    """The runs by name, and those that they began with whose finished folders lie beside theirs.

    Raises:
        DataError: such a folder is damaged.
    """
    known = dict(by_name(runs))
    waiting = [*known.values()]
    while waiting:
        run = waiting.pop()
        name = run.manifest.parent if run.manifest else None
        if name and name not in known and RunPaths(run.root.parent / name).done.is_file():
            parent = read_run(run.root.parent / name)
            if parent.spec.name == name:
                known[name] = parent
                waiting.append(parent)
    return known


def trainings_text(pairs: Sequence[tuple[Collection[str], Collection[str]]], known: Runs) -> str:
    """Whether the sides of each comparison (names of runs) were trained equally long, their pretraining counted.

    Empty where no run is known to have been trained.
    """
    found = [[[_training(known[name], known) for name in side if name in known] for side in pair] for pair in pairs]
    sides = [[training for pair in found for training in pair[place]] for place in (0, 1)]
    every = [training for side in sides for training in side]
    if not all(sides) or any(not (epochs or whole) for epochs, _, whole in every) or not any(e for e, _, _ in every):
        return ""
    steps, lacking = {s for _, s, _ in every}, not all(whole for *_, whole in every)
    said = [
        _span((e for e, _, _ in side), "epoch")
        + ("" if None in steps else f", {_span((s or 0 for _, s, _ in side), 'optimiser step')}")
        for side in sides
    ]
    apart = f"the first side was trained for {said[0]}, the second for {said[1]}."
    if None in steps:
        text = f"Whether at equal steps is not recorded: {apart}"
    elif any(len({s for side in pair for _, s, _ in side}) > 1 for pair in found):
        text = f"Not at equal steps: {apart}"
    else:
        text = (
            f"{'Apart from pretraining, at' if lacking else 'At'} equal steps: both sides were trained for {said[0]}."
        )
    missed = " Pretraining whose run was not given, and does not lie beside these, is not counted."
    return f"{text}{missed if lacking else ''}"


def _training(run: RunRecord, known: Runs) -> tuple[int, int | None, bool]:
    """Epochs and optimiser steps of a run and its ancestors (`None`: unknown), and whether all ancestors are known."""

    def parent_of(name: str) -> str | None:
        manifest = known[name].manifest
        return manifest.parent if manifest else None

    names, whole = lineage(run.spec.name, known, parent_of)
    of_each = [_steps(known[name]) for name in names]
    steps = None if None in of_each else sum(one or 0 for one in of_each)
    return sum(len(known[name].log) for name in names), steps, whole


def _steps(run: RunRecord) -> int | None:
    """Optimiser steps of a run's own stage; `None` where its batches are unknown."""
    batch = run.spec.stages[-1].training.get("batch_images") if run.spec.stages else None
    if run.log and (not isinstance(batch, int) or batch < 1):
        return None
    images = [0, *(line.images_seen for line in run.log)]
    return sum(-(-(b - a) // (batch or 1)) for a, b in pairwise(images))


def _span(numbers: Iterable[int], thing: str) -> str:
    found = sorted(numbers)
    return counted(found[0], thing) if found[0] == found[-1] else f"{found[0]:,} to {found[-1]:,} {thing}s"


def synthetic_domain(run: RunRecord) -> str:
    """The domains of the synthetic images that took part in training; empty when none did."""
    return ", ".join(sorted({*run.rows.synthetic} - {""}))


def parameters_text(run: RunRecord) -> str:
    """Trained of all parameters, e.g. `1,127,009 of 150,747,746`; a baseline has none."""
    parameters = run.manifest and run.manifest.parameters
    return f"{parameters.trained:,} of {parameters.total:,}" if parameters else _lacking(run)


def _lacking(run: RunRecord) -> str:
    """What stands for a fact of a network that a run does not state."""
    return NO_VALUE if run.spec.model == BASELINE_MODEL else NOT_RECORDED


def duration_text(seconds: float) -> str:
    """Seconds in the two largest units that matter, e.g. `3 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def data_table(runs: Sequence[RunRecord], real: str = "real") -> Table:
    """The data sets of the runs, each once, with what they were used as; `real` is what that role is called."""
    uses: dict[tuple[str, ...], dict[str, None]] = {}
    items = [(role, item) for run in runs for role, item in run.spec.data.items()]
    for role, item in sorted(items, key=lambda pair: (pair[0] != "real", pair[0], pair[1].patients, pair[1].name)):
        use = f"{real if role == 'real' else role}: {people(item.patients)}, {counted(item.frames, 'frame')}"
        uses.setdefault((item.name, item.domain, item.fingerprint), {})[use] = None
    lines = [named(("data set", "domain", "used as"), (*key[:2], "; ".join(own))) for key, own in uses.items()]
    return Table.of("data", "The data sets, each once, and what they were used as.", lines)


def runs_table(runs: Sequence[RunRecord]) -> Table:
    """The runs, a line each."""
    names = ("run", "strategy", "model", "preset", "encoders", "sentences", "stages", "synthetic images")
    lines = []
    for run in runs:
        s, manifest = run.spec, run.manifest
        stages = NOT_RECORDED if s.stages is None else " → ".join(stage.role for stage in s.stages) or "none"
        facts = map(fact_text, (s.name, s.strategy, s.model, s.preset or _lacking(run), s.encoders, s.prompt_set))
        lines.append(
            named(names, (*facts, stages, synthetic_domain(run) or NO_VALUE))
            | {
                "seed": digits(fact_text(s.seed)),
                "trained parameters": digits(parameters_text(run)),
                "wall time": digits(duration_text(manifest.wall_seconds) if manifest else NOT_RECORDED),
            }
        )
    return Table.of("runs", "The runs.", lines, fold="always")


def provenance_table(runs: Sequence[RunRecord], own: Sequence[dict[str, str]]) -> Table:
    """What differs between the runs, as they recorded it."""
    keys = list(dict.fromkeys(key for facts in own for key in facts))
    lines = [
        named(("run", *keys), (run.spec.name, *(facts.get(key, NO_VALUE) for key in keys)))
        for run, facts in zip(runs, own, strict=True)
    ]
    caption = "What differs between the runs, as they recorded it."
    return Table.of("provenance", caption, lines if keys else (), fold="always")


def provenance(run: RunRecord) -> dict[str, str]:
    """Everything needed to trust or repeat a run, by name."""
    manifest, facts = run.manifest, {"folder": str(run.root)}
    if manifest is not None:
        own = {name: fact_text(getattr(manifest, name)) for name in ("device", "precision", "threads")}
        facts |= {
            "evaluated": manifest.evaluated,
            "seed": str(manifest.seed),
            "parent": manifest.parent or "none",
            "wall time": duration_text(manifest.wall_seconds),
            **{name: fact_text(getattr(manifest.versions, name)) for name in ("commit", "synthboost", "python")},
            **own,
            **{f"package {name}": fact_text(v) for name, v in sorted(manifest.versions.packages.items())},
            **{f"data {role}": fingerprint for role, fingerprint in sorted(manifest.data.items())},
        }
    else:
        facts["manifest"] = NOT_RECORDED
    given = {s.role: {name: v for name, v in s.training.items() if v is not None} for s in run.spec.stages or ()}
    return facts | {f"training settings ({role})": fact_text(settings) for role, settings in given.items()}


def shared_and_own(facts: Sequence[dict[str, str]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Split the runs' facts into those on which all that record them agree, at least two if there are, and the rest.

    What a run does not record is gathered under `not recorded`, so that nothing shared is claimed for it.
    """
    values: dict[str, list[str]] = {}
    for run in facts:
        for key, value in run.items():
            if value != NOT_RECORDED:
                values.setdefault(key, []).append(value)
    enough = min(2, len(facts))
    shared = {key: found[0] for key, found in values.items() if len(found) >= enough and len(set(found)) == 1}
    own = []
    for run in facts:
        missing = ", ".join(key for key, value in run.items() if value == NOT_RECORDED)
        kept = {key: value for key, value in run.items() if value != NOT_RECORDED and key not in shared}
        own.append(kept | ({NOT_RECORDED: missing} if missing else {}))
    return shared, own


def origin_table(runs: Sequence[RunRecord]) -> Table:
    """One line per model, strategy, encoders and origin; seeds and prompt sets that share it are counted."""
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for run in in_table_order(runs):
        spec = run.spec
        key = (*map(fact_text, (spec.strategy, spec.model, spec.encoders)), start_text(run), _stages(run))
        groups.setdefault(key, []).append(run)
    lines = [
        named(("strategy", "model", "encoders", "begins with", "then learns from"), key)
        | {
            "prompt sets": words(", ".join(sorted({fact_text(run.spec.prompt_set) for run in group}))),
            "seeds": words(", ".join(sorted({fact_text(run.spec.seed) for run in group}))),
            "runs": count(len(group)),
        }
        for key, group in groups.items()
    ]
    caption = "What was pretrained on what: the weights a run began with, and its stages in order."
    return Table.of("origins", caption, lines)


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
        masks, patients = _masks_of(run), run.spec.real_patients if run.spec.trains_on("real") else 0
        if masks is not None and patients is not None and patients < masks[1]:
            fewer.setdefault(masks, set()).add(patients)
    return tuple(_statement(*masks, sorted(numbers)) for masks, numbers in fewer.items())


def start_text(run: RunRecord) -> str:
    """What the first stage began with."""
    if run.spec.model == BASELINE_MODEL:
        return "nothing"
    if run.spec.weights:
        return f"weights {run.spec.weights[:40]}{f' (preset {run.spec.preset})' if run.spec.preset else ''}"
    return f"random weights (preset {run.spec.preset})" if run.spec.starts_at_random else NOT_RECORDED


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
    return f"{role}: {item.name} ({item.domain}; {people(item.patients)}, {counted(item.frames, 'frame')})"


def _masks_of(run: RunRecord) -> tuple[str, int] | None:
    """The diffusion images that a run learned from: their set, and of how many patients they carry the masks."""
    item = run.spec.data.get("synthetic")
    if item is None or run.manifest is None or not run.spec.trains_on("synthetic"):
        return None
    return (item.name, run.manifest.mask_patients) if Domain.DIFFUSION in item.domain.split(", ") else None


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
