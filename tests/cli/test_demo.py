"""`synthboost demo`, with fewer and smaller data than its defaults."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import synthboost.experiments.demo as demo

SMALL = partial(
    demo.DemoSettings,
    image_size=48,
    target_patients=(2, 1, 2),
    source_patients=(2, 1),
    images_per_stage=8,
    least_epochs=1,
)


def test_the_demo_trains_four_strategies_beside_two_baselines_and_writes_a_page(
    synthboost: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "DemoSettings", SMALL)
    answer = synthboost("demo", "--out", tmp_path / "demo")
    assert answer.code == 0, answer.err
    runs = sorted(folder.name for folder in (tmp_path / "demo" / "runs").iterdir())
    begins = ("baseline-image-blind", "baseline-text-blind", "clipseg-real", "clipseg-synth-PT-real-FT")
    assert [name for name, begin in zip(runs, begins, strict=False) if not name.startswith(begin)] == []
    assert len(runs) == 6
    page = (tmp_path / "demo" / "report.html").read_text()
    assert "simulated" in page
    assert answer.out == f"report: {(tmp_path / 'demo' / 'report.html').resolve()}\n"
