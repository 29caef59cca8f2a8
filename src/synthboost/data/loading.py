"""Load many frames in parallel, in order, holding only a few in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from synthboost.errors import ConfigError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD_PER_WORKER = 2
"""Frames read ahead for each worker: one in work, one waiting."""


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield `function(item)` in order, computed by threads a few items ahead; lazily, so memory stays bounded.

    Threads, not processes: to read a frame takes about a millisecond, less than sending it between processes would.
    With 0 or 1 workers the caller computes.

    Raises:
        ConfigError: `workers` is negative.
    """
    if workers < 0:
        raise ConfigError("workers", "number", workers, "0 (no threads) or more")
    return map(function, items) if workers <= 1 else _threaded(function, items, workers)


def _threaded(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="load")
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= workers * AHEAD_PER_WORKER:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
