"""A run's folder: finished or no result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synthboost.errors import DataError
from synthboost.io.atomic import write_json, write_text
from synthboost.records.examples import write_examples
from synthboost.records.rows import write_rows
from synthboost.records.run_folder import EpochLog, RunPaths, read_json, read_log, read_run, write_log

LOG = [
    EpochLog("real", 1, 16, 0.9, 0.8, 0.1 + 0.2, 2e-3, 1.5),
    EpochLog("real", 2, 32, 0.7, 0.6, 0.5, 2e-4, 3.0),
]


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    paths = RunPaths(tmp_path / "run")
    write_json(paths.spec, {"name": "run"})
    write_json(paths.manifest, {"seed": 0})
    write_log(paths.log, LOG)
    write_rows(paths.rows, [])
    write_examples(paths.examples, [])
    write_text(paths.done, "")
    return paths


def test_a_finished_run_is_read_back(run: RunPaths) -> None:
    record = read_run(run.root)
    assert (record.spec, record.manifest, record.log, record.rows) == ({"name": "run"}, {"seed": 0}, LOG, [])


def test_a_zero_shot_run_has_no_log(run: RunPaths) -> None:
    run.log.unlink()
    run.examples.unlink()
    record = read_run(run.root)
    assert (record.log, record.examples) == ([], [])


def test_a_run_without_done_is_no_result(run: RunPaths) -> None:
    run.done.unlink()
    with pytest.raises(DataError, match="DONE: absent.*resume"):
        read_run(run.root)


@pytest.mark.parametrize("part", ["spec", "manifest", "rows"])
def test_a_missing_part_is_named(run: RunPaths, part: str) -> None:
    path: Path = getattr(run, part)
    path.unlink()
    with pytest.raises(DataError, match=path.name):
        read_run(run.root)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("epoch", "epoxy"),
        lambda text: text.replace("32", "many"),
        lambda text: text[: text.rindex(",", 0, text.rindex(","))],
    ],
    ids=["column renamed", "not a number", "cut off"],
)
def test_a_damaged_log_is_refused(run: RunPaths, change: Callable[[str], str]) -> None:
    run.log.write_text(change(run.log.read_text()))
    with pytest.raises(DataError, match=r"log\.csv"):
        read_log(run.log)


def test_an_absent_log_is_a_data_error(run: RunPaths) -> None:
    run.log.unlink()
    with pytest.raises(DataError, match=r"log\.csv"):
        read_log(run.log)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b"", b"null"])
def test_json_that_is_no_object_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "spec.json").write_bytes(content)
    with pytest.raises(DataError, match=r"spec\.json"):
        read_json(tmp_path / "spec.json")
