"""Carry out a study: hold its folder, run what is not finished, list what failed, write the report."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from synthboost.domain import SplitPart
from synthboost.errors import OutputError, SynthboostError
from synthboost.io.lock import exclusive, require_own
from synthboost.io.tables import has_parquet
from synthboost.io.typed_json import read_record, to_json, write_record
from synthboost.records.run_folder import RunPaths, read_run
from synthboost.records.study_folder import StudyPaths, StudyRecord, StudyRequest, StudyTerms
from synthboost.records.study_table import write_study_table
from synthboost.reports import write_report
from synthboost.reports.transfer import with_transfers
from synthboost.studies.executors.base import Executor, Outcome
from synthboost.studies.manifest import versions
from synthboost.studies.recipes import Grid
from synthboost.studies.spec import RunSpec
from synthboost.studies.study import Study, StudyRun
from synthboost.studies.study_text import duration, words_of

PATIENCE_SECONDS = 30.0
"""How long a run's folder may be held: a process whose study was killed needs a moment to notice."""


def run_study(
    root: Path,
    study: Study,
    executor: Executor,
    seconds: Mapping[str, float] | None = None,
    note: str = "",
    at_once: int = 1,
) -> list[Outcome]:
    """Run what is not finished; return the outcomes that are failures.

    Args:
        root: the study's folder; the same call goes on where a killed one stopped.
        study: what to run.
        executor: where the runs are carried out.
        seconds: an estimate for each run, for the time that is left.
        note: said once the folder is held.
        at_once: how many runs the executor carries out at a time, for the time that is left.

    Raises:
        OutputError: another study holds the folder (who, and since when), or it holds a study with other terms.
    """
    paths, terms = StudyPaths(root), terms_of(study)
    check_request(paths, terms)
    with exclusive(root):
        check_request(paths, terms)  # the folder may have been empty when it was not held yet
        note_request(paths, terms, study.preset.grid, [run.name for run in study.runs], study.levels)
        if note:
            print(note, file=sys.stderr, flush=True)
        open_runs = [run for run in study.runs if not run.is_finished(paths.runs)]
        trained = {run.name for run in open_runs if isinstance(run.work, RunSpec) and run.work.own_stages}
        progress = _StudyProgress({run.name: (seconds or {}).get(run.name, 0.0) for run in open_runs}, trained, at_once)
        jobs = [job for job in study.jobs(paths.runs) if job.name in progress.expected]
        if jobs:
            executor.run(jobs, StudyWork(study.runs, root), progress.report)
        write_results(root, progress.failures)
    return progress.failures


def write_results(root: Path, failures: Sequence[Outcome] = ()) -> None:
    """Write the table of all rows and the report, of every finished run in the study's folder, of earlier requests too.

    `failures` are the runs that ended without a result. Raises a `DataError` when rows contradict each other.
    """
    paths = StudyPaths(root)
    known = read_record(paths.description, StudyRecord)
    records = [read_run(paths.runs / name) for name in known.runs if RunPaths(paths.runs / name).done.is_file()]
    if not records:
        return
    write_study_table(root / "table", records, parquet=has_parquet())
    unfinished = tuple((outcome.name, outcome.error or "") for outcome in failures)
    own, content = with_transfers(records, unfinished=unfinished, **words_of(known))
    write_report(root / "report.html", own, content, files=root / "results")


def terms_of(study: Study) -> StudyTerms:
    """Return what must be the same in every request to one folder: all but the grid."""
    left_out = ("grid", "weights", "levels")
    preset = {name: value for name, value in asdict(study.preset).items() if name not in left_out}
    compared = study.preset.simulation is not None
    names = {one.dataset.root.name if compared else ", ".join(one.domains): one for one in study.synthetic}
    data = {"real": study.real, **{f"synthetic {name}": one for name, one in names.items()}}
    data |= {f"other {one.dataset.root.name}": one for one in study.others}
    return StudyTerms(
        study=study.name,
        recipe=json.loads(json.dumps(asdict(study.recipe), default=str)),
        preset=json.loads(json.dumps(preset, default=str)),
        data={
            role: {"release": one.dataset.release, "split": one.split.name, "fingerprint": one.fingerprint}
            for role, one in data.items()
        },
        weights=dict(study.preset.weights),
        part=SplitPart.TESTING,
    )


