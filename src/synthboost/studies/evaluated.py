"""What `evaluate` leaves beside its rows, so that a report can put it next to finished runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from synthboost.data.frame_set import FrameSet
from synthboost.data.source import Source
from synthboost.io.atomic import write_json, write_text
from synthboost.records.examples import write_examples
from synthboost.records.rows import Row, write_rows
from synthboost.records.run_folder import RunPaths, read_json
from synthboost.studies.examples import choose_examples
from synthboost.studies.manifest import circumstances
from synthboost.studies.strategies import DATA_OF, Role


@dataclass(frozen=True)
class Origin:
    """Where the masks come from that are judged: a run of ours, other weights, or nobody knows."""

    model: str
    label: str
    """What tables call it, in the place of the strategy."""
    encoders: str = ""
    synthetic: str = ""
    real_patients: int | None = None
    seed: int = 0
    run: Mapping[str, Any] = field(default_factory=dict)
    """The `spec.json` of the run whose weights drew the masks; empty for others."""


def origin_of(checkpoint: str, model: str, out: Path, fingerprint: str, label: str | None = None) -> Origin:
    """Tell whose weights they are.

    Args:
        checkpoint: as given to `load_segmenter`; a run's folder, or the `checkpoint` in it, has its spec at hand.
        model: the architecture's name.
        out: the folder of the evaluation.
        fingerprint: of the data that are judged on.
        label: what tables call it; `None` takes the run's strategy (and the data's place in it, if the run did not
            know them), or else the name of `out`.

    Raises:
        DataError: the run's `spec.json` is damaged.
    """
    spec = run_spec_of(checkpoint)
    if not spec:
        return Origin(model, label or out.absolute().name)
    data = spec.get("data") or {}
    roles = {role for stage in spec.get("stages") or () for role in DATA_OF.get(stage.get("role"), ())}
    own = any(item.get("fingerprint") == fingerprint for item in data.values())
    strategy = str(spec.get("strategy"))
    return Origin(
        model=model,
        label=label or (strategy if own else f"{strategy}, on other data"),
        encoders=str(spec.get("encoders") or ""),
        synthetic=str(data.get(Role.SYNTHETIC, {}).get("domain", "")) if Role.SYNTHETIC in roles else "",
        real_patients=data.get(Role.REAL, {}).get("patients") if Role.REAL in roles else None,
        seed=int(spec.get("seed") or 0),
        run=spec,
    )


def run_spec_of(checkpoint: str) -> dict[str, Any]:
    """Return the `spec.json` of the run that a checkpoint is of; empty for weights from elsewhere.

    Args:
        checkpoint: a run's folder, the `checkpoint` in it, or anything else that `load_segmenter` takes.

    Raises:
        DataError: the file is damaged.
    """
    folder = Path(checkpoint)
    specs = (RunPaths(place).spec for place in (folder, folder.absolute().parent) if (place / "checkpoint").is_dir())
    found = next((path for path in specs if path.is_file()), None)
    return {} if found is None else dict(read_json(found))


def write_evaluation(
    out: Path,
    origin: Origin,
    source: Source,
    frames: FrameSet,
    masks: Path,
    rows: list[Row],
    settings: Mapping[str, Any],
    began: tuple[datetime, float],
) -> None:
    """Write rows, examples, spec, manifest and, last, `DONE` into `out`: the files of a run's folder, but the log.

    Args:
        out: holds the masks already, unless they lie elsewhere.
        origin: whose masks they are.
        source, frames: the data, and those of them that were judged.
        masks: the folder with `index.csv`.
        rows: the scores.
        settings: how the rows were made.
        began: by the clock (UTC) and by `time.monotonic`.
    """
    paths = RunPaths(out)
    write_rows(paths.rows, rows)
    write_examples(paths.examples, choose_examples(rows, frames, masks))
    judged = {**source.as_dict(), "patients": frames.patients, "frames": len(frames)}
    spec = {
        **origin.run,
        "name": out.absolute().name,
        "model": origin.model,
        "strategy": origin.label,
        "encoders": origin.encoders,
        "prompt_set": ", ".join(sorted({row.prompt_set for row in rows if not row.probe})),
        "seed": origin.seed,
        "stages": origin.run.get("stages", []),
        "data": {**origin.run.get("data", {}), "evaluation": judged},
    }
    manifest = {
        **circumstances(began[0], time.monotonic() - began[1]),
        "seed": origin.seed,
        "data": {"evaluation": source.fingerprint},
        "parent": origin.run.get("name"),
    }
    write_json(paths.spec, spec)
    write_json(paths.manifest, manifest)
    write_json(paths.evaluation, settings)
    write_text(paths.done, "")
