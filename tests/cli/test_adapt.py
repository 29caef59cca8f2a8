"""`synthboost adapt` refuses what cannot work, and prints how the weights did before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from synthboost.adaptation import adapt as adaptation
from synthboost.data import open_dataset
from synthboost.data.source import Source
from synthboost.training import simulated_stream


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation, "LEAST_STEPS", 1)
    monkeypatch.setattr(adaptation, "STEPS_PER_FRAME", 0)
    monkeypatch.setattr(simulated_stream, "WINDOW_BATCHES", 1)
    monkeypatch.setattr(adaptation, "rendering_workers", lambda: 0)


def test_the_default_weights_are_adapted_and_what_comes_out_predicts(
    synthboost: Callable[..., object], simulated: Path, box: Path, tmp_path: Path
) -> None:
    answer = synthboost("adapt", simulated, "--out", tmp_path / "model")
    assert answer.code == 0, answer.err
    assert "Dice on 1 patient held out, %\n" in answer.out
    assert "LV       MYO        LA      mean\n" in answer.out
    assert f"weights: {tmp_path / 'model' / 'checkpoint'}\n" in answer.out
    assert answer.out.count("  kept\n") == 1
    again = synthboost("adapt", simulated, "--out", tmp_path / "model")
    assert again.out == answer.out
    image = tmp_path / "heart.png"
    dataset = open_dataset(simulated)
    Image.fromarray(dataset.load(dataset.frames[0]).image).save(image)
    predict = ("predict", image, "--checkpoint", tmp_path / "model", "--out", tmp_path / "masks")
    assert synthboost(*predict).code == 0


@pytest.mark.usefixtures("box")
def test_a_plain_folder_of_pictures_is_enough(
    synthboost: Callable[..., object], simulated: Path, tmp_path: Path
) -> None:
    dataset = open_dataset(simulated)
    (tmp_path / "pictures").mkdir()
    for number, info in enumerate(dataset.frames[::4]):
        Image.fromarray(dataset.load(info).image).save(tmp_path / "pictures" / f"person{number}_4CH_ED.png")
    said = ("--pictures", "spacing-mm=1.5")
    answer = synthboost("adapt", tmp_path / "pictures", "--out", tmp_path / "model", *said)
    assert answer.code == 0, answer.err
    assert "share of plausible predictions on 1 patient held out, %\n" in answer.out


@pytest.mark.usefixtures("box")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--patients", "-1"], "--patients: -1; expected zero or more"),
        (["--patients", "2"], "--patients: 2; expected 0 to 1"),
        (["--seed", "-1"], "--seed: -1; expected zero or more"),
        (["--checkpoint", "missing"], "missing: folder: absent"),
        (["--pictures", "spacing-mm=1"], "none of them for a data set"),
    ],
)
def test_what_cannot_work_is_refused_before_anything(
    synthboost: Callable[..., object], simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    options: list[str], words: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(Source, "check_images", lambda self: pytest.fail("reads images"))
    answer = synthboost("adapt", simulated, "--out", tmp_path / "model", *options)
    assert answer.code == 2
    assert words in answer.err
    assert not (tmp_path / "model").exists()
