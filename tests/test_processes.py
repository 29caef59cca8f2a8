"""Processes that end with their parent, whatever ends it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from killing import Running, processes_with

from synthboost import processes
from synthboost.errors import SynthboostError
from synthboost.processes import available_cores, process_pool

THREE_WORKERS = """
import sys, time
from synthboost.processes import process_pool
if __name__ == "__main__":
    with process_pool(3, sys.argv[1]) as pool:
        list(pool.map(abs, range(9)))
        print("ready", flush=True)
        pool.submit(time.sleep, 600)
        time.sleep(600)
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_no_worker_outlives_a_killed_parent(tmp_path: Path, method: str) -> None:
    script = tmp_path / "workers.py"
    script.write_text(THREE_WORKERS)
    with Running([sys.executable, str(script), method], tmp_path) as parent:
        while "ready" not in parent.said.read_text():
            assert parent.lives, parent.said.read_text()
            time.sleep(0.02)
        assert len(processes_with(parent.mark)) >= 4
        os.kill(parent.process.pid, signal.SIGKILL)
        parent.process.wait()
        parent.assert_nothing_left()


def test_a_worker_that_dies_is_one_line() -> None:
    with pytest.raises(SynthboostError, match="process: one died"), process_pool(1) as pool:
        pool.submit(os._exit, 1).result()


@pytest.mark.parametrize(("quota", "cores"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None)])
def test_cores_are_those_of_the_process_and_its_container(
    quota: str, cores: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    monkeypatch.setattr(processes, "QUOTA", tmp_path / "cpu.max")
    assert available_cores() == (len(os.sched_getaffinity(0)) if cores is None else cores)
