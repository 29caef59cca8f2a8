"""Jobs in a queue that outlives their driver: each is reported once, whatever dies in between."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from synthboost.errors import ConfigError, OutputError
from synthboost.io.lock import exclusive
from synthboost.studies.executors import slurm
from synthboost.studies.executors.base import Job, Outcome, Work
from synthboost.studies.executors.slurm import SlurmExecutor, SlurmQueue, SlurmTask, watch

submitit = pytest.importorskip("submitit", reason="the extra `slurm` is not installed")
MakeWork = Callable[[Path], Work]


@dataclass
class Entry:
    task: SlurmTask
    after: Sequence[str]
    state: str = "waits"
    """waits, runs, succeeded or failed."""
    job: submitit.LocalJob[Outcome] | None = None


class LocalQueue(SlurmQueue):
    """submitit's local executor in the place of SLURM: real processes, with dependencies on top."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, poll_seconds=0.2)
        self.entries: dict[str, Entry] = {}
        self.executor = submitit.LocalExecutor(folder, max_num_timeout=2)
        self.executor.update_parameters(timeout_min=2, signal_delay_s=1)

    def submit(self, tasks: Sequence[SlurmTask], after: Sequence[str]) -> list[str]:
        first = len(self.entries)
        entries = {f"{first + i}": Entry(task, after) for i, task in enumerate(tasks)}
        self.entries.update(entries)
        return list(entries)

    def adopt(self, names: Container[str]) -> dict[str, str]:
        queued = self.queued()
        return {e.task.name: n for n, e in self.entries.items() if n in queued and e.task.name in names}

    def queued(self) -> set[str]:
        for entry in self.entries.values():
            self._advance(entry)
        return {number for number, entry in self.entries.items() if entry.state in ("waits", "runs")}

    def outcome(self, name: str, number: str) -> Outcome | None:
        job = self.entries[number].job
        return None if job is None else super().outcome(name, job.job_id)

    def _advance(self, entry: Entry) -> None:
        needs = {self.entries[number].state for number in entry.after}
        if entry.state == "waits" and "failed" in needs:
            entry.state = "failed"
        elif entry.state == "waits" and needs <= {"succeeded"}:
            entry.job, entry.state = self.executor.submit(entry.task), "runs"
        elif entry.state == "runs" and entry.job is not None and entry.job.done():
            outcome = SlurmQueue.outcome(self, entry.task.name, entry.job.job_id)
            entry.state = "succeeded" if outcome is not None and outcome.error is None else "failed"


class PaperQueue(SlurmQueue):
    """Carries out nothing by itself: the test says what becomes of each job, by its name and attempt."""

    def __init__(self, fates: dict[str, list[str]]) -> None:
        super().__init__(Path(), poll_seconds=0.001)
        self.fates = fates  # name -> for each attempt works (also the default), fails, dies or stays
        self.submitted: list[tuple[list[str], list[str]]] = []  # together, after
        self.living: dict[str, list[str]] = {}  # name -> names it waits for
        self.outcomes: dict[str, Outcome] = {}

    def submit(self, tasks: Sequence[SlurmTask], after: Sequence[str]) -> list[str]:
        names = [task.name for task in tasks]
        self.submitted.append((names, list(after)))
        self.living.update({name: list(after) for name in names})
        for name in names:
            self.outcomes.pop(name, None)
        return names

    def adopt(self, names: Container[str]) -> dict[str, str]:
        return {name: name for name in self.living if name in names}

    def outcome(self, name: str, number: str) -> Outcome | None:
        return self.outcomes.get(name)

    def queued(self) -> set[str]:
        listing = set(self.living)
        for name, after in list(self.living.items()):
            if name not in self.living or set(after) & self.living.keys():
                continue
            fates = self.fates.get(name, [])
            fate = fates.pop(0) if fates else "works"
            if fate == "stays":
                continue
            del self.living[name]
            if fate != "dies":
                self.outcomes[name] = Outcome(name, "it is bad" if fate == "fails" else None)
            if fate in ("fails", "dies"):
                for other in [other for other, needs in self.living.items() if name in needs]:
                    del self.living[other]
        return listing


