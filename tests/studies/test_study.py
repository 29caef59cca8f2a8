"""The plan: which runs there are, each once, and what they share. Nothing is trained here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.data.source import Source
from synthboost.domain import PromptSet, Strategy
from synthboost.errors import ConfigError
from synthboost.io.atomic import write_text
from synthboost.io.typed_json import write_record
from synthboost.records.run_record import Evaluation
from synthboost.studies.recipes import RANDOM, as_run, choose_preset, choose_study, smoke
from synthboost.studies.spec import RunSpec
from synthboost.studies.study import Study, needed_prompts, with_weights

ONE = replace(smoke().grid, models=("cris",), encoders=("trained",), prompts=(PromptSet.P1,))


Plan = Callable[..., Study]


def _strategies(study: Study) -> list[str]:
    return [str(run.work.strategy) for run in study.runs if isinstance(run.work, RunSpec)]


def test_the_synthetic_run_is_one_for_all_numbers_of_real_patients(plan: Plan) -> None:
    study = plan(replace(ONE, patients=(1, 2, "all")))
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


def test_a_need_stands_before_what_needs_it_even_when_nobody_asked_for_it(plan: Plan) -> None:
    study = plan(replace(ONE, strategies=(Strategy.SYNTHETIC_THEN_REAL,), seeds=(0, 1)))
    assert _strategies(study) == ["synthetic", "synth-PT:real-FT"] * 2
    seen: set[str] = set()
    for job in study.jobs(Path("runs")):
        assert set(job.needs) <= seen
        seen.add(job.name)


def test_a_job_is_done_once_its_run_is_finished_and_evaluated_as_asked(plan: Plan, tmp_path: Path) -> None:
    study = plan(replace(ONE, strategies=(Strategy.ZERO_SHOT,)))
    job = study.jobs(tmp_path)[-1]
    assert job.is_done is not None
    assert not job.is_done()
    write_record(tmp_path / job.name / "evaluation.json", Evaluation())
    write_text(tmp_path / job.name / "DONE", "")
    assert job.is_done()
    write_record(tmp_path / job.name / "evaluation.json", Evaluation(threshold=0.1))
    assert not job.is_done()


def test_a_run_without_training_is_one_for_all_encoders(plan: Plan) -> None:
    study = plan(replace(ONE, encoders=("trained", "frozen")))
    assert _strategies(study).count("zero-shot") == 1
    assert _strategies(study).count("real") == 2


def test_as_published_p6_and_p7_share_a_synthetic_run_and_p7_has_none_of_its_own(plan: Plan) -> None:
    grid = replace(ONE, prompts=(PromptSet.P6, PromptSet.P7))
    assert _strategies(plan(grid)).count("synthetic") == 2
    published = plan(grid, as_run())
    assert _strategies(published).count("synthetic") == 1
    assert needed_prompts(published) == [(PromptSet.P6, PromptSet.P6_SDM), (PromptSet.P7, PromptSet.P6_SDM)]
    assert {run.evaluation.threshold for run in published.runs if isinstance(run.work, RunSpec)} == {0.35}
    assert {run.evaluation.shape_from for run in published.runs} == {"ground-truth"}


def test_as_run_a_clipseg_with_trained_encoders_is_one_with_frozen_ones(plan: Plan) -> None:
    grid = replace(ONE, models=("clipseg",), encoders=("trained", "frozen"), strategies=(Strategy.REAL,))
    assert len(_strategies(plan(grid))) == 2
    [run] = [run for run in plan(grid, as_run()).runs if isinstance(run.work, RunSpec)]
    assert run.work.encoders_label == "frozen"  # type: ignore[union-attr]


def test_weights_are_what_is_given_or_the_presets_or_random() -> None:
    assert with_weights(smoke(), {"cris": "folder"}).weights == {"clipseg": RANDOM, "cris": "folder"}
    paper = choose_preset("paper")
    chosen = with_weights(paper, {"cris": RANDOM})
    assert chosen.weights == {"clipseg": "CIDAS/clipseg-rd64-refined", "cris": RANDOM}
    with pytest.raises(ConfigError, match="none for cris"):
        with_weights(paper, {})
    with pytest.raises(ConfigError, match="weights: unet"):
        with_weights(paper, {"unet": "folder"})


WORTH = replace(choose_study("label-free", replace(smoke(), grid=ONE)).grid, patients=(1, 2))


def test_what_annotation_is_worth_is_shown_by_a_few_many_and_all_patients() -> None:
    grid = choose_study("label-free", smoke()).grid
    assert grid.patients == (5, 10, 50, "all")
    assert grid.strategies == (Strategy.REAL, Strategy.SYNTHETIC, Strategy.SYNTHETIC_THEN_REAL)


def test_a_synthetic_set_is_trained_on_once_and_finetuned_once_per_number_of_patients(plan: Plan) -> None:
    strategies = _strategies(plan(WORTH))
    assert [strategies.count(str(s)) for s in WORTH.strategies] == [2, 1, 2]


def test_every_synthetic_set_has_runs_of_its_own_beside_the_same_real_ones(
    plan: Plan, sources: tuple[Source, Source], make_simulated: Callable[..., Source]
) -> None:
    one, two = plan(WORTH), plan(WORTH, None, sources[1], make_simulated())
    assert [_strategies(two).count(str(s)) for s in WORTH.strategies] == [2, 2, 4]
    assert {run.name for run in one.runs} < {run.name for run in two.runs}


def test_two_sets_that_tables_could_not_tell_apart_are_refused(plan: Plan, sources: tuple[Source, Source]) -> None:
    with pytest.raises(ConfigError, match="different domains"):
        plan(WORTH, None, sources[1], sources[1]).runs  # noqa: B018
