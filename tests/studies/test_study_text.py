"""A study's plan in words: what runs, what is shared, what is finished, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from synthboost.domain import PromptSet, Strategy
from synthboost.io.atomic import write_text
from synthboost.io.typed_json import write_record
from synthboost.records.run_record import Evaluation
from synthboost.studies.recipes import as_run, smoke
from synthboost.studies.study import Study
from synthboost.studies.study_estimate import Estimate
from synthboost.studies.study_text import plan_text

GRID = replace(smoke().grid, models=("cris",), encoders=("frozen",), prompts=(PromptSet.P1,), patients=(1, 2))


Plan = Callable[..., Study]


def _say(study: Study, root: Path, workers: int = 1) -> str:
    """The plan of a study whose runs take 60 s and 0.1 GB each."""
    open_runs = [run.name for run in study.runs if not run.is_finished(root / "runs")]
    expected = Estimate(dict.fromkeys(open_runs, 60.0), 1e8 * (len(open_runs) + 1), ("a probe",))
    return plan_text(study, expected, root, workers)


def _finish(root: Path, name: str) -> None:
    write_record(root / "runs" / name / "evaluation.json", Evaluation())
    write_text(root / "runs" / name / "DONE", "")


def test_the_head_says_what_is_combined_with_what(plan: Plan, tmp_path: Path) -> None:
    study = plan(GRID)
    head = _say(study, tmp_path / "out").split("\n\n")[0]
    assert "study: preset smoke, recipe ours" in head
    assert f"real data: {study.real.dataset.root} (official split)" in head
    assert "cris starts from: random (tiny)" in head
    assert "encoders frozen; prompt sets P1; seeds 0; real training patients 1, 2" in head
    assert "synthetic and real images get the same set\n" in head
    assert "thresholds cris 0.5. Test patients choose nothing." in head


def test_where_synthetic_images_get_other_sentences_the_pairs_are_named(plan: Plan, tmp_path: Path) -> None:
    grid = replace(GRID, prompts=(PromptSet.P6,), models=("clipseg",))
    text = _say(plan(grid, as_run()), tmp_path / "out")
    assert "get the same set, but P6 after P6-SDM for the synthetic images" in text
    assert "encoders of clipseg do not learn in this recipe, whatever is asked for" in text


def test_every_run_stands_with_its_time_and_with_what_it_starts_from(plan: Plan, tmp_path: Path) -> None:
    text = _say(plan(GRID), tmp_path / "out")
    # 2 baselines for each number of patients, zero-shot, synthetic, and twice real and both.
    assert "\n\n10 runs:\n" in text
    [synthetic] = [run.name for run in plan(GRID).runs if "-synthetic-" in run.name]
    children = [line for line in text.splitlines() if line.endswith(f", starts from {synthetic}")]
    assert len(children) == 2
    for patients, line in zip(("1 real patient", "2 real patients"), children, strict=True):
        assert f": at most 60 s, frozen, {patients}, starts" in line
    assert f"  {synthetic}: trained once, for itself and 2 more" in text


def test_the_features_that_several_runs_use_are_said_to_be_shared(plan: Plan, tmp_path: Path) -> None:
    shared = _say(plan(GRID), tmp_path / "out").partition("shared:\n")[2]
    assert "  features of the frozen image encoder of cris" in shared
    assert ": computed once for 5 runs\n" in shared  # synthetic, and twice real and both
    trained = _say(plan(replace(GRID, encoders=("trained",))), tmp_path / "out")
    assert "features of the frozen" not in trained


def test_time_and_disk_are_the_sums_and_are_divided_among_the_workers(plan: Plan, tmp_path: Path) -> None:
    text = _say(plan(GRID), tmp_path, workers=2)
    # 10 runs of 60 s; 10 of 0.1 GB and the features' 0.1 GB.
    assert "time: at most 10 min on one process, about 5 min with 2 at a time (by a probe)" in text
    assert "disk: 1.10 GB more, " in text


def test_what_is_finished_is_said_and_costs_nothing(plan: Plan, tmp_path: Path) -> None:
    names = [run.name for run in plan(GRID).runs]
    _finish(tmp_path, names[0])
    text = _say(plan(GRID), tmp_path)
    assert "10 runs, 1 of them finished:" in text
    assert f"  {names[0]}: finished" in text
    assert "at most 9 min" in text
    for name in names:
        _finish(tmp_path, name)
    assert _say(plan(GRID), tmp_path).endswith("everything is finished")


def test_a_study_that_shares_nothing_has_no_such_paragraph(plan: Plan, tmp_path: Path) -> None:
    grid = replace(GRID, strategies=(Strategy.REAL,), encoders=("trained",), patients=("all",))
    assert "shared:" not in _say(plan(grid), tmp_path)