def nothing(name: str) -> Outcome:
    return Outcome(name)


def run(jobs: Sequence[Job], work: Work, queue: SlurmQueue) -> dict[str, str | None]:
    reported: dict[str, str | None] = {}

    def report(outcome: Outcome) -> None:
        assert outcome.name not in reported
        reported[outcome.name] = outcome.error

    watch(jobs, work, report, queue)
    return reported


JOBS = [
    Job("first"), Job("bad"), Job("dies"), Job("dies-once"), Job("second", ("first", "dies-once")),
    Job("after bad", ("bad",)), Job("third", ("after bad",)), Job("after dies", ("dies",)),
]  # fmt: skip


def test_every_job_is_reported_once_and_what_needs_a_failed_one_never_starts(
    make_work: MakeWork, tmp_path: Path
) -> None:
    queue = LocalQueue(tmp_path / "logs")
    reported = run(JOBS, make_work(tmp_path / "ran"), queue)
    number = next(n for n, e in reversed(queue.entries.items()) if e.task.name == "dies")
    assert reported == {
        "first": None, "bad": "it is bad", "dies-once": None, "second": None,
        "dies": f"its process died 2 times, the last time in job {number}, whose log may say why",
        "after bad": "not run: it needs bad, which failed", "third": "not run: it needs after bad, which failed",
        "after dies": "not run: it needs dies, which failed",
    }  # fmt: skip
    attempts = {path.name: path.read_text().splitlines() for path in (tmp_path / "ran").iterdir()}
    assert {name: len(lines) for name, lines in attempts.items()} == {
        "first": 1, "bad": 1, "dies": 2, "dies-once": 2, "second": 1,
    }  # fmt: skip
    owners = {line.split()[1] for line in attempts["dies-once"]}
    assert len(owners) == 1  # the second attempt may take over what the first had locked
    assert owners == {"dies-once"}


def test_a_job_that_is_preempted_is_queued_again_and_ends(make_work: MakeWork, tmp_path: Path) -> None:
    work, queue = make_work(tmp_path / "ran"), LocalQueue(tmp_path / "logs")
    steps = iter(_preempt_when_running(queue, tmp_path / "ran"))
    reported: list[Outcome] = []
    original = queue.queued
    queue.queued = lambda: (next(steps), original())[1]  # type: ignore[method-assign]
    watch([Job("waits")], work, reported.append, queue)
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
    jobs = [
        Job("bad"), Job("waits", is_done=lambda: "waits" in ended), Job("second", ("waits",)),
        Job("third", ("second",)),
    ]  # fmt: skip
    ended: list[str] = []
    with pytest.raises(KeyboardInterrupt):  # at the first report
        watch(jobs, work, _interrupted, queue)
    (tmp_path / "ran" / "go").touch()
    while any(queue.entries[n].task.name == "waits" for n in queue.queued()):
        time.sleep(0.02)  # it ends, and nobody looks
    ended.append("waits")
    assert run(jobs, work, queue) == {"bad": "it is bad", "waits": None, "second": None, "third": None}
    attempts = {path.name: len(path.read_text().splitlines()) for path in (tmp_path / "ran").glob("[bwst]*")}
    assert attempts == {"bad": 2, "waits": 1, "second": 1, "third": 1}  # what had failed is tried again


def _interrupted(_: Outcome) -> None:
    raise KeyboardInterrupt


def test_jobs_that_need_the_same_are_submitted_together_and_all_at_the_start(tmp_path: Path) -> None:
    queue = PaperQueue({})
    jobs = [Job("a"), Job("b"), Job("c", ("a",)), Job("d", ("a",)), Job("e", ("a", "b")), Job("f", ("c", "gone"))]
    assert run(jobs, nothing, queue) == dict.fromkeys("abcdef")
    expected = [(["a", "b"], []), (["c", "d"], ["a"]), (["e"], ["a", "b"]), (["f"], ["c"])]
    assert queue.submitted == expected


