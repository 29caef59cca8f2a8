"""Jobs in a queue that outlives their driver: each is reported once, whatever dies in between."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import submitit

from synthboost.errors import ConfigError, OutputError
from synthboost.io.lock import exclusive
from synthboost.studies.executors import batch_queue
from synthboost.studies.executors.base import Job, Outcome, Work
from synthboost.studies.executors.batch_queue import BatchTask, Place, carry_out

MakeWork = Callable[[Path], Work]


@dataclass
class Entry:
    place: Place
    task: BatchTask
    after: Sequence[str]
    state: str = "waits"
    """waits, runs, succeeded or failed."""
    job: submitit.LocalJob[None] | None = None


class LocalQueue:
    """submitit's local executor as a batch system: real processes, with dependencies on top."""

    def __init__(self, folder: Path) -> None:
        self.executor = submitit.LocalExecutor(folder, max_num_timeout=2)
        self.executor.update_parameters(timeout_min=2, signal_delay_s=1)
        self.entries: dict[str, Entry] = {}

    def submit(self, tasks: Sequence[BatchTask], label: str, after: Sequence[str]) -> list[str]:
        entries = {f"{label}_{i}": Entry(Place(label, i), task, after) for i, task in enumerate(tasks)}
        self.entries |= entries
        return list(entries)

    def queued(self) -> dict[Place, str]:
        for entry in self.entries.values():
            self._advance(entry)
        return {e.place: number for number, e in self.entries.items() if e.state in ("waits", "runs")}

    def _advance(self, entry: Entry) -> None:
        needs = {self.entries[number].state for number in entry.after}
        if entry.state == "waits" and "failed" in needs:
            entry.state = "failed"
        elif entry.state == "waits" and needs <= {"succeeded"}:
            entry.job, entry.state = self.executor.submit(entry.task), "runs"
        elif entry.state == "runs" and entry.job is not None and entry.job.done():
            left = entry.task.outcome
            ended_well = left.is_file() and json.loads(left.read_text())["error"] is None
            entry.state = "succeeded" if ended_well else "failed"


class PaperQueue:
    """Carries out nothing by itself: the test says what becomes of each job, by its name and attempt."""

    def __init__(self, fates: dict[str, list[str]]) -> None:
        self.fates = fates
        """Name -> for each attempt `works`, `fails`, `dies` or `stays`; `works` for the others."""
        self.submitted: list[tuple[list[str], list[str]]] = []
        """Names that were submitted together, and those they wait for."""
        self.living: dict[Place, tuple[str, BatchTask, list[str]]] = {}

    def submit(self, tasks: Sequence[BatchTask], label: str, after: Sequence[str]) -> list[str]:
        names = [task.name for task in tasks]
        self.submitted.append((names, list(after)))
        for position, task in enumerate(tasks):
            self.living[Place(label, position)] = (task.name, task, list(after))
        return names

    def queued(self) -> dict[Place, str]:
        listing = {place: name for place, (name, _, _) in self.living.items()}
        for place, (name, task, after) in list(self.living.items()):
            if place not in self.living or set(after) & {one for one, _, _ in self.living.values()}:
                continue
            fates = self.fates.get(name, [])
            fate = fates.pop(0) if fates else "works"
            if fate == "stays":
                continue
            del self.living[place]
            if fate != "dies":
                task.outcome.parent.mkdir(exist_ok=True, parents=True)
                error = "it is bad" if fate == "fails" else None
                task.outcome.write_text(json.dumps({"name": name, "error": error, "seconds": 2.0}))
            if fate in ("fails", "dies"):
                self._cancel_those_after(name)
        return listing

    def _cancel_those_after(self, name: str) -> None:
        for place, (_, _, after) in list(self.living.items()):
            if name in after:
                del self.living[place]


def nothing(name: str) -> Outcome:
    return Outcome(name)


def run(
    jobs: Sequence[Job], work: Work, queue: batch_queue.BatchSystem, folder: Path, grace: float = 0.0
) -> dict[str, str | None]:
    reported: dict[str, str | None] = {}

    def report(outcome: Outcome) -> None:
        assert outcome.name not in reported
        reported[outcome.name] = outcome.error

    carry_out(jobs, work, report, queue, folder, poll_seconds=0.02, grace_seconds=grace)
    return reported


JOBS = [
    Job("first"), Job("bad"), Job("dies"), Job("dies-once"), Job("second", ("first", "dies-once")),
    Job("after bad", ("bad",)), Job("third", ("after bad",)), Job("after dies", ("dies",)),
]  # fmt: skip


