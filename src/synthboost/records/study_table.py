"""The table of a whole study: every per-image row of every run, and the runs that each row can be traced to.

`rows.csv` and `rows.parquet` hold the rows, `runs.csv` and `runs.parquet` one line per run; `run` joins them. The
Parquet files hold the same as the CSV files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypedDict, cast, get_type_hints

import pandas as pd

from synthboost.errors import DataError
from synthboost.io.tables import frame_of, require_parquet, write_frame, write_parquet
from synthboost.io.typed_json import to_json
from synthboost.records.rows import Row, rows_frame
from synthboost.records.run_folder import RunRecord


class RunFacts(TypedDict):
    """What a run was and under which circumstances it ran; `None` where its folder does not say."""

    run: str
    """The name in the column `run` of the rows."""
    model: str
    strategy: str
    encoders: str
    prompt_set: str
    seed: int | None
    parent: str | None
    """The run whose weights this one began with."""
    rows: int
    """How many rows of the table are this run's."""
    epochs: int
    images_seen: int
    """By the optimiser, in this run alone."""
    wall_seconds: float | None
    evaluated: str | None
    """When its rows were made (UTC)."""
    synthboost: str | None
    python: str | None
    commit: str | None
    device: str | None
    precision: str | None
    threads: int | None
    packages: str | None
    """JSON: package to version."""
    data: str | None
    """JSON: role to fingerprint of the data set."""
    evaluation: str | None
    """JSON: how the masks were made and scored."""
    spec_sha256: str
    """Of `spec`."""
    spec: str
    """JSON: all of `spec.json`."""


def write_study_table(folder: Path, runs: Iterable[RunRecord], *, parquet: bool = True) -> None:
    """Write the table of a study into `folder`, replacing an older one.

    Raises:
        DataError: a run occurs twice.
        ConfigError: `parquet` is given and pyarrow is not installed; nothing is written then.
        OutputError: a file cannot be written.
    """
    if parquet:
        require_parquet()
    facts, rows = dict[str, RunFacts](), [rows_frame([])]
    for record in runs:
        found = run_facts(record)
        if found["run"] in facts:
            raise DataError(record.root, "run", f"{found['run']} again", "every run once")
        facts[found["run"]] = found
        rows.append(record.rows)
    tables = (("rows", Row, pd.concat(rows)), ("runs", RunFacts, frame_of(RunFacts, facts.values())))
    for name, kind, frame in tables:
        write_frame(folder / f"{name}.csv", kind, frame)
        columns = folder / f"{name}.parquet"
        if parquet:
            write_parquet(columns, kind, frame)
        else:
            columns.unlink(missing_ok=True)  # an older one would hold other rows


def run_facts(record: RunRecord) -> RunFacts:
    """Gather what one run's folder says of it."""
    spec, manifest = record.spec, record.manifest
    spec_text = _json(spec)
    own = {
        "run": spec.name,
        "rows": len(record.rows),
        "epochs": len(record.log),
        "images_seen": record.log[-1].images_seen if record.log else 0,
        "packages": manifest and _json(manifest.versions.packages),
        "data": manifest and _json(manifest.data),
        "evaluation": record.evaluation and _json(record.evaluation),
        "spec_sha256": hashlib.sha256(spec_text.encode()).hexdigest(),
        "spec": spec_text,
    }
    circumstances = {} if manifest is None else {**vars(manifest.versions), **vars(manifest)}
    known = {**circumstances, **vars(spec), **own}
    return cast(RunFacts, {name: known.get(name) for name in get_type_hints(RunFacts)})


def _json(value: Any) -> str:
    return json.dumps(to_json(value), sort_keys=True, ensure_ascii=False)
