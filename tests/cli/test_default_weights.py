"""Verbs without a checkpoint: the weights that ship with the package, which the record names, or what to do without."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthboost.errors import CheckpointError
from synthboost.inference import doubts
from synthboost.inference.predictor import Predictor
from synthboost.models import registry
from synthboost.models.registry import load_segmenter, weights_fingerprint


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    grey = np.random.default_rng(0).integers(0, 255, (40, 30), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "echo.png")
    return tmp_path / "echo.png"


@pytest.fixture
def named(box: Path) -> str:
    """What records call the weights."""
    return f"textunet {weights_fingerprint(box)[:12]} (default)"


def test_a_picture_is_predicted_and_the_model_is_named(
    synthboost: Callable[..., Any], named: str, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubts, "reasons_against_heart", lambda image, probability: ())  # else noise has no vote
    answer = synthboost("predict", picture, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert answer.out.splitlines()[0] == f"model: {named}"
    assert json.loads((tmp_path / "out" / "predict.json").read_text())["model"] == named
    again = synthboost("predict", picture, "--checkpoint", "default", "--out", tmp_path / "out")
    assert "(1 of them before)" in again.out
    note = next(line for line in answer.err.splitlines() if "left and right" in line)
    assert note in again.err.splitlines()


def test_the_results_lie_beside_the_picture_where_no_folder_is_named(
    synthboost: Callable[..., Any], box: Path, picture: Path, tmp_path: Path
) -> None:
    assert synthboost("predict", picture).code == 0
    assert (tmp_path / "echo-predicted" / "echo" / "overlay.png").is_file()


def test_a_cold_start_loads_nothing_slow_that_a_picture_does_not_need(box: Path, picture: Path) -> None:
    slow = {
        "pandas",
        "nibabel",
        "accelerate",
        "transformers",
        "matplotlib",
        "num2words",
        "scipy.spatial",
        "scipy.stats",
    }
    program = f"""import sys
from synthboost.cli.main import main
main(["predict", {str(picture)!r}, "--checkpoint", {str(box)!r}])
sys.exit(" ".join({slow!r} & sys.modules.keys()) or 0)"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_a_run_in_the_working_folder_does_not_take_part(
    synthboost: Callable[..., Any], named: str, picture: Path, trained_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained_run)  # it holds `checkpoint/`
    answer = synthboost("predict", picture, "--out", picture.parent / "out")
    assert f"model: {named}" in answer.out


def test_a_data_set_is_evaluated_and_measured(
    synthboost: Callable[..., Any], named: str, simulated: Path, tmp_path: Path
) -> None:
    answer = synthboost("evaluate", "--data", simulated, "--out", tmp_path / "scores")
    assert answer.code == 0, answer.err
    spec = json.loads((tmp_path / "scores" / "spec.json").read_text())
    assert (spec["model"], spec["preset"], spec["weights"]) == ("textunet", "tiny", named)
    answer = synthboost("clinical", "--data", simulated, "--out", tmp_path / "measured")
    assert answer.code == 0, answer.err
    assert json.loads((tmp_path / "measured" / "agreement.json").read_text())["model"] == named


def test_images_are_annotated(synthboost: Callable[..., Any], named: str, simulated: Path, tmp_path: Path) -> None:
    answer = synthboost("pseudo-label", simulated, "--out", tmp_path / "pseudo", "--least-confidence", "0",
                        "--keep-implausible")  # fmt: skip
    assert answer.code == 0, answer.err
    assert any(named in path.read_text() for path in (tmp_path / "pseudo").glob("*.json"))


def test_training_starts_from_them(synthboost: Callable[..., Any], box: Path, simulated: Path, tmp_path: Path) -> None:
    options = ("--model", "textunet", "--weights", "default", "--epochs", 1, "--workers", 0, "--prompts", "P1")
    answer = synthboost("train", "--data", simulated, "--out", tmp_path / "runs", *options)
    assert answer.code == 0, answer.err
    (run,) = (tmp_path / "runs").glob("textunet-*")
    spec = json.loads((run / "spec.json").read_text())
    assert (spec["weights"], spec["preset"]) == (weights_fingerprint(box), "tiny")


def test_they_are_verified_by_their_name(synthboost: Callable[..., Any], box: Path) -> None:
    answer = synthboost("weights", "verify", "default")
    assert (answer.code, f"sha256: {weights_fingerprint(box)}" in answer.out) == (0, True)


def test_in_python_they_are_one_call(box: Path) -> None:
    image = np.zeros((50, 40), dtype=np.uint8)
    found, named = Predictor.default("cpu"), Predictor(load_segmenter(box), "cpu")
    one, other = (predictor.predict(image, ["Myocardium."]).probability for predictor in (found, named))
    np.testing.assert_array_equal(one, other)


def test_without_them_the_error_says_so_and_what_to_do(
    synthboost: Callable[..., Any], picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "BOX", tmp_path / "nothing")
    answer = synthboost("predict", picture, "--out", tmp_path / "out")
    assert answer.code == 2
    assert answer.err.endswith(
        "nothing: weights: absent; expected the weights that ship with the package. "
        "Install the package again, or name other weights, such as a run's folder.\n"
    )
    assert not (tmp_path / "out").exists()
    with pytest.raises(CheckpointError, match="expected the weights that ship"):
        Predictor.default()


def test_ctrl_c_closes_the_page_and_is_no_failure(
    synthboost: Callable[..., Any], box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Event) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("synthboost.app.server.serving", lambda *_: nullcontext("http://here"))
    monkeypatch.setattr(Event, "wait", interrupted)
    answer = synthboost("serve")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.endswith("at http://here  (Ctrl-C ends it)\n\nThe page is closed; nothing was stored.\n")
