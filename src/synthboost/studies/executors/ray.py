"""A study's runs on a Ray cluster, or on a Ray of this machine alone (extra `ray`)."""

from __future__ import annotations

import math
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthboost.errors import ConfigError, extra, require_fields
from synthboost.io.lock import exclusive, owned_by
from synthboost.studies.executors.base import Job, Outcome, Report, Work, carry_out


@dataclass(frozen=True)
class RaySettings:
    """Which Ray, and what each run asks of it."""

    address: str | None = None
    """Of the cluster: `auto` on one of its nodes, or `host:port`. `None` starts a Ray on this machine and ends it."""
    cpus: float = 1.0
    """Also the number of torch's threads, if whole."""
    gpus: float = 0.0
    """Parts of one are possible: runs with 0.5 share a GPU by twos."""
    memory_gb: float | None = None
    """Ray places runs by it, and does not enforce it; `None` leaves memory out of account."""
    at_once: int | None = None
    """Runs at the same time; `None`: as many as fit."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work, naming the field."""
        values = (("cpus", self.cpus, 0), ("gpus", self.gpus, 0), ("memory_gb", self.memory_gb, 0),
                  ("at_once", self.at_once, 1))  # fmt: skip
        require_fields(self, *((n, v is None or least <= v < math.inf, f"{least} or more") for n, v, least in values))


@dataclass(frozen=True)
class RayExecutor:
    """Carries out jobs as Ray's tasks, each in a process of its own.

    They end with this process; the same study goes on where they were.
    """

    folder: Path
    """That this process alone uses."""
    settings: RaySettings = RaySettings()

    def __post_init__(self) -> None:
        """Refuse a machine without Ray."""
        _ray()

    def run(self, jobs: Sequence[Job], work: Work, report: Report) -> None:
        """Carry out all jobs; see `Executor.run`.

        Raises:
            ConfigError: no cluster answers at the address.
        """
        with exclusive(self.folder), _connected(self.settings) as ray:
            tasks = _Tasks(ray, self.settings, work)
            try:
                carry_out(jobs, tasks, self.settings.at_once or len(jobs), report)
            finally:
                tasks.stop()


class _Tasks:
    """What Ray has been given and has not ended."""

    def __init__(self, ray: Any, settings: RaySettings, work: Work) -> None:
        self.ray = ray
        self.work = ray.put(work)
        memory = None if settings.memory_gb is None else settings.memory_gb * 2**30
        # A fresh process for each: what a run computes must not depend on which ran in it before.
        self.remote = ray.remote(
            num_cpus=settings.cpus, num_gpus=settings.gpus, memory=memory, max_retries=0, max_calls=1
        )(_carry_out)
        self.running: dict[Any, Job] = {}

    def start(self, job: Job) -> None:
        self.running[self.remote.remote(self.work, job.name, os.getcwd())] = job

    def wait(self) -> list[tuple[Job, Outcome | str]]:
        """Wait until a task ends or its process dies; return its job and the outcome, or in words how it died."""
        [task], _ = self.ray.wait(list(self.running), num_returns=1)
        job = self.running.pop(task)
        try:
            outcome: Outcome = self.ray.get(task)
        except self.ray.exceptions.RayTaskError as error:  # before the work began: e.g. its module is not there
            return [(job, Outcome(job.name, f"{type(error.cause).__name__} on a node of Ray: {error.cause}"))]
        except self.ray.exceptions.RayError as error:
            return [(job, f"by {type(error).__name__}")]
        return [(job, outcome)]

    def stop(self) -> None:
        for task in self.running:
            self.ray.cancel(task, force=True)


def _carry_out(work: Work, name: str, folder: str) -> Outcome:
    os.chdir(folder)  # Ray's processes start wherever Ray was started
    with owned_by(name):
        return work(name)


@contextmanager
def _connected(settings: RaySettings) -> Iterator[Any]:
    ray = _ray()
    if ray.is_initialized():  # by whoever called; it is theirs to end
        yield ray
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        host, _, port = (settings.address or "").rpartition(":")
        if host and port.isdigit() and "/" not in host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=20).close()
        ray.init(address=settings.address or "local", include_dashboard=False, log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            "executor ray", "address", settings.address, "a Ray cluster that answers", str(error)
        ) from error
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray has taken it
        yield ray
    finally:
        ray.shutdown()


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report home
    with extra("ray", "ray"):
        import ray
    return ray
