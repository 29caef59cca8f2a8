"""Dataclasses as JSON: nothing is lost, and what does not fit is named with file, field, value and expectation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from json_records import Inner, Outer

from synthboost.domain import PromptSet
from synthboost.errors import DataError
from synthboost.io.typed_json import read_json, read_record, to_json, write_record

VALUE = Outer("Zoë", 3, False, (PromptSet.P1,), {"x": Inner(0.1 + 0.2, (2, 3)), "y": Inner(1)}, "b", Path("a/b"))


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    write_record(tmp_path / "x.json", VALUE)
    assert read_record(tmp_path / "x.json", Outer) == VALUE


def test_what_is_absent_by_default_is_not_written() -> None:
    assert to_json(VALUE)["inner"] == {"x": {"share": 0.1 + 0.2, "grid": [2, 3]}, "y": {"share": 1}}
    assert "anything" not in to_json(VALUE)
    assert to_json(replace(VALUE, anything=0))["anything"] == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"count": 1.5}, "count: 1.5; expected a whole number"),
        ({"count": True}, "count: true; expected a whole number"),
        ({"is_new": 1}, "is_new: 1; expected true or false"),
        ({"name": None}, "name: null; expected text"),
        ({"prompts": ["P1", "P99"]}, 'prompts[1]: "P99"; expected one of P0'),
        ({"prompts": "P1"}, 'prompts: "P1"; expected a list of one of P0'),
        ({"inner": {"x": {"share": "half"}}}, 'inner.x.share: "half"; expected a number'),
        ({"inner": {"x": {"share": 1, "grid": [1]}}}, "inner.x.grid: [1]; expected a list of a whole number"),
        ({"inner": {"x": {}}}, "inner.x.share: absent; expected a number"),
        ({"inner": []}, "inner: []; expected a JSON object"),
        ({"kind": "c"}, 'kind: "c"; expected one of a, b'),
        ({"strange": 1}, "strange: 1; expected one of name, count"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**to_json(VALUE), **change}))
    with pytest.raises(DataError) as error:
        read_record(path, Outer)
    assert f"{path}: {words}" in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[1]", b"\xff\xfe", b"", b"null", b'{"a":' * 100_000, b"[" * 100_000, b'{"a": 1e999}', b'{"a": NaN}',
     b'{"a": -Infinity}', b'{"a": ' + b"9" * 5000 + b"}"],
    ids=range(11),
)  # fmt: skip
def test_json_that_is_no_object_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "spec.json").write_bytes(content)
    with pytest.raises(DataError, match=r"spec\.json"):
        read_json(tmp_path / "spec.json")
