"""`synthboost simulate`."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_files import files_of_at_most


def test_simulate_writes_four_frames_per_patient_in_camus_layout(simulated: Path) -> None:
    patients = sorted(folder.name for folder in (simulated / "database_nifti").iterdir())
    assert patients == ["patient0001", "patient0002", "patient0003"]
    with (simulated / "frames.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 12
    assert {row["domain"] for row in rows} == {"simulated"}
    assert (simulated / "database_split" / "subgroup_testing.txt").read_text() == "patient0003\n"


def test_simulate_repeats_nothing_and_says_how_much_there_is(synthboost: Callable[..., Any], simulated: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in simulated.rglob("*.nii.gz")}
    answer = synthboost("simulate", "--out", simulated, "--patients", 3, "--size", 64, "--workers", 1)
    assert answer.code == 0
    assert answer.out == f"12 simulated frames of 3 patients in {simulated}\n"
    assert before == {path: path.stat().st_mtime_ns for path in simulated.rglob("*.nii.gz")}


def test_simulate_refuses_a_folder_with_other_settings(synthboost: Callable[..., Any], simulated: Path) -> None:
    answer = synthboost("simulate", "--out", simulated, "--patients", 3, "--size", 65, "--workers", 1)
    assert answer.code == 2
    assert "size is 64 there and 65 now" in answer.err


def test_simulate_refuses_a_folder_that_holds_something_else(synthboost: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    answer = synthboost("simulate", "--out", tmp_path, "--patients", 1)
    assert answer.code == 2
    assert "thesis.tex" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_files_that_may_not_grow_are_one_line_and_leave_no_cut_image(
    synthboost: Callable[..., Any], tmp_path: Path
) -> None:
    arguments = ("simulate", "--out", tmp_path / "set", "--patients", 1, "--size", 96, "--workers", 1)
    with files_of_at_most(2048):
        answer = synthboost(*arguments)
    assert answer.code == 2
    assert "File too large" in answer.err
    assert not list((tmp_path / "set").rglob("*.nii.gz"))
    assert synthboost(*arguments).code == 0


def test_a_set_that_is_drawn_when_read_is_trained_on(
    synthboost: Callable[..., Any], simulated: Path, tmp_path: Path
) -> None:
    drawn = tmp_path / "drawn"
    answer = synthboost("simulate", "--out", drawn, "--patients", 3, "--size", 64, "--seed", 1, "--on-the-fly")
    assert answer.out == f"12 frames of 3 patients, drawn when read: {drawn}\n", answer.err
    answer = synthboost(
        "train", "--data", simulated, "--synthetic", drawn, "--strategy", "synthetic", "--out", tmp_path / "runs",
        "--epochs", 1, "--batch-images", 4, "--workers", 0,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    answer = synthboost("simulate", "--out", tmp_path / "both", "--frames", 8, "--on-the-fly")
    assert answer.code == 2
    assert "--patients instead of --frames" in answer.err
