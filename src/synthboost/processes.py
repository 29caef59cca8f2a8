"""Several processes that share work: how many, and an end together with their parent, however that ends."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from synthboost.errors import SynthboostError

NEW_OBJECTS = 100_000
"""Between collections of garbage (Python: 700 to 2,000). Importing torch makes so many that a tenth went into them."""
QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Of a container on Linux: microseconds of all cores together, and of the period they are for."""


def available_cores() -> int:
    """Return how many cores this process may use: by its affinity, and by its container's quota; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # another system, or no quota ("max")
        quota, period = QUOTA.read_text().split()
        cores = min(cores, int(quota) // int(period))
    return max(1, cores)


@contextmanager
def process_pool(
    workers: int, method: str | None = None, initializer: Callable[..., object] | None = None, arguments: Any = ()
) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool whose processes leave Ctrl-C to this one, and end with it even when it is killed.

    Args:
        workers: processes.
        method: `spawn`, `fork` or the system's own.
        initializer, arguments: called in every process.

    Raises:
        SynthboostError: a process died, or the system has no room for so many.
    """
    context = multiprocessing.get_context(method)
    try:
        pool = (_Pool if method == "spawn" else ProcessPoolExecutor)(workers, context, begin, (initializer, arguments))
    except OSError as error:  # its locks lie in shared memory
        expected = "shared memory (/dev/shm) for their locks"
        raise SynthboostError(
            "workers", "number", f"{workers}: {error.strerror}", expected, "Use one worker."
        ) from error
    try:
        yield pool
    except BrokenProcessPool as error:
        raise SynthboostError(
            "workers", "process", "one died, perhaps for want of memory", "processes that live",
            "What is finished is kept: start again, with fewer --workers.",
        ) from error  # fmt: skip
    finally:
        # On an error or Ctrl-C: what is in work is finished, the rest is not begun.
        pool.shutdown(wait=True, cancel_futures=True)


class _Pool(ProcessPoolExecutor):
    """Starts its processes as work comes, out of reach of Ctrl-C."""

    def submit(self, *work: Any, **options: Any) -> Future[Any]:
        with out_of_reach():
            return super().submit(*work, **options)


@contextmanager
def out_of_reach() -> Iterator[None]:
    """While the block starts processes that `begin`: Ctrl-C waits, in them until they ignore it.

    One that it met while it was still importing would print a traceback.
    """
    resource_tracker.ensure_running()  # a process of Python's own; its start would end the waiting
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin(initializer: Callable[..., object] | None = None, arguments: Any = ()) -> None:
    """Begin a process that another one started: leave Ctrl-C to that one, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    gc.set_threshold(NEW_OBJECTS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if initializer is not None:
        initializer(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
