"""Two processes that train one model: one run, one log, one cache, and the weights that one process would find."""

from __future__ import annotations

import os
import runpy
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from forked import in_forks

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
from synthboost.data.source import FrameSet
from synthboost.training.loop import train_stage

loop.LEAST_SECONDS = 0.0
data, folder, *command = sys.argv[1:]
data, folder = Path(data), Path(folder)
dataset = open_dataset(data)
pick = lambda first, last: FrameSet("real", [(dataset, info) for info in dataset.frames[first:last]])
torch.manual_seed(0)
small = replace(TINY, input_size=64, vision_positions=2, text_width=16, neck_widths=(8, 16, 16), dropout=0.0)
model = Cris.from_settings(small)
model.set_encoders(Encoders.TRAINED)
config = TrainingConfig(epochs=1, batch_images=5, learning_rate=1e-5, augmentation=0.5, precision="no", threads=1)
train_stage(model, pick(0, 11), pick(12, 15), TripletRecipe(PromptSet.P6, paraphrase="seeded"), config, folder)
if command:  # one start of two processes serves both tests
    from synthboost.cli.main import main

    main(command)
"""
"""Batches of five, five and one images: of the last, the second process has none. Without dropout, which draws other
numbers in every process, and at a low rate, because the normalisation of so few values multiplies rounding errors."""


TRAIN = ("train", "--learning-rate", "1e-3", "--workers", "0", "--encoders", "vision=frozen,text=lora-2",
         "--epochs", "2", "--batch-images", "5", "--prompts", "P1")  # fmt: skip


@pytest.fixture(scope="module")
def two(make_tiny_camus: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two processes trained a CRIS (`cris`) and finished a run of a CLIPSeg (`runs`) on `data`."""
    root = tmp_path_factory.mktemp("two")
    data = make_tiny_camus(root / "data", patients=5)
    (root / "train_cris.py").write_text(TRAIN_CRIS)
    launch(root / "train_cris.py", str(data), "cris", *TRAIN, "--data", str(data), "--out", "runs")
    return root


def launch(program: Path, *arguments: str) -> None:
    """Run a program in two processes as `torchrun --nproc_per_node 2` does: it only sets these variables."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def part(rank: int) -> None:
        os.environ.update(
            MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2", RANK=str(rank),
            LOCAL_RANK=str(rank), ACCELERATE_USE_CPU="1",
        )  # fmt: skip
        AcceleratorState._reset_state(reset_partial_state=True)  # this process trained alone before
        sys.argv = [str(program), *arguments]
        runpy.run_path(str(program), run_name="__main__")

    in_forks(part, program.parent, count=2)


def assert_same_course(two: list[EpochLog], one: list[EpochLog]) -> None:
    for ours, theirs in zip(two, one, strict=True):
        assert ours.images_seen == theirs.images_seen
        assert ours.learning_rate == theirs.learning_rate
        assert ours.training_loss == pytest.approx(theirs.training_loss, rel=RELATIVE)
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=RELATIVE)


def test_two_processes_finish_one_run_with_features_of_a_frozen_encoder_and_adapters_in_the_other(
    two: Path, tmp_path: Path
) -> None:
    [folder] = (two / "runs").glob("[!.]*")
    run = read_run(folder)
    assert [line.images_seen for line in run.log] == [12, 24]  # three patients of four frames, each seen once an epoch
    assert (run.rows.probe == "").sum() == 12
    assert list((two / "runs" / ".features").glob("*/*.safetensors"))
    main([*TRAIN, "--data", str(two / "data"), "--out", str(tmp_path / "alone")])
    assert_same_course(run.log, read_run(tmp_path / "alone" / folder.name).log)


def test_two_processes_share_batches_and_their_statistics_as_one_process_has_them(
    two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = torch.load(two / "cris" / "state" / "tensors.pt", weights_only=True)
    assert len(state["generators"]) == 2, "there were two"
    monkeypatch.setattr(sys, "argv", ["train_cris.py", str(two / "data"), str(tmp_path / "one")])
    with torch.random.fork_rng():
        runpy.run_path(str(two / "train_cris.py"))
    assert_same_course(read_log(two / "cris" / "log.csv"), read_log(tmp_path / "one" / "log.csv"))
    shared, one = (dict(load_segmenter(path).named_buffers()) for path in (two / "cris", tmp_path / "one"))
    for name, buffer in one.items():
        torch.testing.assert_close(shared[name], buffer, rtol=1e-4, atol=1e-5, msg=name)
