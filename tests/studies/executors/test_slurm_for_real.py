"""The same jobs on a SLURM that runs; skipped where none answers.

`eval "$(sh tests/studies/executors/slurm_one_node.sh start FOLDER)"` makes one of this machine.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from synthboost.studies.executors.base import Job, Work
from synthboost.studies.executors.slurm import SlurmQueue, SlurmSettings, watch

SETTINGS = SlurmSettings(hours=0.1, memory_gb=0.5, cpus=1)
MakeWork = Callable[[Path], Work]


def slurm_answers() -> bool:
    if shutil.which("sinfo") is None:
        return False
    return subprocess.run(["sinfo"], capture_output=True, timeout=60, check=False).returncode == 0


pytest.importorskip("submitit", reason="the extra `slurm` is not installed")
pytestmark = pytest.mark.skipif(not slurm_answers(), reason="no SLURM answers `sinfo`; slurm_one_node.sh makes one")


def run(jobs: list[Job], work: Work, folder: Path) -> dict[str, str | None]:
    reported: dict[str, str | None] = {}
    queue = SlurmQueue(folder, SETTINGS, poll_seconds=0.5)
    watch(jobs, work, lambda outcome: reported.update({outcome.name: outcome.error}), queue)
    return reported


def attempts(folder: Path) -> dict[str, int]:
    return {path.name: len(path.read_text().splitlines()) for path in folder.iterdir() if path.name != "go"}


def submitted(folder: Path) -> int:
    """How many jobs have a number."""
    return len(list(folder.glob("*_submitted.pkl")))


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_every_job_is_reported_and_a_lost_process_costs_one_run(make_work: MakeWork, tmp_path: Path) -> None:
    jobs = [
        Job("first"), Job("bad"), Job("dies"), Job("dies-once"), Job("second", ("first", "dies-once")),
        Job("after bad", ("bad",)), Job("after dies", ("dies",)),
    ]  # fmt: skip
    reported = run(jobs, make_work(tmp_path / "ran"), tmp_path / "slurm")
    assert str(reported.pop("dies")).startswith("its process died 2 times, the last time in job")
    assert reported == {
        "first": None, "bad": "it is bad", "dies-once": None, "second": None,
        "after bad": "not run: it needs bad, which failed", "after dies": "not run: it needs dies, which failed",
    }  # fmt: skip
    assert attempts(tmp_path / "ran") == {"first": 1, "bad": 1, "dies": 2, "dies-once": 2, "second": 1}


def test_jobs_outlive_a_killed_driver_and_the_next_one_takes_them_up(make_work: MakeWork, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    done = {name: (ran / name).exists for name in ("waits", "second", "third")}
    jobs = [Job("waits", (), done["waits"]), Job("second", ("waits",), done["second"])]
    jobs.append(Job("third", ("second",), done["third"]))
    work = make_work(tmp_path / "ran")
    driver = get_context("fork").Process(target=run, args=(jobs, work, tmp_path / "slurm"))
    driver.start()
    wait_for(lambda: (tmp_path / "ran" / "waits").exists() and submitted(tmp_path / "slurm") == 3)
    assert driver.pid is not None
    os.kill(driver.pid, signal.SIGKILL)
    driver.join()
    (tmp_path / "ran" / "go").touch()
    wait_for((tmp_path / "ran" / "third").exists)  # nobody watches
    assert run(jobs, work, tmp_path / "slurm") == {"waits": None, "second": None, "third": None}
    assert attempts(tmp_path / "ran") == {"waits": 1, "second": 1, "third": 1}


@pytest.fixture
def waiting_job(make_work: MakeWork, tmp_path: Path) -> Iterator[str]:
    """The number of a job that runs and waits for `ran/go`; all must end well."""
    with ThreadPoolExecutor(1) as pool:
        driver = pool.submit(run, [Job("waits")], make_work(tmp_path / "ran"), tmp_path / "slurm")
        wait_for((tmp_path / "ran" / "waits").exists)
        [number] = [path.name.split("_")[0] for path in (tmp_path / "slurm").glob("*_submitted.pkl")]
        try:
            yield number
            wait_for(lambda: attempts(tmp_path / "ran") == {"waits": 2})
        finally:
            (tmp_path / "ran" / "go").touch()
        assert driver.result(timeout=60) == {"waits": None}


def test_a_job_that_is_preempted_is_queued_again_and_ends(waiting_job: str, tmp_path: Path) -> None:
    subprocess.run(["scancel", "--signal=USR2", waiting_job], check=True)
    log = tmp_path / "slurm" / f"{waiting_job}_0_log.err"
    wait_for(lambda: log.is_file() and "Caught signal SIGUSR2" in log.read_text())


def test_a_job_that_slurm_itself_queues_again_ends(waiting_job: str) -> None:
    subprocess.run(["scontrol", "requeue", waiting_job], check=True)  # as it does when a node fails
