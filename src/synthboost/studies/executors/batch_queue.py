"""Jobs in a batch system's queue, which outlives whoever submitted them: submit, watch, and take up again."""

from __future__ import annotations

import json
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from synthboost.errors import OutputError
from synthboost.io.atomic import write_json
from synthboost.io.lock import exclusive, owned_by
from synthboost.studies.executors.base import Job, Outcome, Report, Work
from synthboost.studies.executors.job_queue import ATTEMPTS

LEDGER = "submitted.json"
OUTCOMES = "outcomes"
LARGEST_ARRAY = 1000
"""Jobs that are submitted at once; SLURM's `MaxArraySize` is 1001 unless somebody changed it."""


class Place(NamedTuple):
    """Where in the queue a job is."""

    label: str
    """Of the jobs that were submitted together; nobody else has it."""
    position: int
    """Among them."""


@dataclass(frozen=True)
class BatchTask:
    """What a node carries out. It leaves the outcome in a file, because nobody may be waiting."""

    name: str
    work: Work
    outcome: Path
    owner: str
    """In whose name its locks are taken: the next attempt, on whichever node, inherits them."""

    def __call__(self) -> None:
        """Do the work.

        Raises:
            SystemExit: it failed; the batch system then does not start what needs it.
        """
        with owned_by(self.owner):
            outcome = self.work(self.name)
        write_json(self.outcome, asdict(outcome))
        if outcome.error is not None:
            raise SystemExit(1)

    def checkpoint(self) -> Any:
        """Say to submitit what to queue again before this is pre-empted or its time is up: the same, which resumes."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class BatchSystem(Protocol):
    """A queue that holds jobs until a node is free."""

    def submit(self, tasks: Sequence[BatchTask], label: str, after: Sequence[str]) -> list[str]:
        """Queue tasks, to start once the jobs `after` have succeeded; return their numbers.

        When one of `after` fails or is lost, the tasks leave the queue without having started.
        """
        ...

    def queued(self) -> Mapping[Place, str]:
        """Return the number of every job that waits or runs."""
        ...


@dataclass(frozen=True)
class Ticket:
    """What is known of a submitted job."""

    place: Place
    attempt: int
    number: str = ""
    """Empty when the driver was killed before the batch system had told it."""


def carry_out(
    jobs: Sequence[Job],
    work: Work,
    report: Report,
    system: BatchSystem,
    folder: Path,
    poll_seconds: float,
    grace_seconds: float,
) -> None:
    """Submit all jobs and report each as it ends; what an earlier call in `folder` had submitted is taken up.

    Whatever becomes of this process, the jobs go on, those that wait for others included. The next call finds them in
    the queue or finds their outcomes in `folder`, submits only what is neither, and reports each outcome once. A
    success whose work somebody has deleted since is none (`Job.is_done`): that job is submitted again.

    Args:
        jobs: see `Executor.run`, as `work` and `report`.
        work: goes to the nodes as it is.
        report: is called here.
        system: the queue.
        folder: for the ledger and the outcomes; the nodes must see it under the same name.
        poll_seconds: between two looks at the queue.
        grace_seconds: before a job that has left the queue without an outcome counts as lost.

    Raises:
        OutputError: another process does the same in this folder, or it cannot be written.
        SynthboostError: the batch system refuses a job, or does not answer.
    """
    with exclusive(folder):
        _Driver(jobs, work, report, system, _Ledger(folder), grace_seconds).run(poll_seconds)


class _Ledger:
    """Who was submitted and not reported yet. It is written before the batch system hears of a job, so none is lost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / LEDGER
        found: dict[str, Any] = _read(path) if path.is_file() else {"study": secrets.token_hex(4), "tickets": {}}
        self.study: str = found["study"]
        self.tickets = {
            name: Ticket(Place(*ticket.pop("place")), **ticket) for name, ticket in found["tickets"].items()
        }
        self.save()

    def save(self) -> None:
        write_json(
            self.folder / LEDGER,
            {"study": self.study, "tickets": {name: asdict(ticket) for name, ticket in self.tickets.items()}},
        )

    def outcome_path(self, place: Place) -> Path:
        return (self.folder / OUTCOMES / f"{place.label}-{place.position}.json").absolute()

    def outcome(self, ticket: Ticket) -> Outcome | None:
        path = self.outcome_path(ticket.place)
        return Outcome(**_read(path)) if path.is_file() else None

    def forget(self, name: str) -> None:
        if ticket := self.tickets.pop(name, None):
            self.outcome_path(ticket.place).unlink(missing_ok=True)


