"""A study of real runs on ellipses: failures, growth, two at once, and kills; with processes only where they matter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from synthboost.records.run_folder import read_run

FAST_STUDY = '''
"""Carries out a small study, killed some times, and once more in peace: `python fast_study.py REAL SYNTHETIC OUT`."""
import os, random, signal, sys, time
from dataclasses import replace
from pathlib import Path

import torch

import synthboost.models.clipseg.model  # before the forks, else each child imports it

from synthboost.domain import PromptSet
from synthboost.studies.executors.base import JobQueue
from synthboost.studies.recipes import ours, smoke
from synthboost.data.source import open_source
from synthboost.studies.study import Study
from synthboost.studies import study_run
from synthboost.models.catalogue import MODELS

class Here:
    def run(self, jobs, work, report):
        queue = JobQueue(jobs)
        while (job := queue.take()) is not None:
            for outcome in queue.ended(work(job.name)):
                report(outcome)

def carry_out(real, synthetic, out):
    grid = replace(smoke().grid, models=("clipseg",), prompts=(PromptSet.P1,), patients=(1,))
    preset = replace(smoke(), images_per_stage=16, grid=grid)
    study = Study("paper", ours(), preset, open_source(real), (open_source(synthetic),))
    assert not study_run.run_study(out, study, Here())

def count_files(out):
    return sum(1 for _ in (out / "killed").rglob("*"))

if __name__ == "__main__":
    torch.set_num_threads(1)
    real, synthetic, out = map(Path, sys.argv[1:4])
    settings = dict(
        input_size=32, vision_width=32, vision_layers=3, vision_positions=32, text_width=32, text_layers=1,
        text_length=48, head_width=16, projection_width=32, extract_layers=(0, 1, 2), reduce_width=32, decoder_mlp=32,
    )
    presets = MODELS["clipseg"].presets
    presets["tiny"] = replace(presets["tiny"], **settings)
    chance, kills = random.Random(3), 0
    while kills < 4:
        child = os.fork()
        if child == 0:
            carry_out(real, synthetic, out / "killed")
            os._exit(0)
        moment = time.monotonic() + chance.uniform(0.05, 0.5)
        files = count_files(out)
        while time.monotonic() < moment or (chance.random() < 0.5 and count_files(out) == files):
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "it ended before it was killed"
        kills += 1
    carry_out(real, synthetic, out / "killed")
    study_run.write_results = lambda root, failures: None  # one report is enough
    carry_out(real, synthetic, out / "calm")
'''


def test_killed_at_random_moments_the_study_ends_with_the_same_rows(
    make_tiny_camus: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "fast_study.py").write_text(FAST_STUDY)
    data = [make_tiny_camus(tmp_path / "real-data"), make_tiny_camus(tmp_path / "synthetic-data", first=11)]
    command = [sys.executable, str(tmp_path / "fast_study.py"), *map(str, data), str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-3000:]
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
