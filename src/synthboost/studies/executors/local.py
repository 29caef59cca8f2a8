"""A study's runs on this machine: processes that stay, each with one run at a time."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context

from synthboost.errors import require_fields
from synthboost.processes import available_cores, begin, out_of_reach
from synthboost.studies.executors.base import Job, Outcome, Report, Work, carry_out

STOP_SECONDS = 5.0
"""How long a process may take to put things in order when it is asked to stop; a killed one costs what it did since its
last saved state."""
END_SECONDS = 20.0
"""How long one whose line is closed may take to end."""
STOPPED = 128 + signal.SIGTERM
"""The exit code of a process that was asked to stop."""
THREADS_VARIABLE = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class LocalExecutor:
    """Carries out jobs in processes of this machine.

    Each is started afresh (spawn) and loads torch once. One that dies costs the job it had. None outlives this
    process, however that ends: they notice when it is gone.
    """

    workers: int = 1
    threads: int | None = None
    """Of torch in each process; `None` shares the cores out."""

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work."""
        for name, value in (("workers", self.workers), ("threads", self.threads)):
            require_fields(self, (name, value is None or value >= 1, "1 or more"))

    def run(self, jobs: Sequence[Job], work: Work, report: Report) -> None:
        """Carry out all jobs; see `Executor.run`. Whatever is raised here or by `report` stops the processes first."""
        pool = _Pool(work, self.threads or max(1, available_cores() // self.workers))
        try:
            carry_out(jobs, pool, self.workers, report)
        finally:
            pool.stop()


class _Worker:
    """A process; `line` carries names of jobs out and outcomes back."""

    def __init__(self, work: bytes, threads: int) -> None:
        context = get_context("spawn")
        self.line, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, threads, there))
        with out_of_reach():
            self.process.start()
        there.close()
        self.job: Job | None = None


class _Pool:
    """The processes, idle and busy."""

    def __init__(self, work: Work, threads: int) -> None:
        self._work, self._threads = pickle.dumps(work), threads
        self._workers: list[_Worker] = []

    def start(self, job: Job) -> None:
        """Give a job to an idle process, or to a new one."""
        worker = next((worker for worker in self._workers if worker.job is None), None)
        if worker is None:
            worker = _Worker(self._work, self._threads)
            self._workers.append(worker)
        worker.job = job
        with suppress(BrokenPipeError):  # it died while it was idle; `wait` will find that out
            worker.line.send(job.name)

    def wait(self) -> list[tuple[Job, Outcome | str]]:
        """Wait until a job ends or a process dies; return the outcomes, or in words how the process died."""
        busy = [worker for worker in self._workers if worker.job is not None]
        ready = connection.wait([worker.line for worker in busy])
        found: list[tuple[Job, Outcome | str]] = []
        for worker in [worker for worker in busy if worker.line in ready]:
            job, worker.job = worker.job, None
            assert job is not None
            try:
                found.append((job, worker.line.recv()))
            except (EOFError, OSError):
                self._workers.remove(worker)
                worker.process.join(END_SECONDS)
                worker.line.close()
                found.append((job, _how(worker.process.exitcode)))
        return found

    def stop(self) -> None:
        """Ask all to stop, and see to it that they do."""
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.line.close()
        self._workers.clear()


def _serve(packed: bytes, threads: int, line: connection.Connection) -> None:
    """What a process does: work on one name after the other, until it is stopped or its parent is gone."""
    begin()
    signal.signal(signal.SIGTERM, _leave)
    os.environ.setdefault(THREADS_VARIABLE, str(threads))  # before the work is unpacked, which loads torch
    try:
        work: Work = pickle.loads(packed)
        with suppress(EOFError, BrokenPipeError):
            while True:
                line.send(work(line.recv()))
    except _Stopped:
        os._exit(STOPPED)  # everything is in order; Python would take torch apart first, for seconds


class _Stopped(SystemExit):
    """Asked to stop: nothing that `except Exception` holds up."""


def _leave(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; what follows shall not be interrupted
    raise _Stopped


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"by signal {signal.Signals(-exit_code).name}"
    return f"with exit code {exit_code}"
