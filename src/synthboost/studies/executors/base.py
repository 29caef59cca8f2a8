"""What every executor does: carry out jobs that need each other, one outcome each, whatever happens to one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

ATTEMPTS = 2
"""Of a job whose process dies."""


@dataclass(frozen=True)
class Job:
    """One unit of work, by name. It is idempotent: done twice, it is done once."""

    name: str
    needs: tuple[str, ...] = ()
    """Jobs that must have succeeded before this one starts; each is in the same list, earlier, or counts as done."""
    is_done: Callable[[], bool] | None = field(default=None, compare=False, repr=False)
    """Whether what it makes is there, asked where nobody saw how it ended; `None`: its word is taken."""


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    name: str
    error: str | None = None
    """One line that says why it failed; `None` when it succeeded."""
    seconds: float = 0.0


Work: TypeAlias = Callable[[str], Outcome]
"""Carries out the job of a name. It can be pickled, meets other jobs through files alone, and turns what it raises into
an outcome."""
Report: TypeAlias = Callable[[Outcome], None]


class Executor(Protocol):
    """Carries out jobs somewhere."""

    def run(self, jobs: Sequence[Job], work: Work, report: Report) -> None:
        """Carry out all jobs and report each once, as it ends.

        A job whose need failed is not started and is reported with an error that names the need. A worker that dies
        costs the job it had: that job is tried once more, then reported as failed; the others go on.
        """
        ...


class Workers(Protocol):
    """Processes somewhere that carry out one job each."""

    def start(self, job: Job) -> None:
        """Start a job."""
        ...

    def wait(self) -> list[tuple[Job, Outcome | str]]:
        """Wait until a job ends or its process dies; return the outcome, or in words how the process died."""
        ...


def carry_out(jobs: Sequence[Job], workers: Workers, at_once: int, report: Report) -> None:
    """Start each job once those that it needs have succeeded, and report how it ended; see `Executor.run`."""
    queue, running = JobQueue(jobs), 0
    while running or not queue.is_over:
        while running < at_once and (job := queue.take()) is not None:
            workers.start(job)
            running += 1
        assert running, "a job waits for one that is not in the list before it"
        for job, answer in workers.wait():
            running -= 1
            for outcome in queue.ended(answer) if isinstance(answer, Outcome) else queue.lost(job, answer):
                report(outcome)


class JobQueue:
    """Jobs in the order of their list, each once its needs have succeeded."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        """Take over the jobs."""
        self._waiting = {job.name: job for job in jobs}
        self._open = {job.name for job in jobs}
        """Jobs that have not succeeded yet, running ones included."""
        self._lost: dict[str, int] = {}

    @property
    def waiting(self) -> list[Job]:
        """Jobs that have not been taken."""
        return list(self._waiting.values())

    @property
    def is_over(self) -> bool:
        """Whether no job waits any more; some may still run."""
        return not self._waiting

    def take(self) -> Job | None:
        """Remove and return the first job that may start; `None` when all that wait need one that runs."""
        ready = (job for job in self._waiting.values() if not self._open.intersection(job.needs))
        job = next(ready, None)
        if job is not None:
            del self._waiting[job.name]
        return job

    def ended(self, outcome: Outcome) -> Iterator[Outcome]:
        """Note how a job ended; yield it, and after a failure all jobs that can no longer start."""
        self._waiting.pop(outcome.name, None)
        yield outcome
        if outcome.error is None:
            self._open.discard(outcome.name)
            return
        for job in [job for job in self._waiting.values() if outcome.name in job.needs]:
            if self._waiting.pop(job.name, None) is not None:
                yield from self.ended(Outcome(job.name, f"not run: it needs {outcome.name}, which failed"))

    def lost(self, job: Job, how: str) -> Iterator[Outcome]:
        """Note that a job's process died: it waits again, in front, or has failed when that was the last attempt."""
        self._lost[job.name] = self._lost.get(job.name, 0) + 1
        if self._lost[job.name] < ATTEMPTS:
            self._waiting = {job.name: job, **self._waiting}
            return
        yield from self.ended(Outcome(job.name, f"its process died {ATTEMPTS} times, the last time {how}"))
