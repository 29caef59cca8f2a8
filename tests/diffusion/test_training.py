"""A diffusion network learns from (image, map) pairs, and an interrupted training ends in the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from synthboost.diffusion import training as diffusion_loop
from synthboost.diffusion.checkpoint import load_diffusion
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.settings import DiffusionSettings, DiffusionTraining, Objective
from synthboost.diffusion.training import train_diffusion
from synthboost.diffusion.training_data import DiffusionExamples
from synthboost.errors import CheckpointError, ConfigError, TrainingError
from synthboost.training.engine import Engine

SMALL = DiffusionSettings(
    size=16, channels=1, width=8, multipliers=(1, 2), blocks=1, attention=(8,), head_width=8, groups=4, spade_width=6,
    null_label=True, attributes=True, learned_sigma=False, objective=Objective.FLOW,
)  # fmt: skip
QUICK = DiffusionTraining(steps=6, batch=4, learning_rate=1e-3, warm_up=0, threads=1)
Make = Callable[..., SemanticUNet]


@pytest.fixture(autouse=True)
def _a_line_of_the_log_every_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion_loop, "LOG_STEPS", 2)


@pytest.fixture
def make() -> Make:
    def build(settings: DiffusionSettings = SMALL) -> SemanticUNet:
        torch.set_num_threads(1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return SemanticUNet(settings)

    return build


@pytest.fixture
def examples() -> DiffusionExamples:
    """Ten images whose left half is bright where the map says so, of ten different brightnesses."""
    rng = np.random.default_rng(0)
    conditions = np.ones((10, 16, 16), np.uint8)
    conditions[:5, :, :8], conditions[5:, :, 8:] = 2, 2
    images = np.where(conditions == 2, 220, 30).astype(np.uint8) + rng.integers(0, 20, (10, 16, 16), dtype=np.uint8)
    codes = rng.integers(0, 3, (10, 3))
    return DiffusionExamples(images, conditions, codes)


def weights(network: SemanticUNet) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in network.state_dict().values()]


def test_the_loss_falls_and_the_average_is_saved(
    make: Make, examples: DiffusionExamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(QUICK, steps=60, learning_rate=6e-3)
    monkeypatch.setattr(diffusion_loop, "LOG_STEPS", 10)
    average = train_diffusion(make(), examples, config, tmp_path)
    lines = [line.split(",") for line in (tmp_path / "log.csv").read_text().splitlines()[1:]]
    losses = [float(line[2]) for line in lines]
    assert [int(line[0]) for line in lines] == [10, 20, 30, 40, 50, 60]
    assert int(lines[-1][1]) == 240
    assert losses[-1] < 0.6 * losses[0]
    saved = load_diffusion(tmp_path / "checkpoint")
    assert all(torch.equal(a, b) for a, b in zip(weights(saved), weights(average), strict=True))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("objective", list(Objective))
def test_interrupted_and_resumed_equals_uninterrupted(
    make: Make, examples: DiffusionExamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, objective: Objective
) -> None:
    settings = replace(SMALL, objective=objective, learned_sigma=objective == Objective.NOISE)
    whole = weights(train_diffusion(make(settings), examples, QUICK, tmp_path / "whole"))
    original, steps = diffusion_loop._DiffusionStage.take_step, iter(range(10))

    def interrupted(self: Any) -> float:
        if next(steps) == 3:
            raise KeyboardInterrupt
        return original(self)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(diffusion_loop._DiffusionStage, "take_step", interrupted)
        patch.setattr(Engine, "save_seconds", 0.0)
        train_diffusion(make(settings), examples, QUICK, tmp_path / "broken")
    torch.manual_seed(77)
    resumed = weights(train_diffusion(make(settings), examples, QUICK, tmp_path / "broken"))
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True))
    assert _timeless(tmp_path / "whole") == _timeless(tmp_path / "broken")


def _timeless(folder: Path) -> list[str]:
    return [line.rsplit(",", 1)[0] for line in (folder / "log.csv").read_text().splitlines()]


def test_a_pass_shows_every_image_once(
    make: Make, examples: DiffusionExamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, seen = DiffusionExamples.batch, list[int]()

    def noted(self: DiffusionExamples, positions: Any, channels: int) -> Any:
        seen.extend(positions.tolist())
        return original(self, positions, channels)

    monkeypatch.setattr(DiffusionExamples, "batch", noted)
    stage = diffusion_loop._DiffusionStage(make(), examples, QUICK, tmp_path)
    for stage.step in range(20 // QUICK.batch + 1):
        stage._draw()
    del seen[20:]
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


def test_a_damaged_state_and_one_of_another_network_are_refused(
    make: Make, examples: DiffusionExamples, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "tensors.pt").write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match="state: state: .*Remove this folder to begin its stage anew"):
        train_diffusion(make(), examples, QUICK, tmp_path)
    (state / "progress.json").write_text('{"seconds": 1.0}')
    torch.save({"network": make(replace(SMALL, width=16)).state_dict()}, state / "tensors.pt")
    with pytest.raises(CheckpointError, match="state of this training"):
        train_diffusion(make(), examples, QUICK, tmp_path)


def test_a_loss_that_is_not_finite_is_refused(make: Make, examples: DiffusionExamples, tmp_path: Path) -> None:
    network = make()
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="loss: nan; expected a finite number. At step 1;"):
        train_diffusion(network, examples, QUICK, tmp_path)
    assert not (tmp_path / "checkpoint").exists()


def test_the_rate_rises_and_falls_linearly() -> None:
    config = DiffusionTraining(steps=100, learning_rate=1.0, warm_up=10)
    assert config.rate_at(0) == pytest.approx(0.1)
    assert config.rate_at(50) == pytest.approx(0.5)
    assert config.rate_at(99) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("batch", 0), ("learning_rate", 0.0), ("ema_decay", 1.0), ("ema_decay", -0.1),
     ("seed", -1), ("precision", "fp8"), ("threads", 0), ("warm_up", -1),
     ("learning_rate", float("nan"))],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"options: {field}: "):
        replace(DiffusionTraining(), **{field: value})
