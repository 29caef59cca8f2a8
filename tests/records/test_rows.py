"""Rows come back as they were written, whatever their cells hold; damaged files are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthboost.errors import DataError
from synthboost.io.tables import records_of
from synthboost.records.rows import Row, Status, read_rows, rows_frame, write_rows

ROW = Row(
    run="clipseg-real-P6-seed0-0123456789ab", model="clipseg", strategy="real", encoders="trained", prompt_set="P6",
    synthetic="diffusion", real_patients=None,
    paraphrase=1, sentence="Myocardium in two-chamber view, of the heart.", uses_ground_truth=True, probe="", seed=0,
    split="official", part="testing", domain="real", patient="camus-nifti/database_nifti/patient0001",
    frame="patient0001_2CH_ED", view="2CH", phase="ED", structure="MYO", quality=None, sex="F", age=None,
    ejection_fraction=None, grid="native", row_mm=0.308, column_mm=0.154, status=str(Status.OK), reason="",
    dice=0.1 + 0.2, iou=1e-300, nsd=0.0, nsd_tolerance_mm=2.0, hd95_mm=None, assd_mm=None, area_true_mm2=1 / 3,
    area_predicted_mm2=2.0,
)  # fmt: skip


def replace(row: Row, **changes: Any) -> Row:
    return cast(Row, {**row, **changes})


def round_trip(folder: Path, row: Row) -> Row:
    write_rows(folder / "rows.csv", rows_frame([row]))
    (back,) = records_of(Row, read_rows(folder / "rows.csv"))
    return back


def test_a_row_comes_back_with_every_digit_and_unknowns_as_none(tmp_path: Path) -> None:
    back = round_trip(tmp_path, ROW)
    assert back == ROW
    assert (back["dice"], back["quality"], back["age"], back["uses_ground_truth"]) == (
        0.30000000000000004,
        None,
        None,
        True,
    )


def test_what_nobody_recorded_of_a_published_score_stays_unknown(tmp_path: Path) -> None:
    unknown = replace(ROW, seed=None, paraphrase=None, row_mm=None, column_mm=None, nsd=None, nsd_tolerance_mm=None)
    assert round_trip(tmp_path, unknown) == unknown


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_numpys_numbers_come_back_as_plain_ones(tmp_path: Path, kind: type[Any]) -> None:
    back = round_trip(tmp_path, replace(ROW, dice=kind(0.1), age=np.int64(57)))
    assert back["dice"] == float(kind(0.1))
    assert (type(back["dice"]), back["age"], type(back["age"])) == (float, 57, int)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "'=1", "'", "''", "a\rb", 'say "a", b\nc'])
def test_a_sentence_that_looks_like_a_formula_is_disarmed_and_comes_back(tmp_path: Path, text: str) -> None:
    assert round_trip(tmp_path, replace(ROW, sentence=text))["sentence"] == text
    cells = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()[1]
    assert f",{text}," not in cells


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12), min_size=5))
@settings(max_examples=20)
def test_any_sentence_comes_back(tmp_path_factory: pytest.TempPathFactory, sentences: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.csv"
    write_rows(path, rows_frame([replace(ROW, sentence=sentence) for sentence in sentences]))
    assert [row["sentence"] for row in records_of(Row, read_rows(path))] == sentences


def test_nan_is_not_written_since_an_absent_score_is_none(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="None"):
        write_rows(tmp_path / "rows.csv", rows_frame([replace(ROW, dice=float("nan"))]))
    assert not list(tmp_path.iterdir())


def test_no_rows_are_a_file_with_a_header_only(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.csv", rows_frame([]))
    assert (tmp_path / "rows.csv").read_text() == ",".join(Row.__annotations__) + "\n"
    assert read_rows(tmp_path / "rows.csv").empty


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.csv: file: .*No such file"):
        read_rows(tmp_path / "rows.csv")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dice,", "dise,", r"columns: \['dice', 'dise'\]"),
        ("0.30000000000000004", "0,30000000000000004", r"rows\.csv:2: cells: too many"),
        (",2.0\n", "\n", r"rows\.csv:2: cells: too many or too few"),
        ("0.30000000000000004", "nan", r"rows\.csv:2: dice: 'nan'; expected a value of type float"),
        ("0.30000000000000004", "high", r"rows\.csv:2: dice: 'high'"),
        (",True,", ",yes,", r"rows\.csv:2: uses_ground_truth: 'yes'"),
        (",True,", ",,", r"rows\.csv:2: uses_ground_truth: ''; expected a value of type bool"),
    ],
)
def test_a_damaged_line_is_refused_and_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "rows.csv"
    write_rows(path, rows_frame([ROW]))
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=message):
        read_rows(path)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("dice", 7.5, "a number from 0 to 1"),
        ("dice", -0.1, "a number from 0 to 1"),
        ("iou", float("inf"), "a value of type float"),
        ("nsd", 1.001, "a number from 0 to 1"),
        ("hd95_mm", -1.0, "a number from 0 on"),
        ("assd_mm", float("inf"), "a value of type float"),
        ("area_true_mm2", -3.0, "a number from 0 on"),
        ("area_predicted_mm2", -3.0, "a number from 0 on"),
        ("row_mm", -0.3, "a number from 0 on"),
        ("real_patients", -1, "a number from 0 on"),
        ("age", 900, "a number from 0 to 120"),
        ("ejection_fraction", 900.0, "a number from 0 to 100"),
        ("structure", "XYZ", "one of LV, MYO, LA"),
        ("view", "3CH", "one of 2CH, 4CH"),
        ("phase", "EDES", "one of ED, ES"),
        ("domain", "moon", "one of real, "),
        ("quality", "Bad", "one of Good, "),
        ("sex", "x", "one of "),
        ("status", "fine", "one of ok, tiny"),
    ],
)
def test_what_no_scoring_gives_is_refused_with_file_line_column_and_value(
    tmp_path: Path, column: str, value: Any, expected: str
) -> None:
    path = tmp_path / "rows.csv"
    write_rows(path, rows_frame([ROW, replace(ROW, **{column: value})]))
    with pytest.raises(DataError, match=rf"rows\.csv:3: {column}: '{value}'; expected {expected}"):
        read_rows(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"<html>404</html>", b"PK\x03\x04"])
def test_something_else_than_rows_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"rows\.csv"):
        read_rows(tmp_path / "rows.csv")
