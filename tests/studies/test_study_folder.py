from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synthboost.domain import SplitPart
from synthboost.errors import OutputError
from synthboost.io.typed_json import read_record
from synthboost.records.study_folder import StudyPaths, StudyRecord, StudyTerms
from synthboost.studies.recipes import smoke
from synthboost.studies.study_run import check_request, note_request

TERMS = StudyTerms(
    "paper", {"name": "ours"}, {"name": "smoke"}, {"real": {"fingerprint": "ab"}}, {"clipseg": "random"},
    SplitPart.TESTING,
)  # fmt: skip


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    folder = StudyPaths(tmp_path / "study")
    check_request(folder, TERMS)
    note_request(folder, TERMS, smoke().grid, ["a"])
    return folder


def test_the_same_request_is_noted_once(paths: StudyPaths) -> None:
    note_request(paths, TERMS, smoke().grid, ["a", "b"])
    found = read_record(paths.description, StudyRecord)
    [request] = found.requests
    assert request.grid["models"] == ["clipseg", "cris"]
    assert request.versions.packages["torch"]
    assert found.runs == ("a", "b")


def test_a_new_model_and_a_new_data_set_add_to_the_study(paths: StudyPaths) -> None:
    more = replace(TERMS, data={"synthetic": {"fingerprint": "cd"}, **TERMS.data}, weights={"cris": "folder"})
    check_request(paths, more)
    note_request(paths, more, smoke().grid, [])
    terms = read_record(paths.description, StudyRecord).terms
    assert terms.weights == {"clipseg": "random", "cris": "folder"}
    assert set(terms.data) == {"real", "synthetic"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"recipe": {"name": "as-run"}}, "recipe, name: asked for as-run, the study has ours"),
        ({"data": {"real": {"fingerprint": "cd"}}}, "data, real, fingerprint: asked for cd, the study has ab"),
        ({"weights": {"clipseg": "folder"}}, "weights, clipseg: asked for folder, the study has random"),
    ],
)
def test_what_cannot_be_compared_is_refused(paths: StudyPaths, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(OutputError, match=words):
        check_request(paths, replace(TERMS, **changed))


def test_a_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(OutputError, match=r"holds 'holiday\.jpg' and no study\.json"):
        check_request(StudyPaths(tmp_path), TERMS)
