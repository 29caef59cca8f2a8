"""The plan: which runs there are, each once, and what they share. Nothing is trained here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.data.source import open_source
from synthboost.domain import PromptSet, Strategy
from synthboost.errors import ConfigError
from synthboost.io.atomic import write_text
from synthboost.io.typed_json import write_record
from synthboost.records.run_record import Evaluation
from synthboost.studies.recipes import RANDOM, Grid, choose_preset, choose_recipe, smoke
from synthboost.studies.spec import RunSpec
from synthboost.studies.strategies import Role
from synthboost.studies.study import Sources, Study, initial_weights, needed_prompts, plan_study

ONE = replace(smoke().grid, models=("cris",), encoders=("trained",), prompts=(PromptSet.P1,))


@pytest.fixture
def sources(make_tiny_camus: Callable[..., Path], tmp_path: Path) -> Sources:
    return {
        Role.REAL: open_source(make_tiny_camus(tmp_path / "real-data")),
        Role.SYNTHETIC: open_source(make_tiny_camus(tmp_path / "synthetic-data", first=11)),
    }


def _plan(sources: Sources, grid: Grid, recipe: str = "ours") -> Study:
    weights = dict.fromkeys(grid.models, RANDOM)
    return plan_study(choose_recipe(recipe), smoke(), grid, sources, weights, Evaluation())


def _strategies(study: Study) -> list[str]:
    return [str(run.work.strategy) for run in study.runs if isinstance(run.work, RunSpec)]


def test_the_synthetic_run_is_one_for_all_numbers_of_real_patients(sources: Sources) -> None:
    study = _plan(sources, replace(ONE, patients=(1, 2, None)))
    strategies = _strategies(study)
    # All of this set's training patients are two, and yet they are another choice than the first two.
    counts = [strategies.count(str(strategy)) for strategy in ONE.strategies]
    assert dict(zip(ONE.strategies, counts, strict=True)) == {
        Strategy.ZERO_SHOT: 1,
        Strategy.REAL: 3,
        Strategy.SYNTHETIC: 1,
        Strategy.SYNTHETIC_THEN_REAL: 3,
    }
    assert len(study.runs) == 8 + 2 * 3  # two baselines for each number
    [synthetic] = [run.name for run in study.runs if "-synthetic-" in run.name]
    assert [run.needs for run in study.runs if "synth-PT" in run.name] == [(synthetic,)] * 3


def test_a_need_stands_before_what_needs_it_even_when_nobody_asked_for_it(sources: Sources) -> None:
    study = _plan(sources, replace(ONE, strategies=(Strategy.SYNTHETIC_THEN_REAL,), seeds=(0, 1)))
    assert _strategies(study) == ["synthetic", "synth-PT:real-FT"] * 2
    seen: set[str] = set()
    for job in study.jobs(Path("runs")):
        assert set(job.needs) <= seen
        seen.add(job.name)


def test_a_job_is_done_once_its_run_is_finished_and_judged_as_asked(sources: Sources, tmp_path: Path) -> None:
    study = _plan(sources, replace(ONE, strategies=(Strategy.ZERO_SHOT,)))
    job = study.jobs(tmp_path)[-1]
    assert job.is_done is not None
    assert not job.is_done()
    write_record(tmp_path / job.name / "evaluation.json", Evaluation())
    write_text(tmp_path / job.name / "DONE", "")
    assert job.is_done()
    write_record(tmp_path / job.name / "evaluation.json", Evaluation(threshold=0.1))
    assert not job.is_done()


def test_a_run_without_training_is_one_for_all_encoders(sources: Sources) -> None:
    study = _plan(sources, replace(ONE, encoders=("trained", "frozen")))
    assert _strategies(study).count("zero-shot") == 1
    assert _strategies(study).count("real") == 2


def test_as_published_p6_and_p7_share_a_synthetic_run_and_p7_has_none_of_its_own(sources: Sources) -> None:
    grid = replace(ONE, prompts=(PromptSet.P6, PromptSet.P7))
    assert _strategies(_plan(sources, grid)).count("synthetic") == 2
    published = _plan(sources, grid, "as-run")
    assert _strategies(published).count("synthetic") == 1
    assert needed_prompts(published) == [(PromptSet.P6, PromptSet.P6_SDM), (PromptSet.P7, PromptSet.P6_SDM)]
    assert {run.evaluation.threshold for run in published.runs if isinstance(run.work, RunSpec)} == {0.35}
    assert {run.evaluation.shape_from for run in published.runs} == {"ground-truth"}


def test_as_run_a_clipseg_with_trained_encoders_is_one_with_frozen_ones(sources: Sources) -> None:
    grid = replace(ONE, models=("clipseg",), encoders=("trained", "frozen"), strategies=(Strategy.REAL,))
    assert len(_strategies(_plan(sources, grid))) == 2
    [run] = [run for run in _plan(sources, grid, "as-run").runs if isinstance(run.work, RunSpec)]
    assert run.work.encoders_label == "frozen"  # type: ignore[union-attr]


def test_weights_are_what_is_given_or_the_presets_or_random() -> None:
    models = ("clipseg", "cris")
    assert initial_weights(smoke(), models, {"cris": "folder"}) == {"clipseg": RANDOM, "cris": "folder"}
    paper = choose_preset("paper")
    chosen = initial_weights(paper, models, {"cris": RANDOM})
    assert chosen == {"clipseg": "CIDAS/clipseg-rd64-refined", "cris": RANDOM}
    with pytest.raises(ConfigError, match="none for cris"):
        initial_weights(paper, models, {})
    with pytest.raises(ConfigError, match="weights: unet"):
        initial_weights(paper, models, {"unet": "folder"})
