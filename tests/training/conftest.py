"""Frame sets and settings small enough that an epoch takes a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from synthboost.data import TripletRecipe, open_dataset
from synthboost.data.source import FrameSet
from synthboost.domain import PromptSet
from synthboost.models.cris.model import Cris
from synthboost.models.cris.settings import TINY
from synthboost.training.config import TrainingConfig

QUICK = TrainingConfig(epochs=2, batch_images=2, learning_rate=1e-3, augmentation=0.5, precision="no")


@pytest.fixture
def frames(tiny_camus: Path) -> Callable[..., FrameSet]:
    """A function (name, first, last) -> some of the 16 frames of tiny_camus, four per patient."""
    dataset = open_dataset(tiny_camus)

    def pick(name: str, first: int, last: int) -> FrameSet:
        return FrameSet(name, [(dataset, info) for info in dataset.frames[first:last]])

    return pick


@pytest.fixture
def training_frames(frames: Callable[..., FrameSet]) -> FrameSet:
    return frames("real", 0, 6)


@pytest.fixture
def validation_frames(frames: Callable[..., FrameSet]) -> FrameSet:
    return frames("real validation", 8, 10)


@pytest.fixture
def recipe() -> TripletRecipe:
    return TripletRecipe(PromptSet.P6, paraphrase="seeded", seed=0)


@pytest.fixture
def make_tiny_cris() -> Callable[..., Cris]:
    """A function (seed=0) -> a CRIS of 64 px with dropout and normalisation statistics, in evaluation mode."""
    small = replace(TINY, input_size=64, vision_positions=2, text_width=16, neck_widths=(8, 16, 16), dropout=0.3)

    def make(seed: int = 0) -> Cris:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Cris.from_settings(small).eval()

    return make


@pytest.fixture
def quick() -> TrainingConfig:
    return QUICK
