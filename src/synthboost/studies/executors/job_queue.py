"""Which job may start next, and what becomes of those whose need failed: the bookkeeping of an executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from synthboost.studies.executors.base import Job, Outcome

ATTEMPTS = 2
"""Of a job whose worker dies."""


class JobQueue:
    """Jobs in the order of their list, each once its needs have succeeded."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        """Take over the jobs; needs that are not in the list count as done."""
        self._waiting = {job.name: job for job in jobs}
        self._open = {job.name for job in jobs}
        """Jobs that have not succeeded yet, running ones included."""
        self._lost: dict[str, int] = {}

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
        yield outcome
        if outcome.error is None:
            self._open.discard(outcome.name)
            return
        for job in [job for job in self._waiting.values() if outcome.name in job.needs]:
            if self._waiting.pop(job.name, None) is not None:
                yield from self.ended(Outcome(job.name, f"not run: it needs {outcome.name}, which failed"))

    def lost(self, job: Job, how: str) -> Iterator[Outcome]:
        """Note that a job's worker died: it waits again, in front, or has failed when that was the last attempt."""
        self._lost[job.name] = self._lost.get(job.name, 0) + 1
        if self._lost[job.name] < ATTEMPTS:
            self._waiting = {job.name: job, **self._waiting}
            return
        yield from self.ended(Outcome(job.name, f"its process died {ATTEMPTS} times, the last time {how}"))
