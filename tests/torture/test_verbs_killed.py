"""Verbs that are killed at random moments end up with what an undisturbed one leaves, and leave no process."""

from __future__ import annotations

from pathlib import Path

import pytest
from killing import Whom, torture


@pytest.mark.parametrize("seed", range(2))
def test_predict(recordings: Path, checkpoint: Path, tmp_path: Path, seed: int) -> None:
    torture(["predict", recordings, "--checkpoint", checkpoint], tmp_path, kills=5, seed=seed)


@pytest.mark.parametrize("whom", ["group", "parent"])
def test_evaluate(simulated: Path, checkpoint: Path, tmp_path: Path, whom: Whom) -> None:
    torture(["evaluate", "--data", simulated, "--checkpoint", checkpoint], tmp_path, whom=whom)


def test_clinical(simulated: Path, checkpoint: Path, tmp_path: Path) -> None:
    torture(["clinical", checkpoint, "--data", simulated, "--uncertainty"], tmp_path, kills=4)


def test_pseudo_label(simulated: Path, checkpoint: Path, tmp_path: Path) -> None:
    settings = ["--least-confidence", 0.0, "--keep-implausible"]
    torture(["pseudo-label", simulated, "--checkpoint", checkpoint, *settings], tmp_path, kills=4)


GRID = ("--models", "clipseg", "--encoders", "trained", "frozen", "--prompts", "P1", "--images-per-stage", "20")
SAID = ("logs/*", "report.html", "results/**/*")
"""What each run said may differ; so may the times in a report."""


@pytest.mark.parametrize("whom", ["group", "parent"])
def test_a_study_with_two_workers(simulated: Path, other: Path, tmp_path: Path, whom: Whom) -> None:
    command = ["study", "paper", "--data", simulated, "--synthetic", other, *GRID, "--workers", 2]
    torture(command, tmp_path, kills=5, seed=1, whom=whom, ignore=SAID)
