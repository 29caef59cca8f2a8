"""Files that are either complete or absent: write under a temporary name, then rename."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from synthboost.errors import OutputError

TEMPORARY_PREFIX = ".writing-"
"""Temporary names begin so and keep their suffix, because some writers choose the format by it."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    Raises:
        OutputError: the folder cannot be written or the disk is full. `path` is then as it was before.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        with suppress(OSError):  # the error above says more than that there was nothing to tidy up
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; it replaces `path` when the block ends without an error.

    An older folder at `path` is moved aside before and deleted after the swap, so one of the two always exists
    whole.

    Raises:
        OutputError: as for `whole_file`.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    aside = path.with_name(f"{TEMPORARY_PREFIX}old-{os.getpid()}-{path.name}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                _flush_to_disk(file)
        if path.exists():
            os.replace(path, aside)
        os.replace(temporary, path)
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if path.exists():
            shutil.rmtree(aside, ignore_errors=True)
        elif aside.exists():
            os.replace(aside, path)


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` as indented JSON; NaN and infinity are refused rather than written."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows under `header`; a row with a column that is not in the header is an error of ours."""
    with (
        whole_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as handle,
    ):
        plain = csv.DictWriter(handle, header, lineterminator="\n")
        quoted = csv.DictWriter(handle, header, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writeheader()
        for row in rows:
            # The plain writer leaves a carriage return bare, and every reader takes it for the line's end.
            returns = any(isinstance(value, str) and "\r" in value for value in row.values())
            (quoted if returns else plain).writerow(row)


def require_new_folder(path: Path, option: str) -> None:
    """Create `path`, or accept it empty.

    Raises:
        OutputError: it holds files already, is a file, or cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        occupied = next((p for p in path.iterdir() if not p.name.startswith(TEMPORARY_PREFIX)), None)
        probe = path / f"{TEMPORARY_PREFIX}{os.getpid()}-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _output_error(path, error) from error
    if occupied is not None:
        raise OutputError(
            path, option, f"the folder holds {occupied.name!r} already", "a new or empty folder",
            "Nothing was touched. Choose another folder, or remove this one yourself.",
        )  # fmt: skip


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process, by a lock file that names process and host.

    A lock whose process no longer lives on this host is stale and is taken over.

    Raises:
        OutputError: another living process, or one on another host, holds the folder.
    """
    lock = folder / ".lock"
    holder = f"{os.getpid()} {socket.gethostname()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if lock.exists() and _is_stale(lock):
            lock.unlink(missing_ok=True)
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except OSError as error:
        if isinstance(error, FileExistsError) and folder.is_dir():
            raise _held(folder, lock) from None
        raise _output_error(folder, error) from error
    try:
        os.write(handle, holder.encode())
        os.close(handle)
        yield
    finally:
        lock.unlink(missing_ok=True)


def _held(folder: Path, lock: Path) -> OutputError:
    try:
        holder = lock.read_text(encoding="utf-8", errors="replace")
    except OSError:  # given back just now
        holder = "that has just ended"
    return OutputError(
        folder, "lock", f"held by process {holder}", "a folder that no other process writes to",
        f"Wait for that process, or delete {lock} if it is gone.",
    )  # fmt: skip


def _is_stale(lock: Path) -> bool:
    process, _, host = lock.read_text(encoding="utf-8", errors="replace").partition(" ")
    if not process.isdigit():
        return False
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return int(process) == os.getpid()


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _output_error(path: Path, error: OSError) -> OutputError:
    if error.errno == errno.ENOSPC:
        return OutputError(path, "disk", "no space left", "room for the file", "Free some space; nothing was lost.")
    return OutputError(
        path,
        "output",
        error.strerror or str(error),
        "a place that can be written",
        "Check the path and its rights.",
    )
