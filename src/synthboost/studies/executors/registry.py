"""The executors by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from synthboost.errors import ConfigError
from synthboost.studies.executors.base import Executor
from synthboost.studies.executors.settings import with_options


def _local(workers: int, folder: Path, options: Sequence[str]) -> Executor:
    from synthboost.studies.executors.local import LocalExecutor

    return with_options(LocalExecutor(workers), options, "executor local")


def _slurm(workers: int, folder: Path, options: Sequence[str]) -> Executor:
    from synthboost.studies.executors.slurm import SlurmExecutor, SlurmSettings

    settings = with_options(SlurmSettings(), options, "executor slurm")
    return SlurmExecutor(folder.absolute(), replace(settings, at_once=workers))


def _ray(workers: int, folder: Path, options: Sequence[str]) -> Executor:
    from synthboost.studies.executors.ray import RayExecutor, RaySettings

    settings = with_options(RaySettings(), options, "executor ray")
    return RayExecutor(folder.absolute(), replace(settings, at_once=workers))


EXECUTORS: dict[str, Callable[[int, Path, Sequence[str]], Executor]] = {"local": _local, "slurm": _slurm, "ray": _ray}
"""Name -> builder, from the number of jobs at a time, a folder for the executor's own files, and options.

A builder imports what it needs itself, and raises a `ConfigError` that names the extra when that is not installed.
"""


def make_executor(name: str, workers: int, folder: Path, options: Sequence[str] = ()) -> Executor:
    """Build an executor.

    Args:
        name: one of `EXECUTORS`.
        workers: how many jobs at a time.
        folder: for the executor's own files, such as logs; made when needed.
        options: further settings, `name=value` each: see `SlurmSettings`, `RaySettings`, `LocalExecutor`.

    Raises:
        ConfigError: no executor has that name, it is not installed, or an option or the number cannot work.
    """
    if name not in EXECUTORS:
        raise ConfigError("study", "executor", name, f"one of {', '.join(EXECUTORS)}")
    return EXECUTORS[name](workers, folder, options)
