"""The executors by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from synthboost.errors import ConfigError
from synthboost.experiments.executors.base import Executor


def _local(workers: int, folder: Path) -> Executor:
    from synthboost.experiments.executors.local import LocalExecutor

    return LocalExecutor(workers)


EXECUTORS: dict[str, Callable[[int, Path], Executor]] = {"local": _local}
"""Name -> builder, from the number of jobs at a time and a folder for the executor's own files.

A builder imports what it needs itself, and raises a `ConfigError` that names the extra when that is not installed.
"""


def make_executor(name: str, workers: int, folder: Path) -> Executor:
    """Build an executor.

    Args:
        name: one of `EXECUTORS`.
        workers: how many jobs at a time.
        folder: for the executor's own files, such as logs; made when needed.

    Raises:
        ConfigError: no executor has that name, it is not installed, or the number cannot work.
    """
    if name not in EXECUTORS:
        raise ConfigError("study", "executor", name, f"one of {', '.join(EXECUTORS)}")
    return EXECUTORS[name](workers, folder)
