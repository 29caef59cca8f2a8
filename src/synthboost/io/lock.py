"""One writer per folder at a time, by a lock that the system gives back when its process dies."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from synthboost.errors import OutputError
from synthboost.io.atomic import output_error, recover

LOCK_FILE = ".lock"
"""Holds the number and the host of the process that has the lock, for the message."""
_UNABLE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_HELD: set[int] = set()
"""File descriptors of the locks of this process."""
OWNER_VARIABLE = "SYNTHBOOST_LOCK_OWNER"
"""In the environment, so that processes which a job starts take locks in its name too."""


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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = _take(folder, lock)
    except OSError as error:
        if error.errno in _UNABLE:
            raise OutputError(
                folder, "lock", error.strerror, "a file system with locks", "Write to another disk, or mount with them."
            ) from error
        raise output_error(folder, error) from error
    _HELD.add(handle)
    try:
        try:
            recover(folder, held=True)
        except OSError as error:
            raise output_error(folder, error) from error
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
    before = os.environ.get(OWNER_VARIABLE)
    os.environ[OWNER_VARIABLE] = job
    try:
        yield
    finally:
        if before is None:
            del os.environ[OWNER_VARIABLE]
        else:
            os.environ[OWNER_VARIABLE] = before


def _take(folder: Path, lock: Path) -> int:
    while True:
        # Writable, because network file systems make a record lock of it, which asks for that.
        handle = os.open(lock, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(lock, handle):
                _sign(folder, lock, handle)
                return handle
        except BlockingIOError:
            holder = _holder(handle) or "that has just begun"
            os.close(handle)
            raise _refusal(folder, lock, holder) from None
        except BaseException:
            os.close(handle)
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
