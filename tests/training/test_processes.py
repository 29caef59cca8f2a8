"""Two processes that train one model: one run, one log, one cache, and the weights that one process would find."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from synthboost.cli.main import main
from synthboost.models.registry import load_segmenter
from synthboost.records.run_folder import EpochLog, read_log, read_run

RELATIVE = 1e-5
"""Of losses, between one process and two; 2e-6 was seen."""
TRAIN_CRIS = """
import sys
from dataclasses import replace
from pathlib import Path

import torch

from synthboost.data import TripletRecipe, open_dataset
from synthboost.domain import PromptSet
from synthboost.models.cris.model import Cris
from synthboost.models.cris.settings import TINY
from synthboost.models.freezing import Encoders
from synthboost.training.config import TrainingConfig
from synthboost.training import loop
from synthboost.data.frame_set import FrameSet
from synthboost.training.loop import train_stage

loop.LEAST_SECONDS = 0.0
data, folder = map(Path, sys.argv[1:])
dataset = open_dataset(data)
pick = lambda first, last: FrameSet("real", [(dataset, info) for info in dataset.frames[first:last]])
torch.manual_seed(0)
small = replace(TINY, input_size=64, vision_positions=2, text_width=16, neck_widths=(8, 16, 16), dropout=0.0)
model = Cris.from_settings(small)
model.set_encoders(Encoders.TRAINED)
config = TrainingConfig(epochs=1, batch_images=5, learning_rate=1e-5, augmentation=0.5, precision="no", threads=1)
train_stage(model, pick(0, 11), pick(12, 15), TripletRecipe(PromptSet.P6, paraphrase="seeded"), config, folder)
"""
"""Batches of five, five and one images: of the last, the second process has none. Without dropout, which draws other
numbers in every process, and at a low rate, because the normalisation of so few values multiplies rounding errors."""


def launch(*program: str) -> None:
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *program]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def assert_same_course(two: list[EpochLog], one: list[EpochLog]) -> None:
    for ours, theirs in zip(two, one, strict=True):
        assert ours.images_seen == theirs.images_seen
        assert ours.learning_rate == theirs.learning_rate
        assert ours.training_loss == pytest.approx(theirs.training_loss, rel=RELATIVE)
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=RELATIVE)


def test_two_processes_finish_one_run_with_features_of_a_frozen_encoder_and_adapters_in_the_other(
    make_tiny_camus: Callable[..., Path], tmp_path: Path
) -> None:
    data = make_tiny_camus(tmp_path / "data", patients=5)
    train = ["train", "--data", str(data), "--learning-rate", "1e-3", "--scoring-workers", "1",
             "--encoders", "vision=frozen,text=lora-2", "--epochs", "2", "--batch-images", "5",
             "--prompts", "P1"]  # fmt: skip
    launch("-m", "synthboost.cli.main", *train, "--out", str(tmp_path / "runs"))
    [folder] = (tmp_path / "runs").glob("[!.]*")
    run = read_run(folder)
    assert [line.images_seen for line in run.log] == [12, 24]  # three patients of four frames, each seen once an epoch
    assert (run.rows.probe == "").sum() == 12
    assert list((tmp_path / "runs" / ".features").glob("*/*.safetensors"))
    main([*train, "--out", str(tmp_path / "alone")])
    assert_same_course(run.log, read_run(tmp_path / "alone" / folder.name).log)


def test_two_processes_share_batches_and_their_statistics_as_one_process_has_them(
    make_tiny_camus: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_tiny_camus(tmp_path / "data", patients=4)
    program = tmp_path / "train_cris.py"
    program.write_text(TRAIN_CRIS)
    launch(str(program), str(data), str(tmp_path / "two"))
    state = torch.load(tmp_path / "two" / "state" / "tensors.pt", weights_only=True)
    assert len(state["generators"]) == 2, "there were two"
    monkeypatch.setattr(sys, "argv", [str(program), str(data), str(tmp_path / "one")])
    with torch.random.fork_rng():
        runpy.run_path(str(program))
    assert_same_course(read_log(tmp_path / "two" / "log.csv"), read_log(tmp_path / "one" / "log.csv"))
    two, one = (dict(load_segmenter(tmp_path / name).named_buffers()) for name in ("two", "one"))
    for name, buffer in one.items():
        torch.testing.assert_close(two[name], buffer, rtol=1e-4, atol=1e-5, msg=name)
