"""Folders of diffusion weights: safetensors and a card that states the sizes and the objective."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.settings import DiffusionSettings
from synthboost.errors import CheckpointError
from synthboost.io.atomic import whole_folder
from synthboost.models.weights_folder import CARD_FILE, load_weights, read_card, read_settings, save_weights, write_card

NAME = SemanticUNet.name


def save_diffusion(folder: Path, network: SemanticUNet) -> None:
    """Write weights and card, whole or not at all.

    Raises:
        CheckpointError: a weight is NaN or infinite.
        OutputError: the folder cannot be written.
    """
    with whole_folder(folder) as temporary:
        save_weights(temporary, network.state_dict())
        write_card(temporary, NAME, asdict(network.settings))


def load_diffusion(folder: Path) -> SemanticUNet:
    """Read what `save_diffusion` wrote, in evaluation mode; `folder` may hold it as `checkpoint/`, as a training does.

    Raises:
        CheckpointError: the folder is absent, incomplete, damaged, or holds another kind of model.
    """
    folder = _inside(folder)
    card = read_card(folder, verify=False)
    if card is None:
        found = CARD_FILE if folder.is_dir() else "folder"
        raise CheckpointError(folder, found, "absent", "a diffusion model, of `synthesize train` or `weights convert`")
    if card.model != NAME:
        raise CheckpointError(folder, "model", card.model, NAME, "This folder holds no diffusion model.")
    settings = read_settings(DiffusionSettings, read_card(folder), folder)
    with torch.random.fork_rng(devices=[]):
        network = SemanticUNet(settings)
    load_weights(network, folder)
    return network.eval()


def is_diffusion(folder: Path) -> bool:
    """Whether a folder holds a diffusion model, itself or as `checkpoint/`."""
    card = read_card(_inside(folder), verify=False)
    return card is not None and card.model == NAME


def _inside(folder: Path) -> Path:
    return folder / "checkpoint" if (folder / "checkpoint").is_dir() else folder
