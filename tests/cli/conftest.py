"""Run the program in this process, and a model that one tiny training left behind."""

from __future__ import annotations

import contextlib
import io
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from smallest_models import SETTINGS

from synthboost.cli.main import main
from synthboost.models.catalogue import MODELS


@dataclass(frozen=True)
class Outcome:
    """How a call of the program ended."""

    code: int
    out: str
    err: str


def call(*arguments: object) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        signal.signal(signal.SIGTERM, handler)
    return Outcome(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def synthboost() -> Callable[..., Outcome]:
    """A function that runs `synthboost` with the given arguments and returns code, stdout and stderr."""
    return call


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated patients of 64 px: one trains, one validates, one tests."""
    root = tmp_path_factory.mktemp("cli") / "simulated"
    assert call("simulate", "--out", root, "--patients", 3, "--size", 64, "--workers", 1).code == 0
    return root


@pytest.fixture(scope="session")
def trained_run(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of one epoch, of images of 32 px."""
    runs = tmp_path_factory.mktemp("cli") / "runs"
    options = ("--epochs", 1, "--batch-images", 4, "--workers", 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS["clipseg"].presets, "tiny", SETTINGS["clipseg tiny"])
        outcome = call("train", "--data", simulated, "--out", runs, *options)
    assert outcome.code == 0, outcome.err
    (run,) = runs.iterdir()
    return run
