"""Progress is shown without changing what passes through."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from synthboost import progress
from synthboost.progress import Progress, duration, following, news, track


def test_items_pass_unchanged_and_the_end_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(["a", "b", "c"], "reading", unit="file")) == ["a", "b", "c"]
    captured = capsys.readouterr()
    assert captured.err == "reading: 3/3 file, 0 s\n"
    assert captured.out == ""


def test_items_without_a_length_need_a_total() -> None:
    assert list(track(iter([1, 2]), "reading", total=2)) == [1, 2]
    with pytest.raises(AssertionError, match="total"):
        list(track(iter([1, 2]), "reading"))


def test_an_error_inside_is_not_reported_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="mine"), Progress("training", 5):
        raise ValueError("mine")
    assert capsys.readouterr().err == ""


def test_the_end_is_told_once_unless_there_is_news(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    assert list(track(["a"], "reading", unit="file")) == ["a"]
    with Progress("training", 1, "batch") as bar:
        bar.advance()
        bar.note("Dice 50 %")
    said = "reading: 1/1 file, 0 s\ntraining: 1/1 batch, 0 s\ntraining: 1/1 batch, 0 s; Dice 50 %\n"
    assert capsys.readouterr().err == said


def test_the_time_left_counts_only_what_was_done_in_this_sitting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([100.0, 120.0, 120.0, 120.0])  # built; then asked, and the line printed, 20 s later
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    bar = Progress("training", total=10, unit="batch", done=6)
    bar.note("Dice 0.5")
    bar.advance(2)  # 2 batches in 20 s, 2 are left
    assert capsys.readouterr().err == "training: 8/10 batch, 20 s, about 20 s left; Dice 0.5\n"


def test_the_facts_are_told_once_with_a_time_that_knows_the_slow_first_unit_and_the_pauses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 5.0, 6.0, 7.0, 8.0, 16.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    bar = Progress("training", total=124, unit="batch")
    bar.announce("cpu, 10 parameters", pauses=0.5)
    for _ in range(4):
        bar.advance()  # the first in 5 s, the others in 1 s each, and half as long for validation
    assert capsys.readouterr().err == "training: cpu, 10 parameters; expected time: 3 min\n"
    bar.note("Dice 50 %")
    bar._print_line()  # validated until 16 s: 11 s for 3 batches, which no longer needs a guess
    assert capsys.readouterr().err == "training: 4/124 batch, 16 s, about 7 min left; Dice 50 %\n"


def test_a_length_of_time_is_said_as_people_say_it() -> None:
    assert [duration(s) for s in (0.4, 99, 150, 5999, 9000)] == ["0 s", "99 s", "2 min", "100 min", "2.5 h"]


def test_of_other_processes_logs_the_last_line_that_is_new_is_said(tmp_path: Path, capsys) -> None:
    seen: dict[Path, int] = {}
    (tmp_path / "a.txt").write_text("training: 1/9\n")
    (tmp_path / "b.txt").touch()
    assert news(tmp_path, seen) == ["a: training: 1/9"]
    with (tmp_path / "a.txt").open("a") as log:
        log.write("training: 2/9\ntraining: 3/9\n")
    (tmp_path / "b.txt").write_text("scoring: 1/2\n")
    assert news(tmp_path, seen) == ["a: training: 3/9", "b: scoring: 1/2"]
    assert news(tmp_path, seen) == []
    with following(tmp_path, every_seconds=0.01):
        time.sleep(0.1)
    assert capsys.readouterr().err.startswith(f"  nothing new in {tmp_path} after 0 s: still at it\n")
