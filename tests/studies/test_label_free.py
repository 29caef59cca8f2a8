from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.data.source import Source, open_source
from synthboost.domain import PromptSet, Strategy
from synthboost.errors import ConfigError
from synthboost.records.run_record import Evaluation
from synthboost.studies.label_free import PATIENTS, label_free, plan_label_free
from synthboost.studies.recipes import RANDOM, choose_recipe, smoke
from synthboost.studies.spec import RunSpec
from synthboost.studies.study import Study

GRID = replace(
    label_free(smoke()).grid, models=("cris",), encoders=("trained",), prompts=(PromptSet.P1,), patients=(1, 2)
)


@pytest.fixture
def real(make_tiny_camus: Callable[..., Path], tmp_path: Path) -> Source:
    return open_source(make_tiny_camus(tmp_path / "real-data"))


@pytest.fixture
def simulated(make_tiny_camus: Callable[..., Path], tmp_path: Path) -> Source:
    return open_source(make_tiny_camus(tmp_path / "synthetic-data", first=11))


def _plan(real: Source, sets: list[Source]) -> Study:
    return plan_label_free(choose_recipe("ours"), smoke(), GRID, real, sets, {"cris": RANDOM}, Evaluation())


def test_the_study_compares_a_few_many_and_all_patients() -> None:
    grid = label_free(smoke()).grid
    assert grid.patients == PATIENTS == (5, 10, 50, None)
    assert grid.strategies == (Strategy.REAL, Strategy.SYNTHETIC, Strategy.SYNTHETIC_THEN_REAL)


def test_a_synthetic_set_is_trained_on_once_and_finetuned_once_per_number_of_patients(
    real: Source, simulated: Source
) -> None:
    study = _plan(real, [simulated])
    strategies = [str(run.work.strategy) for run in study.runs if isinstance(run.work, RunSpec)]
    assert [strategies.count(str(s)) for s in GRID.strategies] == [2, 1, 2]


def test_real_images_alone_are_the_same_runs_whatever_is_compared_with_them(real: Source, simulated: Source) -> None:
    def alone(study: Study) -> set[str]:
        return {r.name for r in study.runs if isinstance(r.work, RunSpec) and r.work.strategy is Strategy.REAL}

    assert alone(_plan(real, [simulated])) == alone(_plan(real, []))


def test_two_sets_that_tables_could_not_tell_apart_are_refused(real: Source, simulated: Source) -> None:
    with pytest.raises(ConfigError, match="different domains"):
        _plan(real, [simulated, simulated])
