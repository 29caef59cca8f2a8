"""The facts of a run as words, from its spec and manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import BASELINE_MODEL
from synthboost.reports.arms import strategy_place
from synthboost.reports.cells import NO_VALUE, NOT_RECORDED, Column, Table, text_columns, words


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


def stages_text(run: RunRecord) -> str:
    """The roles of the stages in order, e.g. `synthetic → real`."""
    stages = run.spec.stages
    return NOT_RECORDED if stages is None else " → ".join(stage.role for stage in stages) or "none"


def synthetic_domain(run: RunRecord) -> str:
    """The domains of the synthetic images that took part in training; empty when none did."""
    return ", ".join(sorted({*run.rows.synthetic} - {""}))


def parameters_text(run: RunRecord) -> str:
    """Trained of all parameters, e.g. `1,127,009 of 150,747,746`."""
    parameters = run.manifest and run.manifest.parameters
    return f"{parameters.trained:,} of {parameters.total:,}" if parameters else NOT_RECORDED


def duration_text(seconds: float) -> str:
    """Seconds in the two largest units that matter, e.g. `3 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def data_table(runs: Sequence[RunRecord]) -> Table:
    """The data sets of the runs, each once."""
    found = {(role, item.name, item.domain, str(item.patients), str(item.frames))
             for run in runs for role, item in run.spec.data.items()}  # fmt: skip
    columns = (*text_columns("role", "data set", "domain"), Column("patients"), Column("frames"))
    lines = tuple(tuple(map(words, facts)) for facts in sorted(found))
    return Table("data", "The data sets, their domains and sizes.", columns, lines)


def runs_table(runs: Sequence[RunRecord]) -> Table:
    """The runs, a line each."""
    names = ("run", "strategy", "model", "preset", "encoders", "sentences", "stages", "synthetic images")
    columns = (*text_columns(*names), Column("seed"), Column("trained parameters"), Column("wall time"))
    lines = []
    for run in runs:
        s, manifest = run.spec, run.manifest
        facts = (
            s.name, *map(fact_text, (s.strategy, s.model, s.preset, s.encoders, s.prompt_set)), stages_text(run),
            synthetic_domain(run) or NO_VALUE, fact_text(s.seed), parameters_text(run),
            NOT_RECORDED if manifest is None else duration_text(manifest.wall_seconds),
        )  # fmt: skip
        lines.append(tuple(map(words, facts)))
    return Table("runs", "The runs.", columns, tuple(lines), fold="always")


def provenance_table(runs: Sequence[RunRecord], own: Sequence[dict[str, str]]) -> Table:
    """What differs between the runs, as they recorded it."""
    keys = list(dict.fromkeys(key for facts in own for key in facts))
    lines = tuple(
        (words(run.spec.name), *(words(facts.get(key, NO_VALUE)) for key in keys))
        for run, facts in zip(runs, own, strict=True)
    )
    caption = "What differs between the runs, as they recorded it."
    return Table("provenance", caption, text_columns("run", *keys), lines if keys else (), fold="always")


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
    return facts | {f"training settings ({s.role})": fact_text(s.training) for s in run.spec.stages or ()}


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
    return shared, [_own(run, shared) for run in facts]


def _own(facts: dict[str, str], shared: dict[str, str]) -> dict[str, str]:
    own = {key: value for key, value in facts.items() if value != NOT_RECORDED and key not in shared}
    missing = ", ".join(key for key, value in facts.items() if value == NOT_RECORDED)
    return own | ({NOT_RECORDED: missing} if missing else {})
