"""An executor without processes."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.studies.executors.base import Job, JobQueue, Report, Work


class Here:
    """Carries out every job in this process."""

    def run(self, jobs: Sequence[Job], work: Work, report: Report) -> None:
        queue = JobQueue(jobs)
        while (job := queue.take()) is not None:
            for outcome in queue.ended(work(job.name)):
                report(outcome)