def test_every_job_is_reported_once_and_what_needs_a_failed_one_never_starts(
    make_work: MakeWork, tmp_path: Path
) -> None:
    queue = LocalQueue(tmp_path / "logs")
    reported = run(JOBS, make_work(tmp_path / "ran"), queue, tmp_path / "driver", grace=0.3)
    number = next(n for n, e in reversed(queue.entries.items()) if e.task.name == "dies")
    assert reported == {
        "first": None, "bad": "it is bad", "dies-once": None, "second": None,
        "dies": f"its process died 2 times; the log of job {number} may say why",
        "after bad": "not run: it needs bad, which failed", "third": "not run: it needs after bad, which failed",
        "after dies": "not run: it needs dies, which failed",
    }  # fmt: skip
    attempts = {path.name: path.read_text().splitlines() for path in (tmp_path / "ran").iterdir()}
    assert {name: len(lines) for name, lines in attempts.items()} == {
        "first": 1, "bad": 1, "dies": 2, "dies-once": 2, "second": 1,
    }  # fmt: skip
    owners = {line.split()[1] for line in attempts["dies-once"]}
    assert len(owners) == 1  # the second attempt may take over what the first had locked
    assert owners.pop().endswith("/dies-once")


def test_a_job_that_is_preempted_is_queued_again_and_ends(make_work: MakeWork, tmp_path: Path) -> None:
    work, queue = make_work(tmp_path / "ran"), LocalQueue(tmp_path / "logs")
    steps = iter(_preempt_when_running(queue, tmp_path / "ran"))
    reported: list[Outcome] = []
    original = queue.queued
    queue.queued = lambda: (next(steps), original())[1]  # type: ignore[method-assign]
    carry_out([Job("waits")], work, reported.append, queue, tmp_path / "driver", 0.05, grace_seconds=1.0)
    assert reported == [Outcome("waits", seconds=1.5)]
    assert len((tmp_path / "ran" / "waits").read_text().splitlines()) == 2


def _preempt_when_running(queue: LocalQueue, ran: Path) -> Iterator[None]:
    while not (ran / "waits").exists():
        yield
    time.sleep(0.1)
    [pid] = [int(line.split()[0]) for line in (ran / "waits").read_text().splitlines()]
    os.kill(pid, signal.SIGUSR2)
    while len((ran / "waits").read_text().splitlines()) < 2:
        yield
    (ran / "go").touch()
    while True:
        yield


def test_a_driver_that_was_killed_leaves_jobs_that_the_next_one_takes_up(make_work: MakeWork, tmp_path: Path) -> None:
    queue, work = LocalQueue(tmp_path / "logs"), make_work(tmp_path / "ran")
    jobs = [Job("bad"), Job("waits"), Job("second", ("waits",))]
    with pytest.raises(KeyboardInterrupt):  # at the first report
        carry_out(jobs, work, _interrupted, queue, tmp_path / "driver", 0.02, 0.5)
    (tmp_path / "ran" / "go").touch()
    while queue.queued():
        time.sleep(0.02)  # all end, those that wait for others included, and nobody looks
    assert run(jobs, work, queue, tmp_path / "driver", 0.5) == {"bad": "it is bad", "waits": None, "second": None}
    assert all(len(path.read_text().splitlines()) == 1 for path in (tmp_path / "ran").glob("[bws]*"))
    assert not list((tmp_path / "driver" / "outcomes").iterdir())


def _interrupted(_: Outcome) -> None:
    raise KeyboardInterrupt


def test_jobs_that_need_the_same_are_submitted_together_and_all_at_the_start(tmp_path: Path) -> None:
    queue = PaperQueue({})
    jobs = [Job("a"), Job("b"), Job("c", ("a",)), Job("d", ("a",)), Job("e", ("a", "b")), Job("f", ("c", "gone"))]
    assert run(jobs, nothing, queue, tmp_path) == dict.fromkeys("abcdef")
    expected = [(["a", "b"], []), (["c", "d"], ["a"]), (["e"], ["a", "b"]), (["f"], ["c"])]
    assert queue.submitted == expected


def test_more_jobs_than_an_array_holds_are_submitted_in_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_queue, "LARGEST_ARRAY", 2)
    queue = PaperQueue({})
    run([Job(name) for name in "abcde"], nothing, queue, tmp_path)
    assert [names for names, _ in queue.submitted] == [["a", "b"], ["c", "d"], ["e"]]


def test_what_leaves_the_queue_because_its_need_was_lost_has_not_used_an_attempt(tmp_path: Path) -> None:
    queue = PaperQueue({"a": ["dies"], "b": ["dies"]})
    assert run([Job("a"), Job("b", ("a",))], nothing, queue, tmp_path) == {"a": None, "b": None}
    assert [names for names, _ in queue.submitted].count(["b"]) == 3  # taken out with a, died, ended


