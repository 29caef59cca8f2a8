"""For the tests of synthesis: a small network, condition maps like an apical view, and a heart of ellipses in a fan."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from synthboost.data.sector import Sector
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.settings import DiffusionSettings

SMALL = DiffusionSettings(
    size=32, channels=1, width=8, multipliers=(1, 2), blocks=1, attention=(16,), head_width=8, groups=4, spade_width=6,
    null_label=True, attributes=True, learned_sigma=False,
)  # fmt: skip


@pytest.fixture
def settings() -> DiffusionSettings:
    return SMALL


@pytest.fixture
def make_network() -> Callable[[DiffusionSettings], SemanticUNet]:
    """A function (settings) -> network whose weights, the zeros too, are drawn with seed 0, in evaluation mode."""
    torch.set_num_threads(1)

    def make(settings: DiffusionSettings) -> SemanticUNet:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = SemanticUNet(settings).eval()
            for parameter in network.parameters():
                nn.init.normal_(parameter, std=0.2)
        return network

    return make


@pytest.fixture
def network(make_network: Callable[[DiffusionSettings], SemanticUNet]) -> SemanticUNet:
    return make_network(SMALL)


@pytest.fixture
def make_maps() -> Callable[[int, int], Tensor]:
    """A function (size, count) -> condition maps (count, size, size): sector, wall, cavity and atrium, no two alike."""
    return draw_maps


def draw_maps(size: int, count: int) -> Tensor:
    axis = torch.linspace(-1, 1, size)
    row, column = axis[:, None], axis[None, :]
    maps = []
    for number in range(count):
        shift = 0.06 * number
        labels = (column.abs() < 0.15 + 0.45 * (row + 1)).long()
        labels[((row + 0.1) / 0.65) ** 2 + ((column - shift) / 0.45) ** 2 < 1] = 3
        labels[((row + 0.1) / 0.45) ** 2 + ((column - shift) / 0.25) ** 2 < 1] = 2
        labels[((row - 0.7) / 0.2) ** 2 + ((column - shift) / 0.3) ** 2 < 1] = 4
        maps.append(labels)
    return torch.stack(maps)


@pytest.fixture
def heart() -> np.ndarray:
    """(128, 128): a cavity in a wall that is open at the base, an atrium below it."""
    row, column = np.mgrid[:128, :128].astype(float)

    def inside(centre: float, height: float, width: float) -> np.ndarray:
        return ((row - centre) / height) ** 2 + ((column - 64) / width) ** 2 < 1

    labels = np.zeros((128, 128), np.uint8)
    labels[inside(58, 34, 22) & (row < 80)] = 2
    labels[inside(58, 28, 14) & (row < 80)] = 1
    labels[inside(92, 14, 14) & (row >= 80)] = 3
    return labels


@pytest.fixture
def sector() -> np.ndarray:
    """(128, 128): the fan around it."""
    return Sector(apex=(0.0, 63.5), slopes=(-0.7, 0.7), radii=(122.0, 122.0)).mask((128, 128))
