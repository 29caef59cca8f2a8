"""The user's mistakes as typed errors: what was wrong, where, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST_SHOWN = 1000
"""Characters of a value in a message."""


class SynthboostError(Exception):
    """A mistake that the person at the keyboard can mend.

    Args:
        where: the file, folder, option or object that is wrong.
        field: what about it is wrong (a key, an axis, an option's name).
        value: what was found there.
        expected: what would have been right, in words.
        remedy: what to do about it; a full sentence, or empty.
    """

    def __init__(self, where: str | Path, field: str, value: object, expected: str, remedy: str = "") -> None:
        # All arguments reach Exception.args, so that the error survives the trip from a worker process.
        super().__init__(str(where), field, str(value), expected, remedy)
        self.where, self.field, self.value = str(where), field, str(value)
        self.expected, self.remedy = expected, remedy

    def __str__(self) -> str:
        """One printable line, whatever a path or a foreign message holds: where, field, value, expected, what to do."""
        value = self.value if len(self.value) <= MOST_SHOWN else f"{self.value[:MOST_SHOWN]} ..."
        message = f"{self.where}: {self.field}: {value}; expected {self.expected}"
        return printable(f"{message}. {self.remedy}" if self.remedy else message)


class DataError(SynthboostError):
    """A file of a data set is missing, broken, or does not mean what it should."""


class SplitError(DataError):
    """Patients leak from one part of a split into another, or a split cannot be formed."""


SEEDS = 2**63
OPTIONS = "options"
"""The place of an error in a settings object; on the command line its field is an option's name."""


class ConfigError(SynthboostError):
    """An option has a value that cannot work."""


class PromptError(SynthboostError):
    """A sentence is empty, too long, or cannot be built from what is known."""


class CheckpointError(SynthboostError):
    """A folder of weights is absent, incomplete, damaged, or belongs to another architecture."""


class TrainingError(SynthboostError):
    """Training cannot go on: a loss or a gradient is not finite, or a worker process died."""


class OutputError(SynthboostError):
    """A result cannot be written: the folder is in use, not empty, not writable, or the disk is full."""


def all_of(*checks: Callable[[], Any]) -> list[Any]:
    """Carry out all checks and return what they return; of the user's mistakes, all are raised, not the first alone.

    Raises:
        SynthboostError: one check failed.
        ExceptionGroup: several did.
    """
    results, mistakes = list[Any](), list[SynthboostError]()
    for check in checks:
        try:
            results.append(check())
        except SynthboostError as mistake:
            mistakes.append(mistake)
    if len(mistakes) > 1:
        raise ExceptionGroup(f"{len(mistakes)} mistakes", mistakes)
    if mistakes:
        raise mistakes[0]
    return results


@contextmanager
def readable(
    path: Path, expected: str = "a readable file", *others: type[Exception], remedy: str = ""
) -> Iterator[None]:
    """Around the reading of a file: what the system says, or a library by `others`, becomes a `DataError`."""
    foreign: tuple[type[Exception], ...] = (OSError, RecursionError, *others)
    try:
        yield
    except foreign as error:
        raise DataError(path, "file", getattr(error, "strerror", None) or error, expected, remedy) from error


@contextmanager
def extra(name: str, library: str) -> Iterator[None]:
    """Around the import of a library that an optional extra brings: a `ConfigError` says how to install it."""
    try:
        yield
    except ImportError as error:
        remedy = f"pip install 'synthboost[{name}]'"
        raise ConfigError(name, library, "not installed", f"the extra `{name}`", remedy) from error


def printable(text: str) -> str:
    """Return text as one line, each character that is no visible one (of a terminal, say) spelt out."""
    line = " ".join(text.splitlines())
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def first_words(error: BaseException) -> str:
    """Return the kind of a library's exception and its first sentence; what follows is often unsafe advice."""
    words = str(error).strip().partition("\n")[0].partition(". ")[0][:200]
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def lacks_memory(error: BaseException) -> bool:
    """Whether an exception, of Python or of torch, says that no memory is left."""
    words = (
        "allocate memory",
        "not enough memory",
        "out of memory",
        "bad_alloc",
        "failed to map segment",
        "create a primitive",
    )
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(one in str(error).lower() for one in words)
    )


def shown(items: Sequence[str], most: int = 10) -> str:
    """Spell out the first items of a list, and count the others."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def people(count: int, kind: str = "") -> str:
    """Spell out a number of patients, e.g. `1 patient`, `5 synthetic patients`."""
    return counted(count, f"{kind} patient".strip())


def counted(count: int, thing: str) -> str:
    """Spell out a number of things, e.g. `1 epoch`, `1,800 frames`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def require_fields(settings: object, *checks: tuple[str, bool, str]) -> None:
    """Refuse settings that cannot work: each check is a field, whether it holds, and what was expected of it.

    A seed that no random generator takes, and no list of frames holds, needs no check of its own.

    Raises:
        ConfigError: names the option of the first field that does not hold, and its value.
    """
    seed = ("seed", getattr(settings, "seed", 0) < SEEDS, "less than 2**63")
    for name, holds, expected in (*checks, seed):
        if not holds:
            raise ConfigError(OPTIONS, name, getattr(settings, name), expected)