def test_a_driver_killed_before_its_submission_arrived_submits_again(tmp_path: Path) -> None:
    class Deaf(PaperQueue):
        def submit(self, tasks: Sequence[BatchTask], label: str, after: Sequence[str]) -> list[str]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([Job("a")], nothing, Deaf({}), tmp_path)
    assert run([Job("a")], nothing, PaperQueue({}), tmp_path) == {"a": None}


def test_a_driver_killed_before_it_noted_the_numbers_finds_its_jobs_in_the_queue(tmp_path: Path) -> None:
    class Killing(PaperQueue):
        def submit(self, tasks: Sequence[BatchTask], label: str, after: Sequence[str]) -> list[str]:
            super().submit(tasks, label, after)
            raise KeyboardInterrupt

    queue = Killing({"a": ["stays"] * 3})
    with pytest.raises(KeyboardInterrupt):
        run([Job("a")], nothing, queue, tmp_path)
    assert run([Job("a")], nothing, queue, tmp_path) == {"a": None}
    assert queue.submitted == [(["a"], [])]


def test_a_refused_submission_is_raised_and_leaves_no_ticket(tmp_path: Path) -> None:
    class Refusing(PaperQueue):
        def submit(self, tasks: Sequence[BatchTask], label: str, after: Sequence[str]) -> list[str]:
            raise ConfigError("sbatch", "jobs", "no such partition", "jobs that this cluster accepts")

    with pytest.raises(ConfigError, match="no such partition"):
        run([Job("a")], nothing, Refusing({}), tmp_path)
    assert json.loads((tmp_path / "submitted.json").read_text())["tickets"] == {}


def test_a_failure_that_was_reported_is_tried_again_by_the_next_driver(tmp_path: Path) -> None:
    queue = PaperQueue({"a": ["fails"]})
    assert run([Job("a")], nothing, queue, tmp_path) == {"a": "it is bad"}
    assert run([Job("a")], nothing, queue, tmp_path) == {"a": None}


def test_an_unread_success_whose_work_was_deleted_since_is_done_again(tmp_path: Path) -> None:
    queue, made = PaperQueue({}), tmp_path / "made"
    made.touch()
    jobs = [Job("a", is_done=made.exists), Job("b")]
    with pytest.raises(KeyboardInterrupt):  # at the report of a; that of b stays unread, too
        carry_out(jobs, nothing, _interrupted, queue, tmp_path / "driver", 0.02, 0.0)
    made.unlink()

    class Making(PaperQueue):
        def submit(self, tasks: Sequence[BatchTask], label: str, after: Sequence[str]) -> list[str]:
            made.touch()
            return super().submit(tasks, label, after)

    again = Making({})
    assert run(jobs, nothing, again, tmp_path / "driver") == {"a": None, "b": None}
    assert again.submitted == [(["a"], [])]
    assert not list((tmp_path / "driver" / "outcomes").iterdir())


def test_a_job_that_succeeds_and_leaves_nothing_has_failed_after_two_attempts(tmp_path: Path) -> None:
    queue = PaperQueue({})
    reported = run([Job("a", is_done=lambda: False)], nothing, queue, tmp_path)
    assert reported == {"a": "it says that it succeeded, and its work is not there; the log of job a may say why"}
    assert queue.submitted == [(["a"], []), (["a"], [])]


def test_a_failure_is_reported_whatever_is_there(tmp_path: Path) -> None:
    jobs = [Job("a", is_done=lambda: False)]
    assert run(jobs, nothing, PaperQueue({"a": ["fails"]}), tmp_path) == {"a": "it is bad"}


def test_an_outcome_that_a_shared_disk_shows_late_is_waited_for(tmp_path: Path) -> None:
    class Late(PaperQueue):
        looks = 0

        def queued(self) -> dict[Place, str]:
            self.looks += 1
            if self.looks == 6:
                super().queued()  # writes it
            return {}

    queue = Late({})
    assert run([Job("a")], nothing, queue, tmp_path, grace=60.0) == {"a": None}
    assert queue.submitted == [(["a"], [])]


def test_two_drivers_do_not_share_a_folder(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(OutputError, match="held by process"):
        run([Job("a")], nothing, PaperQueue({}), tmp_path)


def test_a_damaged_ledger_is_named_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "submitted.json").write_text("{")
    with pytest.raises(OutputError, match=r"submitted\.json.*Remove it"):
        run([Job("a")], nothing, PaperQueue({}), tmp_path)