class _Driver:
    def __init__(
        self,
        jobs: Sequence[Job],
        work: Work,
        report: Report,
        system: BatchSystem,
        ledger: _Ledger,
        grace_seconds: float,
    ) -> None:
        self.work, self.report, self.system, self.ledger, self.grace = work, report, system, ledger, grace_seconds
        self.open = {job.name: job for job in jobs}
        self.failed: set[str] = set()
        self.attempts = dict.fromkeys(self.open, 1)
        self.missing_since: dict[Place, float] = {}

    def run(self, poll_seconds: float) -> None:
        while self.open:
            queued = self.system.queued()  # before looking for outcomes: what ends in between has left one
            for job in list(self.open.values()):
                self.settle(job, queued)
            self.submit(queued)
            if self.open:
                time.sleep(poll_seconds)
        self.tidy_up()

    def settle(self, job: Job, queued: Mapping[Place, str]) -> None:
        """Report a job if it has ended; give up its ticket if it was lost, or its work was."""
        if failed := next((need for need in job.needs if need in self.failed), None):
            self.end(Outcome(job.name, f"not run: it needs {failed}, which failed"))
        elif ticket := self.ledger.tickets.get(job.name):
            outcome = self.ledger.outcome(ticket)
            if outcome is not None and (outcome.error is not None or job.is_done is None or job.is_done()):
                self.end(outcome)
            elif ticket.place in queued:
                self.missing_since.pop(ticket.place, None)
            elif time.monotonic() - self.missing_since.setdefault(ticket.place, time.monotonic()) >= self.grace:
                self.lose(job, ticket)

    def end(self, outcome: Outcome) -> None:
        del self.open[outcome.name]
        if outcome.error is not None:
            self.failed.add(outcome.name)
        self.report(outcome)
        self.ledger.forget(outcome.name)
        self.ledger.save()

    def lose(self, job: Job, ticket: Ticket) -> None:
        has_started = not self.open.keys() & job.needs  # else it left the queue because a job it needs was lost
        if has_started and ticket.attempt >= ATTEMPTS:
            where = f"; the log of job {ticket.number} may say why" if ticket.number else ""
            died = self.ledger.outcome(ticket) is None
            how = (
                f"its process died {ATTEMPTS} times" if died else "it says that it succeeded, and its work is not there"
            )
            self.end(Outcome(job.name, f"{how}{where}"))
            return
        self.attempts[job.name] = ticket.attempt + has_started
        self.ledger.forget(job.name)

    def submit(self, queued: Mapping[Place, str]) -> None:
        """Submit what has no ticket, each job once those it needs have succeeded or have a number to wait for."""
        tickets = self.ledger.tickets
        numbers = {name: queued[ticket.place] for name, ticket in tickets.items() if ticket.place in queued}
        waiting = [job for job in self.open.values() if job.name not in tickets]
        while ready := [job for job in waiting if self.open.keys() & job.needs <= numbers.keys()]:
            for after, names in self.groups(ready, numbers):
                numbers |= self.submit_together(names, after)
            waiting = [job for job in waiting if job not in ready]

    def groups(self, ready: Sequence[Job], numbers: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
        """Yield jobs that wait for the same ones, and the numbers of those."""
        alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for job in ready:
            alike[tuple(sorted(numbers[need] for need in job.needs if need in self.open))].append(job.name)
        for after, names in alike.items():
            for first in range(0, len(names), LARGEST_ARRAY):
                yield after, names[first : first + LARGEST_ARRAY]

    def submit_together(self, names: Sequence[str], after: Sequence[str]) -> dict[str, str]:
        ledger = self.ledger
        label = f"synthboost-{ledger.study}-{secrets.token_hex(4)}"
        tickets = {name: Ticket(Place(label, i), self.attempts[name]) for i, name in enumerate(names)}
        tasks = [
            BatchTask(name, self.work, ledger.outcome_path(ticket.place), f"{ledger.study}/{name}")
            for name, ticket in tickets.items()
        ]
        ledger.tickets |= tickets
        ledger.save()
        try:
            numbers = dict(zip(names, self.system.submit(tasks, label, after), strict=True))
        except Exception:
            for name in names:
                ledger.forget(name)
            ledger.save()
            raise
        ledger.tickets |= {
            name: Ticket(ticket.place, ticket.attempt, numbers[name]) for name, ticket in tickets.items()
        }
        ledger.save()
        return numbers

    def tidy_up(self) -> None:
        """Forget what earlier calls had submitted and this one was not asked for, once it has left the queue."""
        queued = self.system.queued()
        for name in [name for name, ticket in self.ledger.tickets.items() if ticket.place not in queued]:
            self.ledger.forget(name)
        self.ledger.save()


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(
            path, "file", error, "what this program wrote there", "Remove it: finished runs are not repeated."
        ) from error
