"""What a folder is for, by a record that its first writer leaves; and one writer at a time, by a lock of the system."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from synthboost.errors import OutputError
from synthboost.io.atomic import output_errors, recover, write_json
from synthboost.io.typed_json import read_json

LOCK_FILE = ".lock"
"""Holds the number and the host of the process that has the lock, for the message."""
_UNABLE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_HELD: set[int] = set()
"""File descriptors of the locks of this process."""
OWNER_VARIABLE = "SYNTHBOOST_LOCK_OWNER"
"""In the environment, so that processes which a job starts take locks in its name too."""
_SHOWN = 40
"""Characters of a value in a message; the record holds the rest."""


def claim(record: Path, wanted: Mapping[str, Any]) -> None:
    """Write the record into a new or empty folder, or compare it with the one that is there.

    Args:
        record: its file; the folder around it is what is claimed, and may be absent. Hidden files do not occupy it.
        wanted: what the folder is to be for; plain values.

    Raises:
        OutputError: the folder was begun otherwise, naming in what, or holds something else. Nothing was touched.
        DataError: its record cannot be read.
    """
    out, plain = record.parent, json.loads(json.dumps(wanted))
    if record.is_file():
        found = read_json(record)
        if odd := _odd(found, plain):
            there, now = _flat(found), _flat(plain)
            values = ((key, repr(there.get(key)), repr(now.get(key))) for key in _odd(there, now))
            differences = ", ".join(f"{key} is {_short(one)} there and {_short(two)} now" for key, one, two in values)
            raise OutputError(
                out, ", ".join(odd), f"not as the folder was begun with: {differences}", f"what {record.name} says",
                "Nothing was touched. Choose another folder.",
            )  # fmt: skip
        return
    require_own(record)
    write_json(record, plain)


def require_own(record: Path) -> None:
    """Refuse a folder that holds something else, before the work that tells what to `claim` it for.

    Raises:
        OutputError: it has files and no record, or is a file.
    """
    out = record.parent
    with output_errors(out):
        occupied = next((p.name for p in out.iterdir() if not p.name.startswith(".")), None) if out.exists() else None
    if occupied is not None and not record.is_file():
        raise OutputError(
            out, "folder", f"holds {occupied!r} and no {record.name}",
            "a new or empty folder, or one that the same command began", "Nothing was touched. Choose another folder.",
        )  # fmt: skip


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process, and put in order what a killed one left in it (`atomic.recover`).

    The lock is the system's (`flock`): however a process ends, it is given back. Some network file systems keep locks
    to each host, so a lock file that names another host is respected even when it seems free, unless it was taken in
    the name of the same job (`owned_by`).

    Raises:
        OutputError: another process holds the folder, or this one does already; one on another host did not give it
            back; or the file system has no locks.
    """
    lock = folder / LOCK_FILE
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = _take(folder, lock)
    _HELD.add(handle)
    try:
        recover(folder, held=True)
        yield
    finally:
        _HELD.discard(handle)
        if _is_at(lock, handle):  # somebody may have deleted it, and another process taken the folder
            lock.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def owned_by(job: str) -> Iterator[None]:
    """Take locks in the name of a job, which inherits those that it left behind on another host.

    Args:
        job: one line. Whoever gives it vouches that no two processes do this job at a time.
    """
    before = os.environ.pop(OWNER_VARIABLE, None)
    os.environ[OWNER_VARIABLE] = job
    try:
        yield
    finally:
        del os.environ[OWNER_VARIABLE]
        if before is not None:
            os.environ[OWNER_VARIABLE] = before


def _odd(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, a mapping within, in one line with the rest."""
    settings = record.get("settings")
    return {**record, **settings, "settings": None} if isinstance(settings, dict) else dict(record)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _take(folder: Path, lock: Path) -> int:
    while True:
        # Writable, because network file systems make a record lock of it, which asks for that.
        handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(lock, handle):
                _sign(folder, lock, handle)
                return handle
        except BaseException as error:
            holder = _holder(handle) or "that has just begun"
            os.close(handle)
            if isinstance(error, BlockingIOError):
                raise _refusal(folder, lock, holder) from None
            if isinstance(error, OSError) and error.errno in _UNABLE:
                remedy = "Write to another disk, or mount with them."
                raise OutputError(folder, "lock", error.strerror, "a file system with locks", remedy) from error
            raise
        os.close(handle)  # given back, and so deleted, between the opening and the locking


def _sign(folder: Path, lock: Path, handle: int) -> None:
    process, host, job = [*_read(handle).split(" ", 2), "", "", ""][:3]
    own_job = os.environ.get(OWNER_VARIABLE, "")
    inherited = bool(job) and job == own_job
    if process.isdigit() and host and host != socket.gethostname() and not inherited:
        raise _refusal(folder, lock, _holder(handle))
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()} {socket.gethostname()} {own_job}".strip().encode(), 0)


def _read(handle: int) -> str:
    return os.pread(handle, 300, 0).decode("utf-8", errors="replace")


def _holder(handle: int) -> str:
    """Who holds it, and since when: the file is written once, by its holder."""
    since = datetime.fromtimestamp(os.fstat(handle).st_mtime).astimezone()
    return f"{holder} since {since:%Y-%m-%d %H:%M:%S}" if (holder := _read(handle)) else ""


def _is_at(lock: Path, handle: int) -> bool:
    """Whether the path still leads to the file that was opened."""
    try:
        return os.path.samestat(lock.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


def _refusal(folder: Path, lock: Path, holder: str) -> OutputError:
    return OutputError(
        folder, "lock", f"held by process {holder}", "a folder that no other process writes to",
        f"Wait for that process, or delete {lock} if it is gone.",
    )  # fmt: skip


def _let_go() -> None:
    """A forked child would keep the lock of a parent that is killed."""
    for handle in _HELD:
        with suppress(OSError):
            os.close(handle)
    _HELD.clear()


os.register_at_fork(after_in_child=_let_go)
