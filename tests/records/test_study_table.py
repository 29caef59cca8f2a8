"""The table of a study: all rows of all runs, each traceable to its run; CSV and Parquet say the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from synthboost.errors import ConfigError, DataError
from synthboost.io import tables
from synthboost.io.tables import read_frame, records_of
from synthboost.records.published import read_published
from synthboost.records.rows import Row, read_rows, rows_frame
from synthboost.records.run_folder import EpochLog, RunRecord
from synthboost.records.run_record import Evaluation, Manifest, Spec, Versions
from synthboost.records.study_table import RunFacts, write_study_table

MANIFEST = Manifest(
    Versions("1.0", "3.11.9", {"torch": "2.13.0"}, "abc"), threads=2, device="CPU", cpu_capability="AVX2",
    wall_seconds=12.5, evaluated="2026-01-01T00:00:00+00:00", seed=3, data={"real": "f00d"}, parent="p-run",
    precision="fp32",
)  # fmt: skip
LOG = [EpochLog("real", epoch, 16 * epoch, 0.5, 0.5, 0.8, 1e-3, 1.0) for epoch in (1, 2)]


@pytest.fixture
def runs(published_scores: Path) -> list[RunRecord]:
    """Two runs with everything unknown that published scores leave unknown."""
    return read_published(published_scores)[:2]


def runs_of(folder: Path) -> list[SimpleNamespace]:
    return [SimpleNamespace(**facts) for facts in records_of(RunFacts, read_frame(folder / "runs.csv", RunFacts))]


def ours(root: Path) -> RunRecord:
    spec = Spec("ours", "cris", "tiny", None, None, "real", "frozen", "P6", False, None, 3, (), {})
    return RunRecord(root, spec, MANIFEST, LOG, rows_frame([]), [], Evaluation(probe_swapped=False))


def test_every_row_comes_back_from_both_files(runs: list[RunRecord], tmp_path: Path) -> None:
    write_study_table(tmp_path / "table", iter(runs))
    rows = pd.concat([run.rows for run in runs], ignore_index=True)
    pd.testing.assert_frame_equal(read_rows(tmp_path / "table/rows.csv"), rows)
    facts = read_frame(tmp_path / "table/runs.csv", RunFacts)
    for name, frame in (("rows", rows), ("runs", facts)):
        columns = pd.read_parquet(tmp_path / f"table/{name}.parquet")
        pd.testing.assert_frame_equal(columns.astype(frame.dtypes), frame)
    assert list(facts.run) == [run.spec.name for run in runs]


def test_a_run_is_listed_with_what_its_rows_can_be_traced_to(tmp_path: Path) -> None:
    write_study_table(tmp_path / "table", [ours(tmp_path / "ours")])
    (facts,) = runs_of(tmp_path / "table")
    assert (facts.run, facts.seed, facts.parent, facts.commit, facts.wall_seconds) == ("ours", 3, "p-run", "abc", 12.5)
    assert (facts.rows, facts.epochs, facts.images_seen) == (0, 2, 32)
    assert json.loads(facts.data or "") == {"real": "f00d"}
    assert json.loads(facts.packages or "") == {"torch": "2.13.0"}
    assert json.loads(facts.evaluation or "")["threshold"] == 0.5
    assert json.loads(facts.spec)["encoders"] == "frozen"


def test_the_hash_of_a_spec_changes_with_the_spec_and_not_with_the_order_of_its_keys(tmp_path: Path) -> None:
    record = ours(tmp_path / "ours")
    given = replace(record.spec, architecture={"width": 1, "depth": 2})
    turned = replace(record.spec, architecture={"depth": 2, "width": 1})
    specs = [given, turned, replace(given, seed=4)]
    hashes = []
    for place, spec in enumerate(specs):
        write_study_table(tmp_path / str(place), [RunRecord(record.root, spec, MANIFEST, LOG, rows_frame([]), [])])
        hashes.append(runs_of(tmp_path / str(place))[0].spec_sha256)
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_published_run_leaves_unknown_what_was_not_published(runs: list[RunRecord], tmp_path: Path) -> None:
    write_study_table(tmp_path / "table", runs)
    facts = runs_of(tmp_path / "table")[0]
    assert (facts.seed, facts.commit, facts.data, facts.evaluation, facts.wall_seconds) == (None,) * 5
    assert (facts.model, facts.rows, facts.epochs) == ("clipseg (published)", 12, 0)


def test_a_run_that_occurs_twice_is_refused(runs: list[RunRecord], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="every run once"):
        write_study_table(tmp_path, [runs[0], runs[0]])
    assert not (tmp_path / "rows.csv").exists()


def test_without_parquet_the_csv_files_are_enough_and_older_parquet_files_go(
    runs: list[RunRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study_table(tmp_path, runs)
    monkeypatch.setattr(tables, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"synthboost\[parquet\]"):
        write_study_table(tmp_path, runs)
    write_study_table(tmp_path, runs[:1], parquet=False)
    assert len(runs_of(tmp_path)) == 1
    assert not list(tmp_path.glob("*.parquet"))


def test_something_else_than_a_table_of_this_version_is_refused(runs: list[RunRecord], tmp_path: Path) -> None:
    write_study_table(tmp_path, runs)
    with pytest.raises(DataError, match=r"runs\.csv: columns"):
        read_frame(tmp_path / "runs.csv", Row)
    (tmp_path / "rows.csv").write_bytes(b"\xff no")
    with pytest.raises(DataError, match=r"rows\.csv: file"):
        read_frame(tmp_path / "rows.csv", Row)
