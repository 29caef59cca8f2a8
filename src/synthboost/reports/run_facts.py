"""The facts of a run from its spec and manifest, each one possibly not recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import NOT_RECORDED

_TRAINING_DATA_NAME = ("path name", "path_name", "name")
"""Spellings under which a spec may hold the name of a data set's folder."""


def run_name(run: RunRecord) -> str:
    """The run's name, or its folder's when the spec has none."""
    return str(run.spec.get("name") or run.root.name)


def spec_text(run: RunRecord, key: str) -> str:
    """One key of the spec as text."""
    return fact_text(run.spec.get(key))


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


def data_sets(run: RunRecord) -> dict[str, Mapping[str, Any]]:
    """The data of a run by role (`real`, `synthetic`); roles without a description are left out."""
    data = run.spec.get("data")
    return {str(role): item for role, item in _mapping(data).items() if isinstance(item, Mapping)}


def data_set_name(item: Mapping[str, Any]) -> str:
    """The name of a data set's folder."""
    return next((fact_text(item[key]) for key in _TRAINING_DATA_NAME if item.get(key)), NOT_RECORDED)


def stages_text(run: RunRecord) -> str:
    """The stages in order, e.g. `synthetic (sim_a) → real (camus)`."""
    stages = run.spec.get("stages")
    if not isinstance(stages, Sequence) or isinstance(stages, str):
        return NOT_RECORDED
    if not stages:
        return "none"
    return " → ".join(_stage_text(stage) for stage in stages)


def stage_roles(run: RunRecord) -> tuple[str, ...]:
    """The roles of the data that the stages train on, in order; empty when nothing is trained or recorded."""
    stages = run.spec.get("stages")
    if not isinstance(stages, Sequence) or isinstance(stages, str):
        return ()
    return tuple(fact_text(_mapping(stage).get("role")) for stage in stages)


def synthetic_domain(run: RunRecord) -> str:
    """The domains of the synthetic images that took part in training; empty when none did."""
    took_part = {row.synthetic for row in run.rows if row.synthetic}
    return ", ".join(sorted(took_part))


def parameters_text(run: RunRecord) -> str:
    """Trained of all parameters, e.g. `1,127,009 of 150,747,746`."""
    parameters = _mapping(run.manifest.get("parameters"))
    if not parameters:
        return NOT_RECORDED
    return f"{_count_text(parameters.get('trained'))} of {_count_text(parameters.get('total'))}"


def duration_text(seconds: object) -> str:
    """Wall time in the two largest units that matter, e.g. `3 h 5 min`."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return NOT_RECORDED
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def provenance(run: RunRecord) -> dict[str, str]:
    """Everything needed to trust or repeat a run, by name."""
    manifest = run.manifest
    packages = {f"package {name}": fact_text(v) for name, v in sorted(_mapping(manifest.get("packages")).items())}
    data = {f"data {role}": fact_text(v) for role, v in sorted(_mapping(manifest.get("data")).items())}
    return {
        "folder": str(run.root),
        **{key: fact_text(manifest.get(key)) for key in ("judged", "seed")},
        "parent": _parent_text(manifest),
        "wall time": duration_text(manifest.get("wall_seconds")),
        **{key: fact_text(manifest.get(key)) for key in ("commit", "synthboost", "python")},
        **{key: fact_text(manifest.get(key)) for key in ("device", "precision", "threads")},
        **(packages or {"packages": NOT_RECORDED}),
        **(data or {"data": NOT_RECORDED}),
        "training settings": fact_text(run.spec.get("training")),
    }


def shared_and_own(facts: Sequence[dict[str, str]]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Split the runs' facts into those on which all that record them agree, at least two, and each run's own.

    What a run does not record is gathered under `not recorded`, so that nothing shared is claimed for it.
    """
    values: dict[str, list[str]] = {}
    for run in facts:
        for key, value in run.items():
            if value != NOT_RECORDED:
                values.setdefault(key, []).append(value)
    shared = {key: found[0] for key, found in values.items() if len(found) > 1 and len(set(found)) == 1}
    return shared, [_own(run, shared) for run in facts]


def _parent_text(manifest: Mapping[str, Any]) -> str:
    """`null` means that there is none, an absent key that nobody noted it."""
    return "none" if "parent" in manifest and manifest["parent"] is None else fact_text(manifest.get("parent"))


def _own(facts: dict[str, str], shared: dict[str, str]) -> dict[str, str]:
    own = {key: value for key, value in facts.items() if value != NOT_RECORDED and key not in shared}
    missing = ", ".join(key for key, value in facts.items() if value == NOT_RECORDED)
    return own | ({NOT_RECORDED: missing} if missing else {})


def _stage_text(stage: object) -> str:
    described = _mapping(stage)
    role, data = fact_text(described.get("role")), described.get("data")
    return f"{role} ({fact_text(data)})" if data else role


def _count_text(number: object) -> str:
    return f"{number:,}" if isinstance(number, int) else NOT_RECORDED


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
