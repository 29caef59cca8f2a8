"""Weights as they ship: half precision, calibrated without moving a mask, with record and card."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from synthboost.cli.main import parse
from synthboost.errors import CheckpointError, SynthboostError
from synthboost.inference.predictor import Predictor
from synthboost.models.registry import build_segmenter, load_segmenter
from synthboost.models.textunet.model import NAMES, TextUNet
from synthboost.models.weights_folder import TRAINING_FILE, WEIGHTS_FILE, file_sha256, read_card
from synthboost.simulator.settings import SimulationSettings
from synthboost.training.packaging import pack, soften, temperature_of

SIMULATION = {"prior": "literature", "appearance": "wild", "seed": 3, "size": 48}


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """What a pretraining leaves, with random weights."""
    folder = tmp_path / "trained" / "checkpoint"
    build_segmenter("textunet", "tiny").save_pretrained(folder)
    record = {
        "trained_on": "simulated frames alone", "command": "synthboost pretrain --out FOLDER", "model": "textunet",
        "preset": "tiny", "architecture": {},
        "simulation": [{**SimulationSettings().to_json(), **SIMULATION}], "simulator_version": "1",
        "patients": 8, "frames": 32, "shown": 1, "batch": 4, "recipe": {"steps": 8, "seed": 0},
        "held_out_dice": {"LV": 0.5}, "held_out_patients": 1, "versions": {"torch": "2.10"}, "device": "CPU",
        "precision": "no", "workers": 0, "threads": 1, "wall_seconds": 60.0,
        "weights_sha256": file_sha256(folder / WEIGHTS_FILE),
    }  # fmt: skip
    (folder / TRAINING_FILE).write_text(json.dumps(record))
    return folder.parent


def test_what_ships_is_half_as_large_sound_and_computes_in_full_precision(trained: Path, tmp_path: Path) -> None:
    packaging = pack(trained, tmp_path / "box", patients=1)
    assert {path.name for path in (tmp_path / "box").iterdir()} == {
        "model.safetensors", "synthboost.json", "training.json", "MODEL_CARD.md",
    }  # fmt: skip
    stored = load_file(tmp_path / "box" / WEIGHTS_FILE)
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    model = load_segmenter(tmp_path / "box")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert read_card(tmp_path / "box", verify=True) is not None
    record = json.loads((tmp_path / "box" / TRAINING_FILE).read_text())
    assert record["packaging"] == vars(packaging)
    assert packaging.source_sha256 == file_sha256(trained / "checkpoint" / WEIGHTS_FILE)
    assert record["weights_sha256"] == file_sha256(tmp_path / "box" / WEIGHTS_FILE)
    assert packaging.likelihood_after <= packaging.likelihood_before
    card = (tmp_path / "box" / "MODEL_CARD.md").read_text()
    assert "Trained on simulated frames alone: 32 frames of 8 simulated patients" in card
    assert "license: mit" in card


def test_the_command_packs_and_says_the_temperature(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pack, "__defaults__", (1,))
    parse(["weights", "convert", str(trained), "--out", str(tmp_path / "box")]).run()
    said = capsys.readouterr().out
    assert said.startswith("temperature: ")
    assert "found on 4 simulated frames" in said


def test_weights_of_unknown_origin_and_of_another_model_are_refused(trained: Path, tmp_path: Path) -> None:
    (trained / "checkpoint" / TRAINING_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"training\.json: absent"):
        pack(trained, tmp_path / "box")
    build_segmenter("unet", "tiny").save_pretrained(tmp_path / "unet")
    with pytest.raises(CheckpointError, match="another architecture"):
        pack(tmp_path / "unet", tmp_path / "box")
    assert not (tmp_path / "box").exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("weights_sha256", "0" * 64, "weights_sha256: 0{16}; expected that of the weights beside it"),
        ("simulation", [], "simulation: none"),
        ("simulation", [3], r"simulation\[0\]: 3"),
        ("simulation", [{"prior": "nobody"}], "nobody"),
        ("recipe", None, "recipe: null"),
        ("packaging", {"temperature": 2.0}, "packaging: "),
    ],
)
def test_a_story_that_is_not_that_of_the_weights_or_is_damaged_is_refused(
    trained: Path, tmp_path: Path, field: str, value: object, words: str
) -> None:
    place = trained / "checkpoint" / TRAINING_FILE
    place.write_text(json.dumps({**json.loads(place.read_text()), field: value}))
    with pytest.raises(SynthboostError, match=words):
        pack(trained, tmp_path / "box", patients=1)
    assert not (tmp_path / "box").exists()


def test_the_temperature_of_probabilities_that_are_too_sure_is_found() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 4, generator=generator)
    drawn = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    targets = torch.nn.functional.one_hot(drawn, 4).float()
    assert temperature_of(3 * logits, targets) == pytest.approx(3, rel=0.05)


def test_softer_weights_divide_every_logit_and_move_no_mask() -> None:
    model = build_segmenter("textunet", "tiny")
    assert isinstance(model, TextUNet)
    with torch.no_grad():
        model.network.naming.bias[0] = -20  # all sentences name a structure
    image = np.random.default_rng(0).integers(0, 256, (60, 50), dtype=np.uint8)
    before = Predictor(model, "cpu").predict(image, NAMES).probability
    soften(model, 2.0)
    after = Predictor(model, "cpu").predict(image, NAMES).probability
    np.testing.assert_allclose(np.log(after / (1 - after)), np.log(before / (1 - before)) / 2, atol=1e-4)
    np.testing.assert_array_equal(after > 0.5, before > 0.5)
