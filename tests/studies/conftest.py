"""Runs of two epochs on ellipses: seconds, and every part of a study takes part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.data.source import Source, open_source
from synthboost.domain import PromptSet, Strategy
from synthboost.models.catalogue import MODELS
from synthboost.models.clipseg.settings import ClipSegSettings
from synthboost.records.run_record import Evaluation
from synthboost.studies.recipes import Grid, Recipe, ours, smoke
from synthboost.studies.spec import Role, RunSpec
from synthboost.studies.study import Study, with_weights
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


@pytest.fixture
def sources(make_tiny_camus: Callable[..., Path], tmp_path: Path) -> tuple[Source, Source]:
    """A real and a synthetic set of ellipses."""
    real, synthetic = make_tiny_camus(tmp_path / "real-data"), make_tiny_camus(tmp_path / "synthetic-data", first=11)
    return open_source(real), open_source(synthetic)


@pytest.fixture
def make_simulated(make_tiny_camus: Callable[..., Path], tmp_path: Path) -> Callable[..., Source]:
    """A function () -> a third set, which says that it is simulated."""

    def make() -> Source:
        root = make_tiny_camus(tmp_path / "simulated-data", first=21)
        lines = [f"patient{n:04}_{v}_{p},simulated,,,g,1,0" for n in range(21, 25) for v in ("2CH", "4CH")
                 for p in ("ED", "ES")]  # fmt: skip
        header = "frame,domain,source_patient,source_split,generator,generator_version,seed"
        (root / "frames.csv").write_text("\n".join([header, *lines]) + "\n")
        return open_source(root)

    return make


@pytest.fixture
def plan(sources: tuple[Source, Source]) -> Callable[..., Study]:
    """A function (grid, recipe, *synthetic sets) -> a study of tiny models from random weights."""

    def make(grid: Grid, recipe: Recipe | None = None, *synthetic: Source) -> Study:
        real, made = sources
        preset = with_weights(replace(smoke(), grid=grid), {})
        return Study("paper", recipe or ours(), preset, real, synthetic or (made,))

    return make
