"""Benchmarks as modules, and run in this process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A function (name) -> that module of the folder benchmarks."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def run_benchmark(
    benchmark: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """A function (name, *options) -> what that benchmark prints, all variants in this process."""
    threads = torch.get_num_threads()
    monkeypatch.setattr(benchmark("harness"), "in_new_process", lambda measure, variant: measure(variant))

    def run(name: str, *options: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *options])
        try:
            benchmark(name).main()
        finally:
            torch.set_num_threads(threads)
        return capsys.readouterr().out

    return run
