"""Examples come back pixel for pixel, and no file can smuggle an object in."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthboost.domain import Structure
from synthboost.errors import DataError
from synthboost.records.examples import Example, read_examples, write_examples

LV, MYO = Structure.LEFT_VENTRICULAR_CAVITY, Structure.MYOCARDIUM


def example() -> Example:
    true = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    return Example(
        frame="patient0001_2CH_ED",
        note="worst",
        image=np.arange(6, dtype=np.uint8).reshape(2, 3),
        true=true,
        predicted={LV: true == 1, MYO: true > 0},
        sentences={LV: "Left ventricular cavity of the heart.", MYO: "Müller's “muscle”."},
        dice={LV: 1.0, MYO: 2 / 3},
        spacing_mm=(0.308, 0.154),
    )


def test_an_example_comes_back_as_it_was(tmp_path: Path) -> None:
    write_examples(tmp_path / "examples.npz", [example(), example()])
    _, back = read_examples(tmp_path / "examples.npz")
    was = example()
    assert (back.frame, back.note, back.sentences, back.dice, back.spacing_mm) == (
        was.frame, was.note, was.sentences, was.dice, was.spacing_mm,
    )  # fmt: skip
    np.testing.assert_array_equal(back.image, was.image)
    np.testing.assert_array_equal(back.true, was.true)
    assert {s: m.tolist() for s, m in back.predicted.items()} == {s: m.tolist() for s, m in was.predicted.items()}
    assert back.image.dtype == np.uint8
    assert back.predicted[LV].dtype == np.bool_


def test_no_example_is_an_empty_list(tmp_path: Path) -> None:
    write_examples(tmp_path / "examples.npz", [])
    assert read_examples(tmp_path / "examples.npz") == []


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x93NUMPY\x01\x00", b"PK\x03\x04 and no more"])
def test_something_else_than_examples_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "examples.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"examples\.npz"):
        read_examples(tmp_path / "examples.npz")


def test_a_truncated_or_changed_file_is_refused_wherever_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "examples.npz"
    write_examples(path, [example()])
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"examples\.npz"):
            read_examples(path)


def test_a_pickled_object_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "examples.npz", texts=np.array([{"frame": "x"}], dtype=object))
    with pytest.raises(DataError, match=r"examples\.npz"):
        read_examples(tmp_path / "examples.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"image": np.zeros((4, 5), np.uint8)},
        {"true": np.full((4, 6), 4, np.uint8)},
        {"predicted": {Structure.MYOCARDIUM: np.ones((4, 6), np.uint8)}},
        {"dice": {Structure.MYOCARDIUM: 7.5}},
        {"spacing_mm": (0.3, -1.0)},
        {"spacing_mm": (0.3, float("inf"))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_parts_that_do_not_fit_together_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    mask = np.ones((4, 6), np.bool_)
    sound = Example(
        "a", "best", np.zeros((4, 6), np.uint8), np.zeros((4, 6), np.uint8), {Structure.MYOCARDIUM: mask},
        {Structure.MYOCARDIUM: "x"}, {Structure.MYOCARDIUM: 0.5}, (0.3, 0.3),
    )  # fmt: skip
    write_examples(tmp_path / "examples.npz", [sound])
    assert len(read_examples(tmp_path / "examples.npz")) == 1
    write_examples(tmp_path / "examples.npz", [sound, replace(sound, **change)])
    with pytest.raises(DataError, match="example 1: does not fit together"):
        read_examples(tmp_path / "examples.npz")


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_before(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "examples.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x", "w") as x:
        for _ in range(201):
            x.write(bytes(2**20))
    with pytest.raises(DataError, match="size: 210,763,776 bytes"):
        read_examples(tmp_path / "examples.npz")
