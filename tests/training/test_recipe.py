"""The recipe learns, resumes to the same bits after a kill at any step, and leaves averaged weights."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthboost.errors import CheckpointError, ConfigError, TrainingError
from synthboost.models.registry import load_segmenter
from synthboost.models.textunet.model import NAMES, TextUNet
from synthboost.models.textunet.settings import TextUNetSettings
from synthboost.training import recipe, sentences_of_batch
from synthboost.training.engine import Engine
from synthboost.training.frame_stream import FrameBatch
from synthboost.training.recipe import RecipeSettings, dice_of, encode_by_length, fit

SMALL = TextUNetSettings(input_size=32, widths=(8, 12, 16), text_width=32, text_layers=2, scales=2)
QUICK = RecipeSettings(steps=6, log_every=4, precision="no", threads=1)


def make_model() -> TextUNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TextUNet(SMALL).eval()


def frames_of(step: int, batch: int = 2) -> FrameBatch:
    """Three bright squares, one of each structure, at places that the step decides."""
    rng = np.random.default_rng(step)
    labels = np.zeros((batch, 32, 32), np.uint8)
    for one in labels:
        for structure in (1, 2, 3):
            row, column = rng.integers(0, 22, 2)
            one[row : row + 10, column : column + 10] = structure
    noise = rng.integers(0, 20, labels.shape)
    return FrameBatch((labels * 70 + noise).astype(np.uint8), labels)


def stream(step: int) -> Generator[FrameBatch, None, None]:
    while True:
        yield frames_of(step)
        step += 1


class Killed(Exception):
    pass


def dying_at(last: int) -> Any:
    def batches(step: int) -> Generator[FrameBatch, None, None]:
        for number, batch in enumerate(stream(step), start=step):
            if number == last:
                raise Killed
            yield batch

    return batches


def weights(model: TextUNet) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(first[name].equal(second[name]) for name in first)


@pytest.mark.parametrize("last", [1, 4, 5])
def test_a_killed_training_resumes_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    held_out = frames_of(99, 3)
    calm, killed = make_model(), make_model()
    log = fit(calm, stream, QUICK, tmp_path / "calm", held_out)
    monkeypatch.setattr(recipe, "SAVE_SECONDS", 0.0)
    with pytest.raises(Killed):
        fit(killed, dying_at(last), QUICK, tmp_path / "killed", held_out)
    again = make_model()
    resumed = fit(again, stream, QUICK, tmp_path / "killed", held_out)
    assert equal(weights(calm), weights(again))
    assert [replace(line, seconds=0.0) for line in resumed] == [replace(line, seconds=0.0) for line in log]
    assert [line.step for line in log] == [4, 6]


def test_the_folder_holds_the_averaged_weights_and_the_log(tmp_path: Path) -> None:
    model, held_out = make_model(), frames_of(99, 3)
    before = weights(model)
    log = fit(model, stream, QUICK, tmp_path, held_out)
    loaded = load_segmenter(tmp_path)
    assert isinstance(loaded, TextUNet)
    assert equal(weights(loaded), weights(model))
    assert not equal(before, weights(model))
    assert not model.training
    assert dice_of(model, held_out) == pytest.approx((log[-1].dice_lv, log[-1].dice_myo, log[-1].dice_la), abs=6e-5)
    header = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "step,loss,learning_rate,seconds,dice_lv,dice_myo,dice_la"


def test_validation_frames_change_nothing(tmp_path: Path) -> None:
    with_frames, without = make_model(), make_model()
    fit(with_frames, stream, QUICK, tmp_path / "with", frames_of(99))
    log = fit(without, stream, QUICK, tmp_path / "without")
    assert equal(weights(with_frames), weights(without))
    assert log[-1].dice is None


def test_seeds_give_other_weights(tmp_path: Path) -> None:
    models = [make_model(), make_model()]
    for seed, model in enumerate(models):
        fit(model, stream, replace(QUICK, seed=seed), tmp_path / str(seed))
    assert not equal(weights(models[0]), weights(models[1]))


def test_it_learns_where_structures_are_and_what_sentences_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentences_of_batch, "PAPER_SHARE", 1.0)
    model, held_out = make_model(), frames_of(99, 8)
    log = fit(model, stream, replace(QUICK, steps=80, log_every=40, augmentation=0.1), tmp_path, held_out)
    assert log[-1].loss < log[0].loss - 0.3
    assert log[-1].dice is not None
    assert log[-1].dice > 0.6
    with torch.no_grad():
        named = model.structure_logits(model.encode_text(model.tokenize(NAMES)))
    assert named.argmax(1).tolist() == [1, 2, 3]


def test_sentences_that_are_encoded_by_length_come_back_in_order() -> None:
    model = make_model()
    sentences = ["Myocardium of the heart in a long sentence.", "LV", "", "left atrium", "MYO"]
    with torch.no_grad():
        alone = torch.cat([model.encode_text(model.tokenize([sentence]))[0] for sentence in sentences])
        torch.testing.assert_close(encode_by_length(model, sentences, parts=2)[0], alone)
        torch.testing.assert_close(encode_by_length(model, sentences, parts=9)[0], alone)


def test_a_loss_that_is_not_finite_ends_it_and_keeps_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "SAVE_SECONDS", 0.0)
    step = Engine.step

    def broken(self: Engine, loss: torch.Tensor, *rest: Any) -> float:
        return step(self, loss * float("nan") if len(list((tmp_path / "state").glob("*"))) else loss, *rest)

    monkeypatch.setattr(Engine, "step", broken)
    with pytest.raises(TrainingError, match="loss: nan.*At step 2"):
        fit(make_model(), stream, QUICK, tmp_path)
    assert (tmp_path / "state").is_dir()


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    fit(make_model(), stream, QUICK, tmp_path)
    with pytest.raises(CheckpointError, match="state: .*as it was left"):
        fit(TextUNet(replace(SMALL, text_width=24)), stream, QUICK, tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("log_every", 0), ("seed", -1), ("learning_rate", 0.0), ("augmentation", 2.5), ("threads", 0)],
)
def test_settings_that_cannot_work_are_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"options: {field}: "):
        replace(QUICK, **{field: value})
