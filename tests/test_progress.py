"""Progress is shown without changing what passes through."""

from __future__ import annotations

import pytest

from synthboost import progress
from synthboost.progress import Progress, track


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


def test_the_time_left_counts_only_what_was_done_in_this_sitting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([100.0, 120.0, 120.0, 120.0])  # built; then asked, and the line printed, 20 s later
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    bar = Progress("training", total=10, unit="batch", done=6)
    bar.note("Dice 0.5")
    bar.advance(2)  # 2 batches in 20 s, 2 are left
    assert capsys.readouterr().err == "training: 8/10 batch, 20 s, about 20 s left; Dice 0.5\n"
