"""Which runs a folder holds: a run's own folder, a folder of runs, or a study with its runs in `runs/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthboost.errors import DataError
from synthboost.records.run_folder import RunPaths

RUNS_FOLDER = "runs"


@dataclass(frozen=True)
class FoundRuns:
    """The folders of runs that were found."""

    finished: tuple[Path, ...]
    """With `DONE`, or named themselves (then reading says what is missing)."""
    unfinished: tuple[Path, ...]
    """In a folder of runs, begun and without a result."""
    is_study: bool
    """True when a folder of runs was among them."""


def find_runs(paths: Sequence[Path]) -> FoundRuns:
    """Find the runs; a path that is no folder of runs is taken for a run.

    Raises:
        DataError: a folder of runs holds no finished one.
    """
    finished: list[Path] = []
    unfinished: list[Path] = []
    is_study = False
    for path in paths:
        members = _members(path)
        if not members:
            finished.append(path)
            continue
        is_study = True
        done = [member for member in members if RunPaths(member).done.is_file()]
        if not done:
            raise DataError(
                path, "runs", f"{len(members)}, none finished", "at least one finished run",
                "Start the study again to resume it.",
            )  # fmt: skip
        finished += done
        unfinished += [member for member in members if member not in done]
    return FoundRuns(tuple(dict.fromkeys(finished)), tuple(dict.fromkeys(unfinished)), is_study)


def _members(path: Path) -> list[Path]:
    """The runs in a folder, by name; none when it is a run itself."""
    if _is_run(path):
        return []
    place = path / RUNS_FOLDER if (path / RUNS_FOLDER).is_dir() else path
    return [entry for entry in sorted(place.glob("[!.]*")) if entry.is_dir() and _is_run(entry)]


def _is_run(path: Path) -> bool:
    paths = RunPaths(path)
    return paths.spec.is_file() or paths.rows.is_file() or paths.done.is_file()
