"""The work of a study: one outcome for a run, whatever happens in it, and its words in a log of its own."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from synthboost.errors import DataError, OutputError
from synthboost.studies import study_run
from synthboost.studies.executors.base import Outcome
from synthboost.studies.study_run import StudyWork


@dataclass
class Scripted:
    """In the place of a run: does one act after the other, the last one always."""

    acts: list[Callable[[], None]]
    name: str = "a"
    roots: list[Path] = field(default_factory=list)

    def execute(self, root: Path) -> None:
        self.roots.append(root)
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        act()


def _raising(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def _attempt(root: Path, *acts: Callable[[], None]) -> tuple[Outcome, Scripted]:
    run = Scripted(list(acts))
    return StudyWork((run,), root)("a"), run  # type: ignore[arg-type]


HELD = OutputError("runs/a", "lock", "held by process 7", "a folder that nobody holds")


def test_a_run_works_in_the_folder_of_runs_and_what_it_says_goes_to_its_log(tmp_path: Path) -> None:
    def talk() -> None:
        print("to the one")
        print("to the other", file=sys.stderr)

    outcome, run = _attempt(tmp_path, talk)
    assert (outcome.name, outcome.error) == ("a", None)
    assert outcome.seconds >= 0
    assert run.roots == [tmp_path / "runs"]
    assert (tmp_path / "logs" / "a.txt").read_text() == "to the one\nto the other\n"


def test_an_error_of_ours_is_the_outcome_word_for_word_and_its_trace_is_in_the_log(tmp_path: Path) -> None:
    error = DataError("frames.csv", "frame", "x", "another one")
    outcome, _ = _attempt(tmp_path, _raising(error))
    assert outcome.error == str(error)
    assert "Traceback" in (tmp_path / "logs" / "a.txt").read_text()


def test_any_other_error_is_told_in_one_line_with_its_kind(tmp_path: Path) -> None:
    outcome, _ = _attempt(tmp_path, _raising(RuntimeError("no\n  memory")))
    assert outcome.error == "RuntimeError: no memory"


def test_a_second_attempt_adds_to_the_log(tmp_path: Path) -> None:
    for _ in range(2):
        _attempt(tmp_path, lambda: print("again"))
    assert (tmp_path / "logs" / "a.txt").read_text() == "again\nagain\n"


def test_a_folder_that_a_dying_process_still_holds_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    monkeypatch.setattr(study_run.time, "sleep", naps.append)
    outcome, run = _attempt(tmp_path, _raising(HELD), _raising(HELD), lambda: None)
    assert outcome.error is None
    assert (len(run.roots), naps) == (3, [0.2, 0.2])


def test_a_folder_that_stays_held_is_a_failure_that_says_who_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_run, "PATIENCE_SECONDS", 0.0)
    outcome, run = _attempt(tmp_path, _raising(HELD))
    assert outcome.error is not None
    assert "held by process 7" in outcome.error
    assert len(run.roots) == 1


def test_another_error_of_the_disk_is_not_waited_for(tmp_path: Path) -> None:
    full = OutputError("runs/a", "file", "no space left", "a disk with room")
    outcome, run = _attempt(tmp_path, _raising(full))
    assert outcome.error == str(full)
    assert len(run.roots) == 1


def test_an_interruption_is_no_outcome(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _attempt(tmp_path, _raising(KeyboardInterrupt()))  # type: ignore[arg-type]


def test_it_travels_to_other_processes(tmp_path: Path) -> None:
    assert pickle.loads(pickle.dumps(StudyWork((), tmp_path))) == StudyWork((), tmp_path)
