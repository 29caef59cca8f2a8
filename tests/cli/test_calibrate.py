"""`synthboost calibrate`: the simulator's prior shifted towards unannotated images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_too_few_measured_frames_are_said_and_nothing_is_written(
    synthboost: Run, simulated: Path, trained_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "calibration.json"
    answer = synthboost("calibrate", simulated, "--simulated", simulated, "--checkpoint", trained_run, "--out", out)
    assert answer.code == 2
    assert "frames at end diastole" in answer.err
    assert not out.exists()


def test_a_set_that_is_not_simulated_is_refused(
    synthboost: Run, simulated: Path, trained_run: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "database_nifti").symlink_to(simulated / "database_nifti")
    (bare / "database_split").symlink_to(simulated / "database_split")
    answer = synthboost(
        "calibrate", simulated, "--simulated", bare, "--checkpoint", trained_run, "--out", tmp_path / "c.json"
    )
    assert answer.code == 2
    assert "simulation.json" in answer.err


def test_simulate_takes_what_calibrate_prints(synthboost: Run, tmp_path: Path) -> None:
    call = ("simulate", "--patients", 1, "--size", 64, "--workers", 1, "--out")
    answer = synthboost(*call, tmp_path / "thick", "--calibration", "volume", 0.9, "wall_mm", 2.5)
    assert answer.code == 0, answer.err
    assert '"wall_mm": 2.5' in (tmp_path / "thick" / "simulation.json").read_text()
    answer = synthboost(*call, tmp_path / "thick")
    assert answer.code == 2
    assert "calibration" in answer.err
