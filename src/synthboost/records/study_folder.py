"""The folder of a study: what it holds, `study.json`, and which runs are in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthboost.domain import SplitPart
from synthboost.errors import DataError
from synthboost.io.typed_json import read_record
from synthboost.records.run_folder import Below, Folder, RunPaths
from synthboost.records.run_record import Versions

RUNS_FOLDER = "runs"


class StudyPaths(Folder):
    """Where a study keeps what."""

    description = Below("study.json")
    """What was asked for, and with which versions: a `StudyRecord`."""
    runs = Below(RUNS_FOLDER)
    """The folder of runs."""
    sets = Below(".sets")
    """Data sets that the study simulates, without images: each frame is drawn when it is read. It can be deleted."""
    executor = Below("executor")
    """The executor's own files."""
    logs = Below("logs")
    """What each run said while it worked."""

    def log(self, run: str) -> Path:
        """What one run said."""
        return self.logs / f"{run}.txt"


@dataclass(frozen=True)
class StudyTerms:
    """What is the same in every request to one folder: all but the grid. Data and weights may be added."""

    study: str
    """Its name: `paper`, `label-free`."""
    recipe: Mapping[str, Any]
    preset: Mapping[str, Any]
    data: Mapping[str, Mapping[str, str]]
    """Role and domain -> release, split, fingerprint."""
    weights: Mapping[str, str]
    """Model -> what it starts from."""
    part: SplitPart
    """Of the real data, that is evaluated on."""


@dataclass(frozen=True)
class StudyRequest:
    """One call of the study."""

    when: str
    grid: Mapping[str, Any]
    versions: Versions


@dataclass(frozen=True)
class StudyRecord:
    """What `study.json` holds."""

    terms: StudyTerms
    requests: tuple[StudyRequest, ...]
    runs: tuple[str, ...]
    """Names of all runs that were asked for."""
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Run -> what a study varied beside its grid, e.g. `appearance: wild`, or `base`."""


def find_runs(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Find finished and unfinished runs; a path that is no folder of runs is taken for a finished run.

    Raises:
        DataError: a folder of runs holds no finished one, or what a study was asked for cannot be read.
    """
    finished: list[Path] = []
    unfinished: list[Path] = []
    for path in paths:
        members, study = _members(path), StudyPaths(path)
        if study.description.is_file():  # what was asked for and has no folder is not finished either
            asked = (study.runs / name for name in read_record(study.description, StudyRecord).runs)
            members += [lost for lost in asked if lost not in members]
        if not members:
            finished.append(path)
            continue
        done = [member for member in members if RunPaths(member).done.is_file()]
        if not done:
            raise DataError(
                path, "runs", f"{len(members)}, none finished", "at least one finished run",
                "Start the study again to resume it.",
            )  # fmt: skip
        finished += done
        unfinished += [member for member in members if member not in done]
    return list(dict.fromkeys(finished)), list(dict.fromkeys(unfinished))


def _members(path: Path) -> list[Path]:
    """The runs in a folder, by name; none when it is a run itself."""
    if _is_run(path):
        return []
    place = path / RUNS_FOLDER if (path / RUNS_FOLDER).is_dir() else path
    return [entry for entry in sorted(place.glob("[!.]*")) if entry.is_dir() and _is_run(entry)]


def _is_run(path: Path) -> bool:
    paths = RunPaths(path)
    return paths.spec.is_file() or paths.rows.is_file() or paths.done.is_file()