def check_request(paths: StudyPaths, terms: StudyTerms) -> None:
    """Refuse a request that would put what cannot be compared into one folder.

    Raises:
        OutputError: the folder holds a study with other terms, or something else; names what differs.
        DataError: `study.json` is damaged.
    """
    if not paths.description.is_file():
        require_own(paths.description)
        return
    found = read_record(paths.description, StudyRecord).terms
    for place, asked, there in _differences(to_json(terms), to_json(found)):
        raise OutputError(
            paths.description, place, f"asked for {asked}, the study has {there}", "the same in every request",
            "Only the grid may grow. Choose another folder.",
        )  # fmt: skip


def note_request(
    paths: StudyPaths,
    terms: StudyTerms,
    grid: Grid,
    runs: Sequence[str],
    levels: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> None:
    """Write `study.json`: the terms, and this request after those before it, unless it repeats the last one."""
    before = read_record(paths.description, StudyRecord) if paths.description.is_file() else StudyRecord(terms, (), ())
    asked = StudyRequest(datetime.now(UTC).isoformat(timespec="seconds"), to_json(grid), versions())
    repeats = bool(before.requests) and replace(before.requests[-1], when=asked.when) == asked
    known = before.terms
    all_terms = replace(terms, data={**known.data, **terms.data}, weights={**known.weights, **terms.weights})
    requests = before.requests if repeats else (*before.requests, asked)
    known_runs = tuple(dict.fromkeys([*before.runs, *runs]))
    write_record(paths.description, StudyRecord(all_terms, requests, known_runs, {**before.levels, **levels}))


def _differences(asked: Mapping[str, Any], there: Mapping[str, Any], place: str = "") -> list[tuple[str, Any, Any]]:
    """What both have and is not equal. A model or a data set that is new to the study adds to it."""
    found: list[tuple[str, Any, Any]] = []
    for name in asked.keys() & there.keys():
        here = f"{place}, {name}" if place else name
        if isinstance(asked[name], Mapping) and isinstance(there[name], Mapping):
            found += _differences(asked[name], there[name], here)
        elif asked[name] != there[name]:
            found.append((here, asked[name], there[name]))
    return sorted(found, key=lambda item: item[0])


class _StudyProgress:
    """Says how each run ended, how many are left, and how long they will take."""

    def __init__(self, expected: dict[str, float], trained: Collection[str] = (), at_once: int = 1) -> None:
        self.expected, self.failures = expected, list[Outcome]()
        """Run -> estimated seconds, of those that have not ended."""
        self._trained, self._at_once, self._count = trained, at_once, len(expected)
        self._measured, self._estimated = 0.0, 0.0
        """Seconds of the trainings that succeeded."""

    def report(self, outcome: Outcome) -> None:
        expected = self.expected.pop(outcome.name, 0.0)
        if outcome.name in self._trained and outcome.error is None:
            self._measured += outcome.seconds
            self._estimated += expected
        how = f"{outcome.seconds:.0f} s" if outcome.error is None else f"FAILED: {outcome.error}"
        eta = f"; about {duration(self.seconds_left)} left" if any(self.expected.values()) else ""
        ended = self._count - len(self.expected)
        print(f"[{ended}/{self._count}] {outcome.name}: {how}{eta}", file=sys.stderr, flush=True)
        if outcome.error is not None:
            self.failures.append(outcome)

    @property
    def seconds_left(self) -> float:
        """What is left of the estimates, as wrong as they were about trainings; baselines are too short to tell."""
        rate = self._measured / self._estimated if self._estimated else 1.0
        left = self.expected.values()
        return rate * max(sum(left) / self._at_once, *left)


@dataclass(frozen=True)
class StudyWork:
    """Carries out one run of a study by name; travels to other processes and machines as a plain value."""

    runs: tuple[StudyRun, ...]
    root: Path
    other: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    """Work beside the runs, by name."""

    def __call__(self, name: str) -> Outcome:
        """Do the run, unless it is finished; what it says goes to its log, what it raises becomes the outcome."""
        began, paths = time.monotonic(), StudyPaths(self.root)
        work = self.other.get(name) or next(partial(run.execute, paths.runs) for run in self.runs if run.name == name)
        paths.logs.mkdir(parents=True, exist_ok=True)
        with paths.log(name).open("a", encoding="utf-8") as said, redirect_stderr(said), redirect_stdout(said):
            error = _attempt(work)
        return Outcome(name, error, time.monotonic() - began)


def _attempt(work: Callable[[], object]) -> str | None:
    """Do some work; return why it failed, in one line."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            work()
            return None
        except Exception as error:  # whatever it is, the other runs go on
            if isinstance(error, OutputError) and error.field == "lock" and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            traceback.print_exc(file=sys.stderr)
            if isinstance(error, SynthboostError):
                return str(error)
            return " ".join(f"{type(error).__name__}: {error}".split())
