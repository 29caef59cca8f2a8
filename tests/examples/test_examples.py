"""The examples run one after the other, with small sizes, and print what they did."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


def _run(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def test_the_three_examples_follow_on_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    said = _run("01_simulate_and_look.py", monkeypatch, capsys, "--patients", "3", "--size", "64")
    assert "12 simulated frames of 3 patients" in said
    with Image.open("example/patient0001_2CH_ED.png") as drawn:
        assert drawn.mode == "RGB"

    said = _run("02_train_tiny.py", monkeypatch, capsys, "--epochs", "1")
    assert "epoch 1: training loss" in said
    assert "over 12 pairs of 1 patient " in said

    said = _run("03_predict_with_sentences.py", monkeypatch, capsys)
    assert said.count("of patient0003_4CH_ES: ") == 3
    assert Path("example/patient0003_4CH_ES_predicted.png").is_file()


def test_every_example_is_run_here_and_short() -> None:
    names = sorted(path.name for path in EXAMPLES.glob("*.py"))
    assert names == ["01_simulate_and_look.py", "02_train_tiny.py", "03_predict_with_sentences.py"]
    assert max(len((EXAMPLES / name).read_text().splitlines()) for name in names) <= 40
