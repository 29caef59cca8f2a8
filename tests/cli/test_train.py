"""`synthboost train`."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from smallest_models import SETTINGS

from synthboost.cli.train import TrainableStrategy
from synthboost.models.catalogue import MODELS
from synthboost.records.rows import read_rows
from synthboost.records.run_folder import read_run
from synthboost.studies.spec import STAGES

SHORT = ("--epochs", 1, "--batch-images", 4, "--workers", 0)


def test_train_leaves_a_finished_run_with_a_row_per_image_structure_and_probe(trained_run: Path) -> None:
    record = read_run(trained_run)
    assert len(record.log) == 1
    assert len(record.rows) == 4 * 3 * 2
    assert {row.probe for row in record.rows.itertuples()} == {"", "swapped"}
    assert {row.status for row in record.rows.itertuples()} <= {"ok", "empty_pred"}
    assert record.manifest.seed == 0
    assert not (trained_run / "state").exists()


def test_a_finished_run_is_not_repeated(
    synthboost: Callable[..., Any], simulated: Path, trained_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS["clipseg"].presets, "tiny", SETTINGS["clipseg tiny"])
    before = (trained_run / "rows.csv").stat().st_mtime_ns
    answer = synthboost("train", "--data", simulated, "--out", trained_run.parent, *SHORT)
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == f"run: {trained_run}"
    assert (trained_run / "rows.csv").stat().st_mtime_ns == before


def test_a_finished_run_that_is_to_be_judged_otherwise_is_not_trained_again(
    synthboost: Callable[..., Any], simulated: Path, tmp_path: Path
) -> None:
    arguments = ("train", "--data", simulated, "--out", tmp_path / "runs", "--prompts", "P1", *SHORT)
    assert synthboost(*arguments).code == 0
    (run,) = (tmp_path / "runs").iterdir()
    trained = (run / "checkpoint" / "model.safetensors").stat().st_mtime_ns
    assert {row.part for row in read_run(run).rows.itertuples()} == {"testing"}

    assert synthboost(*arguments, "--evaluate-on", "validation").code == 0
    assert {row.part for row in read_run(run).rows.itertuples()} == {"validation"}
    assert (run / "checkpoint" / "model.safetensors").stat().st_mtime_ns == trained


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--allow-missing", "--model", "clipsegg"), "clipsegg"),
        (("--allow-missing", "--synthetic", "nowhere", "--strategy", "synthetic"), "nowhere: data set: no such folder"),
        ((), "patients without a folder: .*patient0004; .*--split no-test; --allow-missing"),
        (("--allow-missing",), "part: testing; .*--split no-test; --allow-missing only skips"),
        (("--split", "no-test", "--patients", 9), "training patients: 9; expected 1"),
    ],
)
def test_what_can_be_known_before_pixels_are_read_is_told_before(
    synthboost: Callable[..., Any], tiny_camus: Path, tmp_path: Path, options: tuple[object, ...], said: str
) -> None:
    shutil.rmtree(tiny_camus / "database_nifti" / "patient0004")
    for path in tiny_camus.rglob("*.nii.gz"):
        path.write_bytes(b"nobody reads this")
    answer = synthboost("train", "--data", tiny_camus, "--out", tmp_path / "runs", *SHORT, *options)
    assert answer.code == 2
    assert re.search(said, answer.err.replace("\n", " ")), answer.err
    assert not (tmp_path / "runs").exists()


def test_a_patient_can_be_left_out_by_name(synthboost: Callable[..., Any], tiny_camus: Path, tmp_path: Path) -> None:
    arguments = ("train", "--data", tiny_camus, "--out", tmp_path / "runs", "--leave-out", "patient0001", *SHORT)
    answer = synthboost(*arguments)
    assert answer.code == 0, answer.err
    (run,) = (tmp_path / "runs").iterdir()
    spec = json.loads((run / "spec.json").read_text())
    assert spec["data"]["real"]["split"] == "official without patient0001"
    assert spec["data"]["real"]["patients"] == 1


def test_pretraining_leaves_two_runs_of_which_the_second_names_its_parent(
    synthboost: Callable[..., Any], simulated: Path, tiny_camus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    arguments = ("--data", tiny_camus, "--synthetic", simulated, "--strategy", "synth-PT:real-FT", "--prompts", "P1")
    answer = synthboost("train", *arguments, "--out", out, *SHORT)
    assert answer.code == 0, answer.err
    child, parent = sorted(out.iterdir())
    assert child.name.startswith("clipseg-synth-PT-real-FT-P1-seed0-")
    assert parent.name.startswith("clipseg-synthetic-P1-seed0-")
    assert json.loads((child / "manifest.json").read_text())["parent"] == parent.name
    assert {row.domain for row in read_run(parent).rows.itertuples()} == {"real"}


def test_a_strategy_without_its_data_is_refused(
    synthboost: Callable[..., Any], simulated: Path, tmp_path: Path
) -> None:
    answer = synthboost("train", "--data", simulated, "--strategy", "synthetic", "--out", tmp_path / "runs", *SHORT)
    assert answer.code == 2
    assert "no synthetic data" in answer.err
    assert not (tmp_path / "runs").exists()


def test_the_strategies_that_are_offered_are_those_that_can_be_run(synthboost: Callable[..., Any]) -> None:
    assert get_args(TrainableStrategy) == tuple(STAGES)
    assert "--strategy {zero-shot,real,synthetic,synth-PT:real-FT,mixed} " in synthboost("train", "--help").out
    answer = synthboost("train", "--data", "anywhere", "--strategy", "both")
    assert answer.code == 2
    assert "synth-PT:real-FT" in answer.err


def test_a_mixed_run_is_asked_later_with_the_domain_it_was_trained_with(
    synthboost: Callable[..., Any], simulated: Path, tiny_camus: Path, tmp_path: Path
) -> None:
    arguments = ("--data", tiny_camus, "--synthetic", simulated, "--strategy", "mixed", "--prompts", "P1")
    answer = synthboost("train", *arguments, "--real-share", 0.5, "--out", tmp_path / "runs", *SHORT)
    assert answer.code == 0, answer.err
    (run,) = (tmp_path / "runs").iterdir()
    assert run.name.startswith("clipseg-mixed-P1-seed0-")
    for number, (options, ending) in enumerate(
        ((("--data", simulated), ", in a simulated image."), (("--data", simulated, "--name-domain", "no"), "heart."))
    ):
        out = tmp_path / f"scores{number}"
        asked = ("evaluate", *options, "--checkpoint", run, "--prompts", "P1", "--out", out)
        assert synthboost(*asked).code == 0
        assert all(row.sentence.endswith(ending) for row in read_rows(out / "rows.csv").itertuples())
    picture = next(simulated.glob("database_nifti/*/*_2CH_ED.nii.gz"))
    for number, (sentence, noted) in enumerate(
        (("Myocardium of the heart.", True), ("Myocardium of the heart, in a real image.", False))
    ):
        out = tmp_path / f"predicted{number}"
        told = synthboost("predict", picture, "--checkpoint", run, "--sentences", sentence, "--out", out)
        assert told.code == 0
        assert ('"Myocardium of the heart, in a real image."' in told.err) is noted


def test_an_unknown_model_is_refused_with_the_known_ones(
    synthboost: Callable[..., Any], simulated: Path, tmp_path: Path
) -> None:
    answer = synthboost("train", "--data", simulated, "--model", "vnet", "--out", tmp_path, *SHORT)
    assert answer.code == 2
    (line,) = answer.err.splitlines()
    assert line.startswith("ERROR ")
    assert "model: vnet; expected one of clipseg" in line
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_without_test_patients_is_refused_and_the_remedy_works(
    synthboost: Callable[..., Any], tiny_camus: Path, tmp_path: Path
) -> None:
    for file in (tiny_camus / "database_nifti" / "patient0004").iterdir():
        file.unlink()
    (tiny_camus / "database_nifti" / "patient0004").rmdir()
    arguments = ("train", "--data", tiny_camus, "--strategy", "zero-shot", "--out", tmp_path / "runs", *SHORT)
    refused = synthboost(*arguments)
    assert refused.code == 2
    assert "patient0004" in refused.err
    helped = synthboost(*arguments, "--split", "no-test", "--allow-missing")
    assert helped.code == 0, helped.err
    assert "over 12 pairs of 1 patient " in helped.out
