"""`synthboost study paper`: plan, run, grow, fail, refuse. Runs are carried out in this process, one test aside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from in_process import Here

from synthboost.domain import Strategy
from synthboost.io.lock import exclusive
from synthboost.io.typed_json import read_json
from synthboost.models.catalogue import MODELS
from synthboost.models.clipseg.settings import ClipSegSettings
from synthboost.studies import executors

Call = Callable[..., Any]


@pytest.fixture(scope="session")
def synthetic(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(simulated, tmp_path_factory.mktemp("copy") / "synthetic")


@pytest.fixture
def study(
    synthboost: Call, simulated: Path, synthetic: Path, tiny_settings: ClipSegSettings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Call:  # fmt: skip
    """A function (*options) that runs a study of one small model; zero-shot unless something else is asked for."""
    from synthboost.studies import recipes

    monkeypatch.setitem(MODELS["clipseg"].presets, "tiny", tiny_settings)
    monkeypatch.setitem(executors.EXECUTORS, "local", lambda workers, folder, options: Here())
    smoke = recipes.smoke()
    quick = {**vars(smoke), "images_per_stage": 4}
    monkeypatch.setitem(recipes.PRESETS, "smoke", lambda: recipes.Preset(**quick))

    def run(*options: object, strategies: Sequence[str] = ("zero-shot",)) -> Any:
        grid = ("--models", "clipseg", "--encoders", "trained", "--prompts", "P1", "--strategies", *strategies)
        data = ("--data", simulated, "--synthetic", synthetic, "--out", tmp_path / "study")
        return synthboost("study", "paper", *data, *grid, *options)

    return run


def _runs(folder: Path) -> list[str]:
    return sorted(path.name.rsplit("-", 1)[0] for path in (folder / "runs").iterdir())


def test_a_plan_names_runs_and_what_they_share_and_writes_nothing(study: Call, tmp_path: Path) -> None:
    answer = study(
        "--plan", "--workers", "1", "--seeds", "0", "1", strategies=tuple(map(str, (Strategy.SYNTHETIC_THEN_REAL,)))
    )
    assert answer.code == 0, answer.err
    assert "6 runs:" in answer.out
    assert "trained once, for itself and 1 more" in answer.out
    assert "on one process (by a probe)" in answer.out
    assert "GB more" in answer.out
    assert not (tmp_path / "study").exists()


def test_a_study_runs_grows_and_repeats_nothing(study: Call, tmp_path: Path) -> None:
    first = study()
    assert first.code == 0, first.err
    assert first.out == f"3 of 3 runs finished in {tmp_path / 'study'}\n"
    assert _runs(tmp_path / "study") == ["baseline-image-blind", "baseline-text-blind", "clipseg-zero-shot-P1-seed0"]
    assert "[3/3] clipseg-zero-shot-P1-seed0" in first.err
    assert (tmp_path / "study" / "report.html").is_file()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("study/runs/*/DONE")}
    larger = study(strategies=("zero-shot", "real"))
    assert larger.out == f"4 of 4 runs finished in {tmp_path / 'study'}\n"
    assert "[1/1] clipseg-real-P1-seed0" in larger.err
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(read_json(tmp_path / "study" / "study.json")["requests"]) == 2
    again = study("--plan", strategies=("zero-shot", "real"))
    assert "everything is finished" in again.out


def test_a_failed_run_is_listed_with_its_error_and_its_followers_and_stops_nothing_else(
    study: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthboost.studies import run

    train = run.train

    def unlucky(spec: Any, *rest: Any) -> Any:
        if spec.strategy is Strategy.SYNTHETIC:
            raise RuntimeError("no luck\nat all")
        return train(spec, *rest)

    monkeypatch.setattr(run, "train", unlucky)
    answer = study(strategies=("zero-shot", "real", "synth-PT:real-FT"))
    assert answer.code == 1
    assert answer.out == f"4 of 6 runs finished in {tmp_path / 'study'}\n"
    listed = [line for line in answer.err.splitlines() if line.startswith("FAILED")]
    assert len(listed) == 2
    assert listed[0].endswith(": RuntimeError: no luck at all")
    assert "synth-PT-real-FT" in listed[1]
    assert "not run: it needs clipseg-synthetic-P1-seed0" in listed[1]
    [log] = (tmp_path / "study" / "logs").glob("clipseg-synthetic-*.txt")
    assert "Traceback" in log.read_text()
    monkeypatch.setattr(run, "train", train)
    assert study(strategies=("zero-shot", "real", "synth-PT:real-FT")).code == 0


def test_a_second_study_on_the_folder_says_who_holds_it(study: Call, tmp_path: Path) -> None:
    with exclusive(tmp_path / "study"):
        answer = study()
    assert answer.code == 2
    assert f"held by process {os.getpid()} " in answer.err
    assert " since 2" in answer.err
    assert not (tmp_path / "study" / "study.json").exists()


def test_another_recipe_or_other_data_in_the_same_folder_are_refused(
    study: Call, simulated: Path, tmp_path: Path
) -> None:
    assert study().code == 0
    other = study("--recipe", "as-run", "--split", "official")
    assert other.code == 2
    assert "recipe, " in other.err
    shutil.copytree(simulated, tmp_path / "changed")
    [info, *_] = sorted((tmp_path / "changed").rglob("Info_2CH.cfg"))
    info.write_text(info.read_text() + "\n")  # a file of the data set is not what it was
    changed = study("--data", tmp_path / "changed")
    assert changed.code == 2
    assert "data, real, fingerprint" in changed.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--patients", "0"], "patients: 0; expected numbers from 1 on, or all"),
        (["--patients", "99"], "training patients: 99"),
        (["--weights", "clipseg"], "MODEL=FOLDER"),
        (["--executor", "abacus"], "executor: abacus; expected one of"),
        (["--encoders", "asleep"], "asleep"),
    ],
)
def test_mistakes_are_answered_before_anything_is_written(
    study: Call, tmp_path: Path, options: list[str], words: str
) -> None:
    answer = study(*options)
    assert answer.code == 2
    assert words in answer.err
    assert not (tmp_path / "study").exists()


def test_all_mistakes_of_a_request_are_told_at_once(synthboost: Call, tmp_path: Path) -> None:
    asked = ("--data", tmp_path / "a", "--synthetic", tmp_path / "b", "--out", tmp_path / "study", "--plan")
    answer = synthboost("study", "paper", *asked, "--weights", "clipseg", "--executor", "abacus", "--preset", "huge")
    assert answer.code == 2
    first = [line.split("; expected")[0] for line in answer.err.splitlines()]
    assert first == ["ERROR study: preset: huge", "ERROR study: weights: clipseg", "ERROR study: executor: abacus"]
    answer = synthboost("study", "paper", *asked, "--weights", "unet=random")
    first = [line.split("; expected")[0] for line in answer.err.splitlines()]
    folders = [f"ERROR {tmp_path / name}: data set: no such folder" for name in ("a", "b")]
    assert first == ["ERROR study: weights: unet", *folders]


def test_the_differences_between_recipes_need_no_data(synthboost: Call) -> None:
    answer = synthboost("study", "paper", "--recipe", "differences")
    assert answer.code == 0
    assert "as-run     clipseg 0.5, cris 0.35" in answer.out


def test_the_label_free_study_is_planned_over_numbers_of_patients(
    synthboost: Call, simulated: Path, synthetic: Path, study: Call, tmp_path: Path
) -> None:
    data = ("--data", simulated, "--synthetic", synthetic, "--out", tmp_path / "study")
    grid = ("--models", "clipseg", "--encoders", "trained", "--prompts", "P1", "--seeds", "0", "--patients", "1", "all")
    answer = synthboost("study", "label-free", *data, *grid, "--plan")
    assert answer.code == 0, answer.err
    # Real alone for both numbers, the synthetic set once, and finetuned for both; two baselines for each number.
    assert "9 runs:" in answer.out


def test_the_papers_study_takes_one_synthetic_set(
    synthboost: Call, simulated: Path, synthetic: Path, tmp_path: Path
) -> None:
    data = ("--data", simulated, "--synthetic", synthetic, tmp_path, "--out", tmp_path / "study")
    answer = synthboost("study", "paper", *data)
    assert answer.code == 2
    assert "label-free" in answer.err


def test_the_length_of_stages_can_be_chosen_and_is_part_of_the_studys_terms(study: Call, tmp_path: Path) -> None:
    assert study("--images-per-stage", "8").code == 0
    assert read_json(tmp_path / "study" / "study.json")["terms"]["preset"]["images_per_stage"] == 8
    assert "images_per_stage" in study("--images-per-stage", "9").err
    assert "at least 1" in study("--images-per-stage", "0").err


def test_allow_missing_is_true_of_all_sets_of_a_transfer(
    synthboost: Call, make_tiny_camus: Callable[..., Path], tmp_path: Path
) -> None:
    one, other = make_tiny_camus(tmp_path / "one"), make_tiny_camus(tmp_path / "other", first=11)
    next(other.rglob("patient0011_2CH_ED.nii.gz")).unlink()
    grid = ("--models", "clipseg", "--weights", "clipseg=random", "--prompts", "P1", "--out", tmp_path / "study")
    asked = ("study", "transfer", "--data", one, other, *grid, "--plan")
    refused = synthboost(*asked)
    assert (refused.code, "--allow-missing" in refused.err) == (2, True)
    assert synthboost(*asked, "--allow-missing").code == 0


def test_only_a_transfer_takes_several_real_sets(study: Call, simulated: Path, tmp_path: Path) -> None:
    answer = study("--data", simulated, tmp_path)
    assert answer.code == 2
    assert "expected the one folder of the real data set. Only `study transfer` takes several." in answer.err
