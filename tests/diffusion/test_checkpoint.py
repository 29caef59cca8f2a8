from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from synthboost.diffusion.checkpoint import NAME, load_diffusion, save_diffusion
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.settings import DiffusionSettings, Objective
from synthboost.errors import CheckpointError
from synthboost.models.weights_folder import write_card


@pytest.fixture
def folder(network: SemanticUNet, tmp_path: Path) -> Path:
    save_diffusion(tmp_path / "diffusion", network)
    return tmp_path / "diffusion"


def test_weights_and_settings_come_back(network: SemanticUNet, folder: Path) -> None:
    loaded = load_diffusion(folder)
    assert loaded.settings == network.settings
    assert not loaded.training
    own: dict[str, Tensor] = network.state_dict()
    assert all(torch.equal(tensor, own[name]) for name, tensor in loaded.state_dict().items())


def test_the_objective_comes_back(settings: DiffusionSettings, tmp_path: Path) -> None:
    save_diffusion(tmp_path / "flow", SemanticUNet(replace(settings, objective=Objective.FLOW)))
    assert load_diffusion(tmp_path / "flow").settings.objective == Objective.FLOW


def test_a_checkpoint_of_another_configuration_is_refused(folder: Path) -> None:
    card = json.loads((folder / "synthboost.json").read_text())
    card["settings"]["spade_width"] = 7
    (folder / "synthboost.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=r"synthboost\.json: sha256"):
        load_diffusion(folder)
    write_card(folder, NAME, card["settings"])
    with pytest.raises(CheckpointError, match=r"of another shape: .*\.norm1\.beta\.weight"):
        load_diffusion(folder)
    write_card(folder, NAME, card["settings"] | {"spade_width": 6, "groups": 3})
    with pytest.raises(CheckpointError, match="groups: 3; expected a divisor of width 8"):
        load_diffusion(folder)


def test_what_is_no_diffusion_model_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="folder: absent"):
        load_diffusion(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"synthboost\.json: absent"):
        load_diffusion(tmp_path / "empty")
    card = json.loads((folder / "synthboost.json").read_text())
    (folder / "synthboost.json").write_text(json.dumps(card | {"model": "clipseg"}))
    with pytest.raises(CheckpointError, match="model: clipseg; expected semantic-diffusion"):
        load_diffusion(folder)


def test_damaged_weights_are_found_by_the_checksum(folder: Path) -> None:
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="sha256"):
        load_diffusion(folder)


def test_weights_that_are_not_finite_are_not_written(network: SemanticUNet, tmp_path: Path) -> None:
    with torch.no_grad():
        network.stem.bias.fill_(float("nan"))
    with pytest.raises(CheckpointError, match=r"NaN or infinity in stem\.bias"):
        save_diffusion(tmp_path / "new", network)
    assert not (tmp_path / "new").exists()
