"""Where runs are carried out: the executors by name, and their settings from words like `hours=12`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from synthboost.errors import ConfigError
from synthboost.processes import available_cores
from synthboost.studies.executors.base import Executor

Settings = TypeVar("Settings")


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
    """Build one of `EXECUTORS`, for so many jobs at a time; `folder` is for its own files, such as logs.

    Args:
        options: further settings, `name=value` each: see `SlurmSettings`, `RaySettings`, `LocalExecutor`.

    Raises:
        ConfigError: no executor has that name, it is not installed, or an option or the number cannot work.
    """
    if name not in EXECUTORS:
        raise ConfigError("study", "executor", name, f"one of {', '.join(EXECUTORS)}")
    return EXECUTORS[name](workers, folder, options)


def local_workers() -> int:
    """Return how many runs side by side suit this machine: one per core, or one for its GPU.

    Small models on one core each do not wait for one another, whatever else runs on the machine.
    """
    import torch

    return 1 if torch.cuda.is_available() else available_cores()


def with_options(settings: Settings, words: Sequence[str], where: str) -> Settings:
    """Return settings in which some fields are other ones.

    Args:
        settings: a dataclass whose fields are numbers, words, tuples of words, or one of these or `None`.
        words: `name=value` each; `none` stands for `None`, and a tuple grows with every word for it.
        where: for messages.

    Raises:
        ConfigError: a word has no such form or value, or there is no such field.
    """
    hints = get_type_hints(type(settings))
    known = [field.name for field in fields(settings)]  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or name not in known:
            raise ConfigError(where, "option", word, f"name=value with one of {', '.join(known)}")
        read = _read(hints[name], value, where, name)
        values[name] = (*values.get(name, ()), *read) if isinstance(read, tuple) else read
    return replace(settings, **values)  # type: ignore[type-var]


def _read(hint: Any, value: str, where: str, name: str) -> Any:
    if get_origin(hint) is tuple:
        return (value,)
    kinds = get_args(hint) or (hint,)
    if NoneType in kinds and value.lower() == "none":
        return None
    [kind] = [kind for kind in kinds if kind is not NoneType]
    try:
        return kind(value)
    except ValueError as error:
        expected = {int: "a whole number", float: "a number"}[kind]
        raise ConfigError(where, name, value, expected) from error
