"""The weights that ship: where they come from, what lies beside them, and that an installation carries them."""

from __future__ import annotations

import json
import tomllib
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path

import pytest

from synthboost.models.registry import BOX

ROOT = Path(__file__).parents[1]
SCORES = ROOT / "docs" / "box-scores.json"
MOST_BYTES = 8_000_000
FILES = {"model.safetensors", "synthboost.json", "training.json", "MODEL_CARD.md"}
ships = pytest.mark.skipif(not (BOX / "model.safetensors").is_file(), reason="no weights ship yet")


def test_an_installation_carries_the_folder_of_the_weights() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["synthboost"]
    folder = BOX.relative_to(BOX.parents[1])
    for name in FILES:
        assert any(fnmatch((folder / name).as_posix(), rule) for rule in rules), name


@ships
def test_nothing_but_the_weights_and_what_is_said_of_them_lies_in_the_folder() -> None:
    found = resources.files("synthboost") / "weights" / "default"
    assert {entry.name for entry in found.iterdir()} == FILES
    assert sum(path.stat().st_size for path in BOX.iterdir()) <= MOST_BYTES


@ships
def test_they_are_sound_and_in_half_precision() -> None:
    import torch
    from safetensors.torch import load_file

    from synthboost.models.registry import load_segmenter
    from synthboost.models.weights_folder import read_card

    card = read_card(BOX)  # compares every checksum
    assert card is not None
    assert (card.model, set(card.files)) == ("textunet", {"model.safetensors"})
    assert {tensor.dtype for tensor in load_file(BOX / "model.safetensors").values()} == {torch.float16}
    assert {parameter.dtype for parameter in load_segmenter("default").parameters()} == {torch.float32}


@ships
def test_they_were_trained_on_simulated_frames_alone() -> None:
    from synthboost.models.weights_folder import file_sha256
    from synthboost.training.pretrain import TRAINED_ON

    record = json.loads((BOX / "training.json").read_text())
    assert record["trained_on"] == TRAINED_ON == "simulated frames alone"
    assert record["command"].startswith("synthboost pretrain ")
    assert record["weights_sha256"] == file_sha256(BOX / "model.safetensors")
    assert record["simulation"]
    for settings in record["simulation"]:
        assert settings["prior"] == "literature"  # hearts that nobody annotated
        assert settings["calibration"] == {}  # shifted towards nobody's images
    assert record["packaging"]["precision"] == "float16"
    assert record["packaging"]["frames"] > 0
    assert record["recipe"]["steps"] > 0


@ships
def test_the_card_says_what_the_record_and_the_scores_say() -> None:
    from synthboost.models.registry import weights_fingerprint
    from synthboost.reports.box_card import box_card

    training, tables = json.loads((BOX / "training.json").read_text()), None
    if SCORES.is_file():
        scores = json.loads(SCORES.read_text())
        assert scores["weights_sha256"] == weights_fingerprint("default")
        tables = scores["tables"]
    assert (BOX / "MODEL_CARD.md").read_text() == box_card(training, tables)