def test_more_jobs_than_an_array_holds_are_submitted_in_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "LARGEST_ARRAY", 2)
    queue = PaperQueue({})
    run([Job(name) for name in "abcde"], nothing, queue)
    assert [names for names, _ in queue.submitted] == [["a", "b"], ["c", "d"], ["e"]]


def test_what_leaves_the_queue_because_its_need_was_lost_has_not_used_an_attempt(tmp_path: Path) -> None:
    queue = PaperQueue({"a": ["dies"], "b": ["dies"]})
    assert run([Job("a"), Job("b", ("a",))], nothing, queue) == {"a": None, "b": None}
    assert [names for names, _ in queue.submitted].count(["b"]) == 3  # taken out with a, died, ended


def test_a_driver_killed_while_it_submits_goes_on_with_what_arrived(tmp_path: Path) -> None:
    class Killing(PaperQueue):
        def submit(self, tasks: Sequence[SlurmTask], after: Sequence[str]) -> list[str]:
            super().submit(tasks, after)
            raise KeyboardInterrupt

    queue = Killing({"a": ["stays"] * 3})
    with pytest.raises(KeyboardInterrupt):
        run([Job("a")], nothing, queue)
    assert run([Job("a")], nothing, queue) == {"a": None}
    assert queue.submitted == [(["a"], [])]


def test_a_refused_submission_is_raised(tmp_path: Path) -> None:
    class Refusing(PaperQueue):
        def submit(self, tasks: Sequence[SlurmTask], after: Sequence[str]) -> list[str]:
            raise ConfigError("sbatch", "jobs", "no such partition", "jobs that this cluster accepts")

    with pytest.raises(ConfigError, match="no such partition"):
        run([Job("a")], nothing, Refusing({}))


def test_a_failure_that_was_reported_is_tried_again_by_the_next_driver(tmp_path: Path) -> None:
    queue = PaperQueue({"a": ["fails"]})
    assert run([Job("a")], nothing, queue) == {"a": "it is bad"}
    assert run([Job("a")], nothing, queue) == {"a": None}


def test_a_job_whose_work_is_there_is_not_submitted(tmp_path: Path) -> None:
    queue, made = PaperQueue({}), tmp_path / "made"
    made.touch()
    jobs = [Job("a", is_done=made.exists), Job("b", ("a",))]
    assert run(jobs, nothing, queue) == {"a": None, "b": None}
    assert queue.submitted == [(["b"], [])]


def test_a_job_that_succeeds_and_leaves_nothing_has_failed_after_two_attempts(tmp_path: Path) -> None:
    queue = PaperQueue({})
    reported = run([Job("a", is_done=lambda: False)], nothing, queue)
    assert reported == {"a": "its process died 2 times, the last time in job a, whose log may say why"}
    assert queue.submitted == [(["a"], []), (["a"], [])]


def test_a_failure_is_reported_whatever_is_there(tmp_path: Path) -> None:
    assert run([Job("a", is_done=lambda: False)], nothing, PaperQueue({"a": ["fails"]})) == {"a": "it is bad"}


def test_an_outcome_that_a_shared_disk_shows_late_is_waited_for(tmp_path: Path) -> None:
    class Late(PaperQueue):
        def outcome(self, name: str, number: str) -> Outcome | None:
            looked = name in self.fates
            self.fates[name] = []
            return super().outcome(name, number) if looked and name not in self.living else None

    queue = Late({})
    assert run([Job("a")], nothing, queue) == {"a": None}
    assert queue.submitted == [(["a"], [])]


def test_two_drivers_do_not_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm.shutil, "which", lambda program: program)
    with exclusive(tmp_path), pytest.raises(OutputError, match="held by process"):
        SlurmExecutor(tmp_path).run([Job("a")], nothing, lambda outcome: None)
