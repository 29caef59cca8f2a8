from __future__ import annotations

from synthboost.studies.executors.base import Job, JobQueue, Outcome

JOBS = [Job("a"), Job("b", ("a",)), Job("c", ("b",)), Job("d")]


def _names(outcomes: object) -> list[str]:
    return [outcome.name for outcome in outcomes]  # type: ignore[attr-defined]


def test_a_job_waits_for_its_needs_and_others_overtake_it() -> None:
    queue = JobQueue(JOBS)
    taken = [queue.take(), queue.take(), queue.take()]
    assert [job and job.name for job in taken] == ["a", "d", None]
    assert _names(queue.ended(Outcome("a"))) == ["a"]
    assert queue.take() == Job("b", ("a",))
    assert not queue.is_over
    assert _names(queue.ended(Outcome("b"))) == ["b"]
    assert queue.take() == Job("c", ("b",))
    assert queue.is_over


def test_what_needs_a_failed_job_is_reported_with_the_need_and_never_taken() -> None:
    queue = JobQueue(JOBS)
    queue.take()
    failed, second, third = queue.ended(Outcome("a", "no luck"))
    assert (failed.error, second.error, third.error) == (
        "no luck",
        "not run: it needs a, which failed",
        "not run: it needs b, which failed",
    )
    assert queue.take() == Job("d")
    assert queue.is_over


def test_a_job_that_needs_two_failed_ones_is_reported_once() -> None:
    queue = JobQueue([Job("a"), Job("b", ("a",)), Job("c", ("a", "b"))])
    queue.take()
    assert sorted(_names(queue.ended(Outcome("a", "no luck")))) == ["a", "b", "c"]


def test_a_job_whose_worker_died_is_tried_once_more_and_first() -> None:
    queue = JobQueue(JOBS)
    first = queue.take()
    assert first is not None
    assert list(queue.lost(first, "by signal SIGKILL")) == []
    assert queue.take() == first
    outcome, *_ = queue.lost(first, "by signal SIGKILL")
    assert outcome.error == "its process died 2 times, the last time by signal SIGKILL"


def test_a_need_outside_the_list_counts_as_done() -> None:
    assert JobQueue([Job("b", ("finished earlier",))]).take() is not None
