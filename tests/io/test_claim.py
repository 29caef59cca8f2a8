from __future__ import annotations

from pathlib import Path

import pytest

from synthboost.errors import DataError, OutputError
from synthboost.io.lock import claim
from synthboost.io.typed_json import read_json

WANTED = {"seed": 3, "bounds": (0.5, 2.0)}


def claimed(out: Path, **changes: object) -> Path:
    claim(out / "made.json", {**WANTED, **changes})
    return out


def test_a_new_folder_is_claimed_and_the_same_call_finds_it_its_own(tmp_path: Path) -> None:
    out = claimed(claimed(tmp_path / "new"))
    assert read_json(out / "made.json") == {"seed": 3, "bounds": [0.5, 2.0]}


def test_another_call_is_refused_and_the_fields_that_differ_are_named(tmp_path: Path) -> None:
    out = claimed(tmp_path)
    with pytest.raises(
        OutputError,
        match=r"extra, seed: not as the folder was begun with: extra is None there and True now, "
        r"seed is 3 there and 4 now; expected what made\.json says",
    ):
        claimed(out, seed=4, extra=True)
    assert read_json(out / "made.json")["seed"] == 3


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("kept")
    with pytest.raises(
        OutputError, match=r"holds 'thesis.txt' and no made.json; .* or one that the same command began"
    ):
        claimed(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_hidden_files_such_as_locks_do_not_occupy_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    claimed(tmp_path)


def test_a_record_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "made.json").write_text("{half")
    with pytest.raises(DataError, match=r"made.json: file: .*a readable JSON file"):
        claimed(tmp_path)
