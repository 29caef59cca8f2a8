"""`synthboost calibrate`: the simulator's prior shifted towards unannotated images."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_too_few_frames_are_said_before_any_is_looked_at_and_nothing_is_written(
    synthboost: Run, simulated: Path, trained_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "calibration.json"
    answer = synthboost("calibrate", simulated, "--simulated", simulated, "--checkpoint", trained_run, "--out", out)
    assert answer.code == 2
    assert "images: 2CH frames at end diastole: 1 of 1 training patients; expected at least 10" in answer.err
    assert "annotating" not in answer.err
    assert not out.exists()


def test_a_set_that_is_not_simulated_is_refused(synthboost: Run, trained_run: Path, tmp_path: Path) -> None:
    drawn, bare = tmp_path / "drawn", tmp_path / "bare"
    call = ("simulate", "--patients", 12, "--split-counts", 12, 0, 0, "--size", 48, "--workers", 1, "--out", drawn)
    assert synthboost(*call).code == 0
    shutil.copytree(drawn, bare)
    (bare / "simulation.json").unlink()
    call = ("calibrate", drawn, "--simulated", bare, "--checkpoint", trained_run, "--out", tmp_path / "c.json")
    answer = synthboost(*call)
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
