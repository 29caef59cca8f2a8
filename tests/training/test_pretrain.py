"""Pretraining: weights with their whole story beside them, and none of it about a patient."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import synthboost
from synthboost.data.simulated_set import GENERATOR_VERSION
from synthboost.errors import CheckpointError, ConfigError, OutputError
from synthboost.io.typed_json import read_record
from synthboost.models.registry import build_segmenter, load_segmenter, weights_fingerprint
from synthboost.models.textunet.settings import PRESETS, TextUNetSettings
from synthboost.models.weights_folder import read_card
from synthboost.simulator.priors import PriorName
from synthboost.training import pretrain as pretraining
from synthboost.training import recipe
from synthboost.training.config import PretrainSettings
from synthboost.training.packaging import story_of
from synthboost.training.pretrain import PretrainingRecord, pretrain
from synthboost.training.recipe import _Fit

SETTINGS = PretrainSettings(prior=(PriorName.LITERATURE, PriorName.CAMUS), steps=3, seed=1, preset="tiny", batch=2)


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    tiny = TextUNetSettings(input_size=32, widths=(4, 6, 8), text_width=8, text_layers=1, scales=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "tiny", tiny)
        patch.setattr(pretraining, "HELD_OUT_PATIENTS", 1)
        yield


@pytest.fixture(scope="module")
def finished(small: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[PretrainingRecord, Path]:
    """What one undisturbed pretraining answers, and the folder that it left."""
    out = tmp_path_factory.mktemp("pretraining") / "out"
    return pretrain(SETTINGS, out, workers=0), out


@pytest.fixture
def copied(finished: tuple[PretrainingRecord, Path], tmp_path: Path) -> tuple[PretrainingRecord, Path]:
    """The same, the folder one that may be changed."""
    record, out = finished
    return record, shutil.copytree(out, tmp_path / "copied")


def test_the_record_tells_the_whole_story(finished: tuple[PretrainingRecord, Path]) -> None:
    record, out = finished
    folder = out / "checkpoint"
    assert read_record(folder / "training.json", PretrainingRecord) == replace(
        record,
        **{
            name: getattr(read_record(folder / "training.json", PretrainingRecord), name)
            for name in ("simulation", "architecture")
        },
    )
    assert record.trained_on == "simulated frames alone"
    assert record.command == "synthboost pretrain --out FOLDER --prior literature camus --steps 3 --seed 1"
    assert [(one["prior"], one["appearance"], one["seed"]) for one in record.simulation] == [
        (prior, look, 1) for prior in ("literature", "camus") for look in ("clinical", "clinical", "wild")
    ]
    assert (record.simulator_version, record.versions["synthboost"]) == (GENERATOR_VERSION, synthboost.__version__)
    assert (record.patients, record.frames, record.shown, record.batch) == (4, 16, 2, 2)
    assert record.recipe["steps"] == 3
    assert set(record.held_out_dice) == {"LV", "MYO", "LA"}
    assert record.wall_seconds > 0
    assert record.weights_sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert load_segmenter(folder).name == "textunet"
    assert read_card(folder) is not None
    assert sorted(path.name for path in out.iterdir()) == [
        "DONE", "checkpoint", "log.csv", "pretraining.json",
    ]  # fmt: skip


def test_given_weights_are_trained_further_but_for_their_text_encoder_and_are_not_packed(tmp_path: Path) -> None:
    before = build_segmenter("textunet", "tiny", 5)
    before.save_pretrained(tmp_path / "given")
    record = pretrain(replace(SETTINGS, weights=str(tmp_path / "given")), tmp_path / "out", workers=0)
    given = weights_fingerprint(tmp_path / "given")[:12]
    assert record.trained_on == f"what textunet {given} was trained on, then simulated frames"
    assert record.command.endswith(f" --seed 1 --weights {tmp_path / 'given'}")
    assert (record.preset, record.recipe["learning_rate"]) == ("tiny", pretraining.RATE)
    after = load_segmenter(tmp_path / "out" / "checkpoint")
    groups, moved = before.parameter_groups(), after.parameter_groups()
    assert all(map(torch.equal, groups["text"], moved["text"]))
    assert not any(map(torch.equal, groups["vision"], moved["vision"]))
    with pytest.raises(CheckpointError, match="may be given to anybody"):
        story_of(tmp_path / "out" / "checkpoint")
    other = build_segmenter("textunet", "tiny", 6)
    other.save_pretrained(tmp_path / "given")
    with pytest.raises(OutputError, match="began_with"):
        pretrain(replace(SETTINGS, weights=str(tmp_path / "given")), tmp_path / "out", workers=0)


def test_a_finished_one_is_returned_at_once(
    copied: tuple[PretrainingRecord, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    record, out = copied
    monkeypatch.setattr(pretraining, "fit", None)
    (out / "state").mkdir()  # a kill between the two last steps
    assert pretrain(SETTINGS, out, workers=0).weights_sha256 == record.weights_sha256
    assert not (out / "state").exists()


def test_killed_it_resumes_to_the_same_weights(
    finished: tuple[PretrainingRecord, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm, _ = finished
    monkeypatch.setattr(recipe, "SAVE_SECONDS", 0.0)
    step = _Fit.take_step
    with monkeypatch.context() as patch:
        patch.setattr(_Fit, "take_step", lambda self, batch: step(self, batch) if self.step < 2 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pretrain(SETTINGS, tmp_path, workers=0)
    assert pretrain(SETTINGS, tmp_path, workers=0).weights_sha256 == calm.weights_sha256


def test_a_folder_of_other_settings_is_refused_and_left_alone(copied: tuple[PretrainingRecord, Path]) -> None:
    record, out = copied
    with pytest.raises(OutputError, match="seed is 1 there and 2 now"):
        pretrain(replace(SETTINGS, seed=2), out, workers=0)
    assert pretrain(SETTINGS, out, workers=0).weights_sha256 == record.weights_sha256


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("seed", -1), ("batch", 0), ("prior", ()), ("prior", (PriorName.CAMUS, PriorName.CAMUS))],
)
def test_settings_that_cannot_work_are_refused(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"options: {field}: "):
        replace(SETTINGS, **{field: value})


def test_an_unknown_preset_and_a_negative_number_of_processes_are_refused_before_anything(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tiny, base"):
        replace(SETTINGS, preset="huge")
    with pytest.raises(ConfigError, match="workers: -1"):
        pretrain(SETTINGS, tmp_path / "out", workers=-1)
    assert not (tmp_path / "out").exists()
