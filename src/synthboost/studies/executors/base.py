"""What every executor does: carry out jobs that need each other, one outcome each, whatever happens to one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias


@dataclass(frozen=True)
class Job:
    """One unit of work, by name. It is idempotent: done twice, it is done once."""

    name: str
    needs: tuple[str, ...] = ()
    """Jobs that must have succeeded before this one starts; each is in the same list, earlier."""
    is_done: Callable[[], bool] | None = field(default=None, compare=False, repr=False)
    """Whether what it makes is there, asked before a success counts that nobody saw happen; `None`: its word is taken.
    """


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    name: str
    error: str | None = None
    """One line that says why it failed; `None` when it succeeded."""
    seconds: float = 0.0


Work: TypeAlias = Callable[[str], Outcome]
"""Carries out the job of a name. It can be pickled, meets other jobs through files alone, and turns what it raises into
an outcome."""
Report: TypeAlias = Callable[[Outcome], None]


class Executor(Protocol):
    """Carries out jobs somewhere."""

    def run(self, jobs: Sequence[Job], work: Work, report: Report) -> None:
        """Carry out all jobs and report each once, as it ends.

        A job whose need failed is not started and is reported with an error that names the need. A worker that dies
        costs the job it had: that job is tried once more, then reported as failed; the others go on.
        """
        ...
