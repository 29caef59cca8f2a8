"""The table of a whole study: every per-image row of every run, and the runs that each row can be traced to.

`rows.csv` and `rows.parquet` hold the rows, `runs.csv` and `runs.parquet` one line per run; `run` joins them. The
Parquet files are made of the CSV files, so that the two cannot differ.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthboost.errors import DataError
from synthboost.io.parquet import read_parquet, require_parquet, write_parquet
from synthboost.io.typed_csv import read_typed, write_typed
from synthboost.io.typed_json import to_json
from synthboost.records.rows import Row
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import Manifest


@dataclass(frozen=True)
class RunFacts:
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


@dataclass(frozen=True)
class StudyTablePaths:
    """The files of a study's table."""

    folder: Path

    @property
    def rows_csv(self) -> Path:
        """See `Row`."""
        return self.folder / "rows.csv"

    @property
    def rows_parquet(self) -> Path:
        """The same rows."""
        return self.folder / "rows.parquet"

    @property
    def runs_csv(self) -> Path:
        """See `RunFacts`."""
        return self.folder / "runs.csv"

    @property
    def runs_parquet(self) -> Path:
        """The same runs."""
        return self.folder / "runs.parquet"


@dataclass(frozen=True)
class StudyTable:
    """A study's table, read back."""

    rows: list[Row]
    runs: list[RunFacts]


def write_study_table(folder: Path, runs: Iterable[RunRecord], *, parquet: bool = True) -> StudyTablePaths:
    """Write the table of a study into `folder`, replacing an older one; `runs` is gone through once.

    Raises:
        DataError: a run occurs twice, or has rows of another one.
        ConfigError: `parquet` is asked for and pyarrow is not installed; nothing is written then.
        OutputError: a file cannot be written.
    """
    if parquet:
        require_parquet()
    paths, facts = StudyTablePaths(folder), dict[str, RunFacts]()

    def rows() -> Iterator[Row]:
        for record in runs:
            found = run_facts(record)
            if found.run in facts:
                raise DataError(record.root, "run", f"{found.run} again", "every run once")
            facts[found.run] = found
            yield from record.rows

    write_typed(paths.rows_csv, Row, rows())
    write_typed(paths.runs_csv, RunFacts, facts.values())
    if parquet:
        write_parquet(paths.rows_parquet, Row, read_typed(paths.rows_csv, Row))
        write_parquet(paths.runs_parquet, RunFacts, read_typed(paths.runs_csv, RunFacts))
    else:  # older ones would tell of other rows
        paths.rows_parquet.unlink(missing_ok=True)
        paths.runs_parquet.unlink(missing_ok=True)
    return paths


def read_study_table(folder: Path) -> StudyTable:
    """Read the table of a study and make sure that every row has its run.

    Raises:
        DataError: a file is absent or damaged; a row's run is not listed, or a run has more or fewer rows than it
            says (an interrupted writing: write the table again); or the Parquet files, where they are, hold
            something else than the CSV files.
        ConfigError: there are Parquet files, and pyarrow is not installed.
    """
    paths = StudyTablePaths(folder)
    table = StudyTable(list(read_typed(paths.rows_csv, Row)), list(read_typed(paths.runs_csv, RunFacts)))
    counted, stated = Counter(row.run for row in table.rows), {facts.run: facts.rows for facts in table.runs}
    for run in sorted(counted.keys() | stated.keys()):
        if counted.get(run, 0) != stated.get(run, -1):
            raise DataError(
                paths.rows_csv, "rows", f"{counted.get(run, 0)} of run {run}",
                f"the {stated[run]} that runs.csv states" if run in stated else "a run that is listed in runs.csv",
                "Write the table of the study again.",
            )  # fmt: skip
    _require_same(paths.rows_parquet, Row, table.rows)
    _require_same(paths.runs_parquet, RunFacts, table.runs)
    return table


def run_facts(record: RunRecord) -> RunFacts:
    """Gather what one run's folder says of it.

    Raises:
        DataError: a row belongs to another run.
    """
    spec, manifest = record.spec, record.manifest
    if stray := next((row for row in record.rows if row.run != spec.name), None):
        raise DataError(record.root, "rows", f"rows of run {stray.run!r}", f"rows of run {spec.name!r}")
    spec_text = _json(spec)
    return RunFacts(
        run=spec.name,
        model=spec.model,
        strategy=spec.strategy,
        encoders=spec.encoders,
        prompt_set=spec.prompt_set,
        seed=spec.seed,
        rows=len(record.rows),
        epochs=len(record.log),
        images_seen=record.log[-1].images_seen if record.log else 0,
        evaluation=None if record.evaluation is None else _json(record.evaluation),
        spec_sha256=hashlib.sha256(spec_text.encode()).hexdigest(),
        spec=spec_text,
        **dict.fromkeys(CIRCUMSTANCES) if manifest is None else _circumstances(manifest),
    )


CIRCUMSTANCES = (
    "parent", "wall_seconds", "evaluated", "synthboost", "python", "commit", "device", "precision", "threads",
    "packages", "data",
)  # fmt: skip
"""What a manifest says."""


def _circumstances(manifest: Manifest) -> dict[str, Any]:
    facts = {**vars(manifest.versions), **vars(manifest)}
    texts = {"packages": _json(manifest.versions.packages), "data": _json(manifest.data)}
    return {name: texts.get(name, facts[name]) for name in CIRCUMSTANCES}


def _require_same(path: Path, kind: type[Any], items: list[Any]) -> None:
    if path.is_file() and read_parquet(path, kind) != items:
        raise DataError(path, "rows", "not those of the CSV file", "the same", "Write the table of the study again.")


def _json(value: Any) -> str:
    return json.dumps(to_json(value), sort_keys=True, ensure_ascii=False)
