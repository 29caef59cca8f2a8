"""The examples run one after the other, with small sizes, and print what they did."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image
from smallest_models import SETTINGS

from synthboost.models.catalogue import MODELS

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


def test_the_method_in_one_file_trains_three_strategies_and_compares_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(MODELS["cris"].presets, "tiny", SETTINGS["cris tiny"])
    less = ("--epochs", "1", "--patients", "2", "--pretrain-on", "4", "--size", "64")
    said = _run("00_the_method.py", monkeypatch, capsys, *less)
    assert "P1: Left ventricular cavity of the heart." in said
    for strategy in ("real", "synthetic", "synth-PT:real-FT"):
        assert f"\n{strategy}: Dice " in said
    assert said.count("over 24 pairs of 2 patients") == 3
    assert "pretraining changes mean Dice by " in said
    assert len(list(Path("method/runs").glob("*/DONE"))) == 3, (
        "the synthetic run is trained once, for itself and the next"
    )
    assert Path("method/patient0010_4CH_ES.png").is_file()


def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = json.loads((EXAMPLES / "first_masks.ipynb").read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells), "saved without outputs"
    names: dict[str, object] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    said = capsys.readouterr().out
    assert [float(dice) > 70 for dice in re.findall(r"Dice (\S+) %", said)] == [True] * 3
    assert "refused: ('the liver',)\npixels: [0, " in said
    assert "noise ('no sector with the probe on top" in said


def test_every_example_is_run_here_and_short() -> None:
    lines = {path.name: len(path.read_text().splitlines()) for path in sorted(EXAMPLES.glob("*.py"))}
    method, *others = lines
    assert others == ["01_simulate_and_look.py", "02_train_tiny.py", "03_predict_with_sentences.py"]
    assert (method, lines[method] <= 120) == ("00_the_method.py", True)
    assert max(lines[name] for name in others) <= 40
