"""`synthboost export`: what is refused before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_another_ending_and_no_sentence_are_refused(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    for out, sentences, reason in (("m.pt", ["The wall."], "ends in .onnx"), ("m.onnx", [], "one or more sentences")):
        answer = synthboost("export", "--checkpoint", trained_run, "--out", tmp_path / out, "--sentences", *sentences)
        assert answer.code == 2
        assert reason in answer.err
    assert not list(tmp_path.iterdir())


def test_files_that_are_there_are_left_alone(synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("mine")
    answer = synthboost("export", "--checkpoint", trained_run, "--out", tmp_path / "m.onnx")
    assert answer.code == 2
    assert "m.json: out: exists; expected a new file" in answer.err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"m.json": "mine"}
