"""Trainings and samplings that are killed at random moments end up with the weights and images of undisturbed ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from killing import Whom, torture

from synthboost.cli.main import main
from synthboost.models.registry import build_segmenter

ALWAYS_SAVES = (
    sys.executable,
    "-c",
    "import sys; from synthboost.cli.main import main; from synthboost.training import engine, loop; "
    "engine.Engine.save_seconds = loop.LEAST_SECONDS = 0.0; main(sys.argv[1:])",
)
ADAPTS = (
    sys.executable,
    "-c",
    "import sys; from synthboost.cli.main import main; from synthboost.training import recipe; "
    "from synthboost.adaptation import adapt; recipe.SAVE_SECONDS = 0.0; "
    "adapt.LEAST_STEPS = adapt.ROUND_STEPS = 4; adapt.STEPS_PER_FRAME = 0; main(sys.argv[1:])",
)
"""The same, of short stages."""
"""The program, saving a state after every step: a kill may then come between any two files."""
SEGMENTER = ["--batch-images", 4, "--learning-rate", 1e-3, "--workers", 0, "--prompts", "P1"]


@pytest.fixture(scope="session")
def diffusion(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("torture") / "diffusion"
    arguments = ["--data", simulated, "--preset", "tiny", "--steps", 2, "--batch", 2, "--out", out]
    main(["synthesize", "train", *map(str, arguments)])
    return out


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


def test_adapting(simulated: Path, tmp_path: Path) -> None:
    build_segmenter("textunet", "tiny").save_pretrained(tmp_path / "weights")
    arguments = ["adapt", simulated, "--checkpoint", tmp_path / "weights", "--patients", 2]
    (tmp_path / "work").mkdir()
    torture(arguments, tmp_path / "work", kills=5, program=ADAPTS)
