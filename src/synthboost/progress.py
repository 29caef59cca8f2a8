"""Progress of long loops: a live bar in a terminal, a plain line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import Self, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_SECONDS = 10.0
"""Between two lines when the output is no terminal."""


class Progress:
    """Counts steps of something long; use as a context manager."""

    def __init__(self, description: str, total: int, unit: str = "it", done: int = 0, shown: bool = True) -> None:
        """Show `description` and how many of `total` units are done, how fast, and how long the rest will take.

        Of several processes that do the same work, only one should be `shown`.
        """
        self.shown = shown
        self.description, self.total, self.unit, self.done = description, total, unit, done
        self.remark = ""
        self._first = done
        self._start = self._last_line = time.monotonic()
        live = sys.stderr.isatty()
        self._bar = (
            tqdm(total=total, initial=done, desc=description, unit=unit, dynamic_ncols=True, file=sys.stderr)
            if live and shown
            else None
        )

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more units as done."""
        self.done += steps
        if self._bar is not None:
            self._bar.update(steps)
        elif time.monotonic() - self._last_line >= LOG_SECONDS:
            self._print_line()

    def note(self, remark: str) -> None:
        """Show a short remark behind the counts, e.g. the current validation score."""
        self.remark = remark
        if self._bar is not None:
            self._bar.set_postfix_str(remark, refresh=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None:
            self._print_line()

    def _print_line(self) -> None:
        if not self.shown:
            return
        self._last_line = time.monotonic()
        seconds = self._last_line - self._start
        line = f"{self.description}: {self.done}/{self.total} {self.unit}, {seconds:.0f} s"
        if self._first < self.done < self.total:
            line += f", about {seconds / (self.done - self._first) * (self.total - self.done):.0f} s left"
        print(f"{line}; {self.remark}" if self.remark else line, file=sys.stderr, flush=True)


def track(items: Iterable[Item], description: str, total: int | None = None, unit: str = "it") -> Iterator[Item]:
    """Yield the items unchanged while their progress is shown; `total` is needed when they have no length."""
    if total is None:
        assert isinstance(items, Sized), "pass the total of an iterable without a length"
        total = len(items)
    with Progress(description, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()
