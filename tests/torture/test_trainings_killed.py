"""Trainings and samplings that are killed at random moments end up with the weights and images of undisturbed ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from killing import ADAPTS, ALWAYS_SAVES, PRETRAINS, SEGMENTER, Whom, torture


@pytest.mark.parametrize("seed", range(2))
def test_training_with_kept_features(simulated: Path, tmp_path: Path, seed: int) -> None:
    arguments = ["train", "--data", simulated, "--encoders", "frozen", "--epochs", 4, "--feature-cache", "disk"]
    torture([*arguments, *SEGMENTER], tmp_path, kills=5, seed=seed, program=ALWAYS_SAVES)


def test_pretraining_then_fine_tuning_with_dropout_and_lora(simulated: Path, other: Path, tmp_path: Path) -> None:
    arguments = ["train", "--data", simulated, "--synthetic", other, "--strategy", "synth-PT:real-FT"]
    policy = ["--model", "cris", "--encoders", "vision=trained,text=lora-2", "--epochs", 2, "--augmentation", 0.5]
    torture([*arguments, *policy, *SEGMENTER], tmp_path, kills=6, program=ALWAYS_SAVES)


@pytest.mark.parametrize("whom", ["group", "parent"])
def test_diffusion_training(simulated: Path, tmp_path: Path, whom: Whom) -> None:
    arguments = ["synthesize", "train", "--data", simulated, "--preset", "tiny", "--steps", 8, "--batch", 2]
    torture(arguments, tmp_path, kills=4, whom=whom, program=ALWAYS_SAVES)


def test_sampling(simulated: Path, diffusion: Path, tmp_path: Path) -> None:
    torture(["synthesize", "sample", "--model", diffusion, "--masks", simulated, "--copies", 2], tmp_path, kills=5)


def test_adapting(simulated: Path, textunet: Path, tmp_path: Path) -> None:
    torture(["adapt", simulated, "--checkpoint", textunet, "--patients", 2], tmp_path, kills=5, program=ADAPTS)


@pytest.mark.parametrize("whom", ["group", "parent"])
def test_pretraining(tmp_path: Path, whom: Whom) -> None:
    torture(["pretrain", "--steps", 6], tmp_path, kills=4, whom=whom, program=PRETRAINS)
