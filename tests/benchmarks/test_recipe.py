"""The benchmark of the recipe runs on any annotated set, and is skipped without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


def test_all_ways_are_timed_to_the_goal(run_benchmark: Callable[..., str], tiny_camus: Path) -> None:
    small = ["--patients", "1", "--batch", "1", "--steps", "2", "--every", "1", "--goal", "0"]
    said = run_benchmark("bench_recipe", "--data", str(tiny_camus), "--split", "official", *small)
    assert "1 patients, 4 frames; scored on " in said
    for way in ("recipe", "pretrained", "plain"):
        assert f"| {way} | 1 | " in said
    assert "plain / recipe: " in said
    assert "plain / pretrained: " in said


def test_a_goal_that_is_not_reached_is_said(run_benchmark: Callable[..., str], tiny_camus: Path) -> None:
    small = ["--patients", "1", "--batch", "1", "--steps", "2", "--every", "1", "--limit", "0", "--only", "plain"]
    assert "| plain | never | " in run_benchmark(
        "bench_recipe", "--data", str(tiny_camus), "--split", "official", *small
    )


def test_without_data_it_says_so(run_benchmark: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNTHBOOST_CAMUS", raising=False)
    assert run_benchmark("bench_recipe").startswith("nothing measured")


def test_the_first_score_at_the_goal_counts(benchmark: Callable[[str], ModuleType]) -> None:
    bench = benchmark("bench_recipe")
    scores = [bench.Score(25, 10.0, 0.8), bench.Score(50, 20.0, 0.86), bench.Score(75, 30.0, 0.84)]
    assert bench.first_at(scores, 0.85) == scores[1]
    assert bench.first_at(scores, 0.9) is None
