"""For the tests of models: a CRIS of a few thousand weights that a seed fixes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from synthboost.models.cris.model import Cris, CrisNetwork
from synthboost.models.cris.settings import CrisSettings

SMALL = CrisSettings(
    input_size=64, vision_layers=(1, 2, 1, 1), vision_width=4, vision_positions=2, text_width=8,
    text_layers=2, text_heads=1, text_positions=12, embedding_width=16, neck_widths=(4, 8, 16),
    decoder_layers=2, decoder_heads=1, decoder_mlp=12, dropout=0.0,
)  # fmt: skip
VOCABULARY = 12
END = VOCABULARY - 1
"""The highest number, as in CLIP's vocabulary."""


class NumbersOnly:
    """A tokenizer for tests that begin with tokens: it knows how many there are, and which one ends a sentence."""

    eos_token_id = END

    def __len__(self) -> int:
        return VOCABULARY


@pytest.fixture
def small_cris() -> Cris:
    """The smallest CRIS for 12 tokens, its weights drawn by numpy with seed 0, in evaluation mode."""
    torch.set_num_threads(1)
    model = Cris(CrisNetwork(SMALL, VOCABULARY), NumbersOnly())
    model.network.load_state_dict(draw_weights(model.network.state_dict(), 0), strict=True)
    return model.eval()


@pytest.fixture
def small_images() -> Tensor:
    return draw_images(1)


@pytest.fixture
def small_tokens() -> Tensor:
    return TOKENS


@pytest.fixture
def draw() -> Callable[[Mapping[str, Tensor], int], dict[str, Tensor]]:
    """A function (state dict, seed) -> the same names and shapes, drawn by numpy."""
    return draw_weights


TOKENS = torch.tensor([[10, 3, 4, 5, 6, 7, END], [10, 8, END, 0, 0, 0, 0]] * 2)
"""Two sentences for each of two images; the authors' code takes 0 for padding."""


def draw_weights(state: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Draw every tensor of a state dict, in the order of names, from numpy's uniform generator."""
    generator = np.random.default_rng(seed)
    return {name: _draw(name, state[name], generator) for name in sorted(state)}


def draw_images(seed: int) -> Tensor:
    """Draw two images (2, 3, 64, 64)."""
    pixels = np.random.default_rng(seed).random((2, 3, SMALL.input_size, SMALL.input_size))
    return torch.from_numpy(4 * pixels - 2).float()


def _draw(name: str, tensor: Tensor, generator: np.random.Generator) -> Tensor:
    if not tensor.is_floating_point():
        return torch.zeros_like(tensor)
    uniform = torch.from_numpy(np.asarray(generator.random(tuple(tensor.shape)))).float()
    if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
        return 0.5 + uniform
    inputs = 1 if tensor.ndim < 2 or "embedding" in name else math.prod(tensor.shape[1:])
    return (2 * uniform - 1) * (0.1 if tensor.ndim < 2 else math.sqrt(3 / inputs))
