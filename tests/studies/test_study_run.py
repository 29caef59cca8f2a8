"""A study of real runs on ellipses, killed some times and carried out once more in peace."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from in_process import Here

from synthboost.data.source import open_source
from synthboost.domain import PromptSet
from synthboost.models.catalogue import MODELS
from synthboost.models.clipseg.settings import ClipSegSettings
from synthboost.records.run_folder import read_run
from synthboost.studies import study_run
from synthboost.studies.executors.base import Outcome
from synthboost.studies.recipes import ours, smoke
from synthboost.studies.study import Study


@pytest.fixture
def study(
    make_tiny_camus: Callable[..., Path], tiny_settings: ClipSegSettings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Study:  # fmt: skip
    monkeypatch.setitem(MODELS["clipseg"].presets, "tiny", tiny_settings)
    real, synthetic = make_tiny_camus(tmp_path / "real-data"), make_tiny_camus(tmp_path / "synthetic-data", first=11)
    grid = replace(smoke().grid, models=("clipseg",), prompts=(PromptSet.P1,), patients=(1,))
    preset = replace(smoke(), images_per_stage=16, grid=grid)
    return Study("paper", ours(), preset, open_source(real), (open_source(synthetic),))


def _killed_at(moment: Callable[[], bool], out: Path, study: Study) -> None:
    """Carry out the study in another process until it is time."""
    child = os.fork()
    if child == 0:
        try:
            study_run.run_study(out, study, Here())
        finally:
            os._exit(0)
    while not moment():
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it ended before it was killed"


def _files(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*"))


def test_the_time_left_is_the_estimates_corrected_by_trainings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    expected = {"baseline": 5.0, "a": 600.0, "b": 600.0, "c": 1200.0, "zero-shot": 60.0}
    progress = study_run._StudyProgress(expected, trained=("a", "b", "c"), at_once=2)
    for name, seconds in (("baseline", 21.0), ("a", 1200.0), ("zero-shot", 400.0), ("b", 0.0), ("c", 900.0)):
        progress.report(Outcome(name, "no luck" if name == "b" else None, seconds))
    assert capsys.readouterr().err.splitlines() == [
        "[1/5] baseline: 21 s; about 20 min left",  # 2460 s of work for two processes
        "[2/5] a: 1200 s; about 40 min left",  # twice as long as expected
        "[3/5] zero-shot: 400 s; about 40 min left",
        "[4/5] b: FAILED: no luck; about 40 min left",
        "[5/5] c: 900 s",
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a process that used CUDA cannot be forked")
def test_killed_at_random_moments_the_study_ends_with_the_same_rows(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(3)
    for _ in range(4):
        earliest, files = time.monotonic() + chance.uniform(0.05, 0.5), _files(tmp_path / "killed")

        def now(earliest: float = earliest, files: int = files) -> bool:
            late = time.monotonic() >= earliest
            return late and not (chance.random() < 0.5 and _files(tmp_path / "killed") == files)

        _killed_at(now, tmp_path / "killed", study)
    assert not study_run.run_study(tmp_path / "killed", study, Here())
    monkeypatch.setattr(study_run, "write_results", lambda root, failures: None)  # one report is enough
    assert not study_run.run_study(tmp_path / "calm", study, Here())
    calm, killed = ({path.parent.name: path.read_bytes() for path in (tmp_path / name).glob("runs/*/rows.csv")}
                    for name in ("calm", "killed"))  # fmt: skip
    # 2 baselines, zero-shot, and for frozen and trained: synthetic, real, and both.
    assert len(calm) == 2 + 1 + 2 * 3
    assert killed == calm
    runs = [path for path in (tmp_path / "killed" / "runs").iterdir() if not path.name.startswith(".")]
    assert {path.name for path in runs} == set(calm)
    assert not [path for path in (tmp_path / "killed").rglob(".writing-*")]
    assert all(len(read_run(run).rows) for run in runs)
    assert (tmp_path / "killed" / "report.html").is_file()
