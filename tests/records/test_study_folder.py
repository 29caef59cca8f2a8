"""Runs are found in a study's folder; what is not finished is named, and a run's own folder is a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthboost.domain import SplitPart
from synthboost.errors import DataError
from synthboost.io.typed_json import write_record
from synthboost.records.study_folder import StudyRecord, StudyTerms, find_runs


def run(folder: Path, finished: bool = True) -> Path:
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text("{}")
    if finished:
        (folder / "DONE").touch()
    return folder


def test_a_run_is_a_run_and_no_study(tmp_path):
    finished, unfinished = find_runs([run(tmp_path / "a"), run(tmp_path / "b", finished=False)])
    assert [path.name for path in finished] == ["a", "b"]  # reading the second says what is missing
    assert unfinished == []


@pytest.mark.parametrize("inside", ["", "runs"])
def test_a_folder_of_runs_is_a_study(tmp_path, inside):
    for name in ("b", "a"):
        run(tmp_path / "study" / inside / name)
    run(tmp_path / "study" / inside / "c", finished=False)
    run(tmp_path / "study" / inside / ".hidden")
    (tmp_path / "study" / inside / "notes").mkdir()
    finished, unfinished = find_runs([tmp_path / "study"])
    assert [path.name for path in finished] == ["a", "b"]
    assert [path.name for path in unfinished] == ["c"]


def test_a_run_of_a_study_whose_folder_was_deleted_is_not_finished(tmp_path):
    run(tmp_path / "study" / "runs" / "a")
    terms = StudyTerms("paper", {}, {}, {}, {}, SplitPart.TESTING)
    write_record(tmp_path / "study" / "study.json", StudyRecord(terms, (), ("a", "b")))
    assert [[path.name for path in found] for found in find_runs([tmp_path / "study"])] == [["a"], ["b"]]


def test_a_run_named_twice_is_found_once(tmp_path):
    member = run(tmp_path / "study" / "a")
    assert find_runs([tmp_path / "study", member]) == ([member], [])


def test_a_study_without_a_finished_run_is_refused(tmp_path):
    run(tmp_path / "study" / "a", finished=False)
    with pytest.raises(DataError, match="1, none finished"):
        find_runs([tmp_path / "study"])


def test_a_folder_that_is_not_there_is_left_to_reading(tmp_path):
    assert find_runs([tmp_path / "no"]) == ([tmp_path / "no"], [])
