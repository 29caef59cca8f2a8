"""Files that are either complete or absent: write under a temporary name, then rename."""

from __future__ import annotations

import csv
import ctypes
import errno
import json
import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from synthboost.errors import OutputError

TEMPORARY_PREFIX = ".writing-"
"""Temporary names begin so and keep their suffix, because some writers choose the format by it."""
LONG_NAME = "length of the name"
"""What is wrong with a path that the file system does not take; no fault of the place."""
_TEMPORARY = re.compile(rf"{re.escape(TEMPORARY_PREFIX)}(?P<old>old-)?(?P<process>\d+)@(?P<host>[^@]*)@(?P<name>.+)")
_IN_WORK: set[Path] = set()
"""Temporary names of this process, to tell them from those of a dead one that had the same number."""
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", "'")
"""Beginnings of formulas, also in wide characters; a spreadsheet would take an apostrophe away."""
_AT_CWD, _EXCHANGE = -100, 2
"""`AT_FDCWD` and `RENAME_EXCHANGE` of Linux."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    Raises:
        OutputError: the folder cannot be written or the disk is full. `path` is then as it was before.
    """
    with _temporary_names(path) as (temporary, _):
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; it replaces `path` when the block ends without an error.

    Where the system can exchange two names in one step (Linux, on its own file systems), a reader finds the old folder
    or the new one at any instant, and so does the next process when this one is killed. Elsewhere the old folder is
    moved aside for an instant; if the process is killed in it, `recover` puts it back.

    Raises:
        OutputError: as for `whole_file`.
    """
    with _temporary_names(path) as (temporary, aside):
        _remove(temporary)
        temporary.mkdir(parents=True)
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _flush_to_disk(file)
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a file is in the way of the folder")
        if not (path.is_dir() and _exchange(temporary, path)):
            if path.is_dir():
                os.replace(path, aside)
            os.replace(temporary, path)


def recover(folder: Path, held: bool = False) -> None:
    """Put back folders that a killed process had moved aside, and delete what it left unfinished in `folder`.

    Args:
        folder: not searched recursively; may be absent.
        held: this process holds the folder's lock, so whatever is unfinished was left over. Without it only the
            work of processes of this host that no longer live is.

    Raises:
        OutputError: a folder cannot be put back. It is then where it was.
    """
    for entry in list(folder.glob(f"{TEMPORARY_PREFIX}*")):
        if entry in _IN_WORK or not (held or _is_of_a_dead_process(entry)):
            continue
        name = _TEMPORARY.fullmatch(entry.name)
        if name is not None and name["old"]:
            with output_errors(folder / name["name"]):
                _put_back(entry, folder / name["name"])
        _remove(entry)


_recover_once = lru_cache(maxsize=1024)(recover)
"""Before a process first writes into a folder; to list it before every file would take long where there are many."""


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))  # names of files need be no Unicode


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Mapping[str, Any], indent: int | None = 2) -> None:
    """Write `value` as JSON, in one line without `indent`; NaN and infinity are refused rather than written."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Mapping[str, Any]], for_people: bool = False) -> None:
    """Write rows under `header`, see `to_cell`; a row with a column that is not there is an error of ours.

    With `for_people`, numbers are those of `to_read`: for tables that nothing here reads back.
    """
    with (
        whole_file(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as handle,
    ):
        plain = csv.DictWriter(handle, header, lineterminator="\n")
        quoted = csv.DictWriter(handle, header, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writeheader()
        for row in rows:
            cells = {name: to_cell(to_read(value) if for_people else value) for name, value in row.items()}
            # The plain writer leaves a carriage return bare, and every reader takes it for the line's end.
            returns = any(isinstance(value, str) and "\r" in value for value in cells.values())
            (quoted if returns else plain).writerow(cells)


def to_cell(value: object) -> object:
    """Return a value as it goes into a CSV file: text that a spreadsheet would run as a formula gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def to_read(value: object) -> object:
    """A value with seven significant digits if it is a number with more: what a person can use of it, and no more."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def from_cell(cell: str) -> str:
    """Return the text that `to_cell` was given."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULAS) else cell


def require_new_folder(path: Path, option: str) -> None:
    """Create `path`, or accept it empty.

    Raises:
        OutputError: it holds files already, is a file, or cannot be created.
    """
    with output_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        occupied = next((p for p in path.iterdir() if not p.name.startswith(TEMPORARY_PREFIX)), None)
        probe = path / f"{TEMPORARY_PREFIX}{os.getpid()}-probe"
        probe.touch()
        probe.unlink()
    if occupied is not None:
        raise OutputError(
            path, option, f"the folder holds {occupied.name!r} already", "a new or empty folder",
            "Nothing was touched. Choose another folder, or remove this one yourself.",
        )  # fmt: skip


@contextmanager
def _temporary_names(path: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the names to write under and to move an old folder to; tidy both up, whatever happens."""
    mark = f"{os.getpid()}@{socket.gethostname()}@{path.name}"
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{mark}")
    aside = path.with_name(f"{TEMPORARY_PREFIX}old-{mark}")
    try:
        _recover_once(path.parent)
        _IN_WORK.update((temporary, aside))
        with output_errors(path):
            yield temporary, aside
    finally:
        with suppress(OSError):  # the error above says more than that there was nothing to tidy up
            _put_back(aside, path)
            _remove(aside)
            _remove(temporary)
        _IN_WORK.difference_update((temporary, aside))


def _put_back(aside: Path, path: Path) -> None:
    try:
        if aside.exists() and not path.exists():
            os.replace(aside, path)
    except OSError:
        if not path.exists():  # else another process was faster
            raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _exchange(first: Path, second: Path) -> bool:
    """Let two paths change their names in one step; false where that cannot be done, and then nothing has happened."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:  # not Linux, or a C library without it
        return False
    return bool(rename(_AT_CWD, os.fsencode(first), _AT_CWD, os.fsencode(second), _EXCHANGE) == 0)


def _is_of_a_dead_process(entry: Path) -> bool:
    name = _TEMPORARY.fullmatch(entry.name)
    if name is None or name["host"] != socket.gethostname():
        return False
    try:
        os.kill(int(name["process"]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return int(name["process"]) == os.getpid()


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """What the system says while the block writes becomes an `OutputError`, with what to do about it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            said = "no space left" if error.errno == errno.ENOSPC else error.strerror
            remedy = "Free some space, file numbers (df -i) or quota; nothing was lost."
            raise OutputError(path, "disk", said, "room for the file", remedy) from error
        if error.errno in (errno.EEXIST, errno.ENOTDIR):
            raise OutputError(path, "output", "a file is in the way", "a folder", "Choose another name.") from error
        if error.errno == errno.ENAMETOOLONG:
            raise OutputError(path, LONG_NAME, error.strerror, "a shorter one", "Rename it.") from error
        expected, remedy = "a place that can be written", "Check the path and its rights."
        raise OutputError(path, "output", error.strerror or str(error), expected, remedy) from error
