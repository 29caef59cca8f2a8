"""Load many frames in parallel, in order, holding only a few in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from synthboost.data.dataset import Dataset
from synthboost.domain import Frame, FrameInfo
from synthboost.errors import ConfigError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD_PER_WORKER = 2
"""Frames read ahead for each worker: one in work, one waiting."""


def load_many(dataset: Dataset, infos: Iterable[FrameInfo], workers: int = 0) -> Iterator[Frame]:
    """Yield the frames of `infos` in their order, read by `workers` threads (0 or 1: by the caller).

    Threads, not processes: a frame takes about a millisecond, less than sending it between processes would.

    Raises:
        DataError: at the first broken frame, when its turn comes; names the file.
        ConfigError: `workers` is negative.
    """
    return ordered_map(dataset.load, infos, workers)


def ordered_map(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield `function(item)` in order, computed by threads a few items ahead; lazily, so memory stays bounded.

    Raises:
        ConfigError: `workers` is negative.
    """
    if workers < 0:
        raise ConfigError("workers", "number", workers, "0 (no threads) or more")
    return map(function, items) if workers <= 1 else _threaded(function, iter(items), workers)


def _threaded(function: Callable[[Item], Result], items: Iterator[Item], workers: int) -> Iterator[Result]:
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
