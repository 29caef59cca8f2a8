"""Two processes that train one model: one run, one log, one cache."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from synthboost.records.run_folder import read_run


@pytest.mark.parametrize(
    ("model", "encoders"), [("cris", "frozen"), ("clipseg", "vision=lora-2,text=trained")], ids=["frozen", "lora"]
)
def test_two_processes_finish_one_run(
    make_tiny_camus: Callable[..., Path], tmp_path: Path, model: str, encoders: str
) -> None:
    data = make_tiny_camus(tmp_path / "data", patients=5)
    options = ["--model", model, "--encoders", encoders, "--epochs", "2", "--batch-images", "2", "--prompts", "P1"]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m",
               "synthboost.cli.main", "train", "--data", str(data), "--out", str(tmp_path / "runs"),
               "--learning-rate", "1e-3", "--scoring-workers", "1", *options]  # fmt: skip
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    [folder] = (tmp_path / "runs").glob("[!.]*")
    run = read_run(folder)
    assert [line.images_seen for line in run.log] == [12, 24]  # three patients of four frames, each seen once an epoch
    assert len([row for row in run.rows if not row.probe]) == 12
    features = list((tmp_path / "runs" / ".features").glob("*/*.safetensors"))
    assert bool(features) == (encoders == "frozen")
