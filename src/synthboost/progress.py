"""Progress of long loops: a live bar in a terminal, a plain line every few seconds in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_SECONDS = 10.0
"""Between two lines when the output is no terminal."""
FOLLOWED_SECONDS = 20.0
"""Between two looks at the logs of other processes."""
TIMED_UNITS = 3
"""After the first, from which the expected time is told (a guess)."""


class Progress:
    """Counts steps of something long; use as a context manager."""

    def __init__(self, description: str, total: int, unit: str = "it", done: int = 0, shown: bool = True) -> None:
        """Show `description` and how many of `total` units are done, how fast, and how long the rest will take.

        Args:
            description: what is done.
            total: units.
            unit: what is counted.
            done: units before, by another process.
            shown: of several processes that do the same work, only one should be.
        """
        self._facts: str | None = None
        self._pauses = 0.0
        self.description, self.total, self.unit, self.done, self.shown = description, total, unit, done, shown
        self.remark = ""
        self._told: tuple[int, str] | None = None
        """Units and remark of the last line."""
        self._first = done
        self._start = self._last_line = time.monotonic()
        self._warm: tuple[float, int] | None = None
        """When the first unit was done, which takes longer than others: how fast counts from here."""
        live = sys.stderr.isatty()
        self._bar = (
            tqdm(
                total=total, initial=done, desc=description, unit=unit, dynamic_ncols=True, smoothing=0, file=sys.stderr
            )
            if live and shown
            else None
        )

    def announce(self, facts: str, pauses: float = 0.0) -> None:
        """Say facts once, after a few units, in a line of their own with the time that is expected.

        Args:
            facts: the first that are given.
            pauses: between units (validation), as a share of the time of the units: expected until the first `note`.
        """
        if self._facts is None:
            self._facts, self._pauses = facts, pauses

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more units as done."""
        self.done += steps
        now = time.monotonic()
        if self._warm is None:
            self._warm = now, self.done
        elif self._facts and self.done >= self._warm[1] + TIMED_UNITS:
            self._say(f"{self.description}: {self._facts}; expected time: {duration(self._seconds_left(now))}")
            self._facts = ""
        if self._bar is not None:
            self._bar.update(steps)
        elif now - self._last_line >= LOG_SECONDS:
            self._print_line()

    def note(self, remark: str) -> None:
        """Show a short remark behind the counts, e.g. the current validation score."""
        self.remark, self._pauses = remark, 0.0 if self._warm else self._pauses
        if self._bar is not None:
            self._bar.set_postfix_str(remark, refresh=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None and self._told != (self.done, self.remark):
            self._print_line()

    def _seconds_left(self, now: float) -> float:
        since, units = self._warm or (self._start, self._first)
        if units == self.done:
            since, units = self._start, self._first
        return (now - since) / (self.done - units) * (1 + self._pauses) * (self.total - self.done)

    def _say(self, line: str) -> None:
        if self.shown and self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        elif self.shown:
            print(line, file=sys.stderr, flush=True)

    def _print_line(self) -> None:
        self._last_line, self._told = time.monotonic(), (self.done, self.remark)
        seconds = self._last_line - self._start
        line = f"{self.description}: {self.done}/{self.total} {self.unit}, {seconds:.0f} s"
        if self._first < self.done < self.total:
            line += f", about {duration(self._seconds_left(self._last_line))} left"
        self._say(f"{line}; {self.remark}" if self.remark else line)


def duration(seconds: float) -> str:
    """A length of time as people say it: `40 s`, `12 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def track(items: Iterable[Item], description: str, total: int | None = None, unit: str = "it") -> Iterator[Item]:
    """Yield the items unchanged while their progress is shown; `total` is needed when they have no length."""
    if total is None:
        assert isinstance(items, Sized), "pass the total of an iterable without a length"
        total = len(items)
    with Progress(description, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()


@contextmanager
def following(logs: Path, every_seconds: float = FOLLOWED_SECONDS) -> Iterator[None]:
    """While the block waits for other processes, say what is new in their logs: `*.txt` in the folder `logs`."""
    ended, seen, began = threading.Event(), dict[Path, int](), time.monotonic()
    news(logs, seen)

    def follow() -> None:
        while not ended.wait(every_seconds):
            lines = news(logs, seen) or [
                f"nothing new in {logs} after {duration(time.monotonic() - began)}: still at it"
            ]
            print("\n".join(f"  {line}" for line in lines), file=sys.stderr, flush=True)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def news(logs: Path, seen: dict[Path, int]) -> list[str]:
    """Return the last line of each log that is longer than `seen` (in bytes), which is brought up to date."""
    lines = []
    for path in sorted(logs.glob("*.txt")):
        content = path.read_bytes()
        if len(content) > seen.get(path, 0):
            lines.append(f"{path.stem}: {content.decode(errors='replace').splitlines()[-1]}")
        seen[path] = len(content)
    return lines
