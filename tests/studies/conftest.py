"""Runs of two epochs on ellipses: seconds, and every part of a study takes part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.data.source import open_source
from synthboost.domain import PromptSet, Strategy
from synthboost.models.catalogue import MODELS
from synthboost.models.clipseg.settings import ClipSegSettings
from synthboost.records.run_record import Evaluation
from synthboost.studies.spec import RunSpec
from synthboost.studies.strategies import Role
from synthboost.training.config import TrainingConfig

QUICK = TrainingConfig(epochs=2, batch_images=4, learning_rate=1e-3, precision="no", threads=1)


@pytest.fixture
def smallest(tiny_settings: ClipSegSettings, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a preset that is registered for the test."""
    monkeypatch.setitem(MODELS["clipseg"].presets, "smallest", tiny_settings)
    return "smallest"


@pytest.fixture
def make_spec(make_tiny_camus: Callable[..., Path], tmp_path: Path, smallest: str) -> Callable[..., RunSpec]:
    """A function (strategy, **changes) -> a spec on a real and a synthetic set of ellipses."""
    real = make_tiny_camus(tmp_path / "real-data")
    synthetic = make_tiny_camus(tmp_path / "synthetic-data", first=11)

    def make(strategy: Strategy, **changes: object) -> RunSpec:
        spec = RunSpec(
            strategy=strategy,
            sources={Role.REAL: open_source(real), Role.SYNTHETIC: open_source(synthetic)},
            training=dict.fromkeys(Role, QUICK),
            preset=smallest,
            prompt_set=PromptSet.P1,
        )
        return replace(spec, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture
def evaluation() -> Evaluation:
    return Evaluation()
