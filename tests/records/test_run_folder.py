"""A run's folder: finished or no result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast, get_type_hints

import pytest

from synthboost.errors import DataError
from synthboost.io.typed_json import read_json
from synthboost.records.rows import Row, rows_frame, write_rows
from synthboost.records.run_folder import EpochLog, RunPaths, read_log, read_run, write_log
from synthboost.records.run_record import OF_ALL_ROWS, DataSet, Evaluation, Manifest, Parameters, Spec, Stage, Versions
from synthboost.studies.results import write_result

LOG = [
    EpochLog("real", 1, 16, 0.9, 0.8, 0.1 + 0.2, 2e-3, 1.5),
    EpochLog("real", 2, 32, 0.7, 0.6, 0.5, 2e-4, 3.0),
]


DATA = DataSet("camus", "release", "real", "official", 50, 200, "f00d")
STAGES = (Stage("synthetic", {"epochs": 2}, "P6-SDM"), Stage("real", {"epochs": 2, "learning_rate": 2e-3}))
SPEC = Spec(
    "run", "clipseg", "tiny", {"width": 32}, None, "synth-PT:real-FT", "trained", "P6", False, None, 0, STAGES,
    {"real": DATA},
)  # fmt: skip
MANIFEST = Manifest(
    Versions("1.0", "3.11.9", {"torch": "2.13.0", "pillow": None}, None), 2, "CPU", "AVX2", 12.5,
    "2026-01-01T00:00:00+00:00", 0, {"real": "f00d"}, "parent", "fp32", 35, Parameters(1000, 10),
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunPaths:
    paths = RunPaths(tmp_path / "run")
    write_log(paths.log, LOG)
    write_result(paths, SPEC, MANIFEST, Evaluation(), rows_frame([]), [])
    return paths


def test_a_finished_run_is_read_back(run: RunPaths) -> None:
    record = read_run(run.root)
    assert (record.spec, record.manifest, record.log) == (SPEC, MANIFEST, LOG)
    assert record.rows.empty


def test_a_zero_shot_run_has_no_log(run: RunPaths) -> None:
    run.log.unlink()
    run.examples.unlink()
    record = read_run(run.root)
    assert (record.log, record.examples) == ([], [])


def test_a_run_without_done_is_no_result(run: RunPaths) -> None:
    run.done.unlink()
    with pytest.raises(DataError, match="DONE: absent.*resume"):
        read_run(run.root)


@pytest.mark.parametrize(("column", "other"), [("run", "r"), ("model", "cris"), ("encoders", "frozen"), ("seed", 3)])
def test_rows_of_another_run_than_the_spec_is_of_are_refused(run: RunPaths, column: str, other: object) -> None:
    known = {"run": SPEC.name, **{name: getattr(SPEC, name) for name in OF_ALL_ROWS}}
    empty = {name: "" if kind is str else None for name, kind in get_type_hints(Row).items()}
    row = {**empty, "view": "2CH", "phase": "ED", "structure": "LV", "domain": "real", "status": "failed",
           "uses_ground_truth": False, **known}  # fmt: skip
    write_rows(run.rows, rows_frame([cast(Row, row)]))
    assert len(read_run(run.root).rows) == 1
    write_rows(run.rows, rows_frame([cast(Row, row), cast(Row, {**row, column: other})]))
    with pytest.raises(DataError, match=rf"rows\.csv: {column}: {other}; expected .* as in spec\.json"):
        read_run(run.root)


@pytest.mark.parametrize("part", ["spec", "manifest", "evaluation", "rows"])
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
        lambda text: text.replace(",0.5,", ",50,"),
        lambda text: text.replace(",0.6,", ",inf,"),
    ],
    ids=["column renamed", "not a number", "cut off", "Dice in percent", "no finite loss"],
)
def test_a_damaged_log_is_refused(run: RunPaths, change: Callable[[str], str]) -> None:
    run.log.write_text(change(run.log.read_text()))
    with pytest.raises(DataError, match=r"log\.csv"):
        read_log(run.log)


def test_an_absent_log_is_a_data_error(run: RunPaths) -> None:
    run.log.unlink()
    with pytest.raises(DataError, match=r"log\.csv"):
        read_log(run.log)


@pytest.mark.parametrize("odd", [[1], "text", {"x": None}, False])
@pytest.mark.parametrize(
    "place",
    ["spec stages", "spec data", "manifest seed", "manifest versions", "manifest parameters", "manifest wall_seconds"],
)
def test_an_odd_value_in_spec_or_manifest_is_named_with_what_belongs_there(
    run: RunPaths, place: str, odd: object
) -> None:
    file, field = place.split()
    path: Path = getattr(run, file)
    path.write_text(json.dumps({**read_json(path), field: odd}))
    with pytest.raises(DataError, match=rf"{path.name}: {field}.*expected"):
        read_run(run.root)
