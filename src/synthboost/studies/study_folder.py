"""What was asked of a study's folder, so that the next request can only add to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from synthboost.domain import SplitPart
from synthboost.errors import OutputError
from synthboost.io.typed_json import read_record, to_json, write_record
from synthboost.records.study_folder import StudyPaths, StudyRecord, StudyRequest, StudyTerms
from synthboost.studies.manifest import versions
from synthboost.studies.recipes import Grid
from synthboost.studies.study import Study


def terms_of(study: Study) -> StudyTerms:
    """Return what must be the same in every request to one folder: all but the grid."""
    preset = {name: value for name, value in asdict(study.preset).items() if name not in ("grid", "weights")}
    data = {"real": study.real, **{f"synthetic {', '.join(one.domains)}": one for one in study.synthetic}}
    return StudyTerms(
        study=study.name,
        recipe=json.loads(json.dumps(asdict(study.recipe), default=str)),
        preset=json.loads(json.dumps(preset, default=str)),
        data={
            role: {"release": one.dataset.release, "split": one.split.name, "fingerprint": one.fingerprint}
            for role, one in data.items()
        },
        weights=dict(study.weights),
        part=SplitPart.TESTING,
    )


def check_request(paths: StudyPaths, terms: StudyTerms) -> None:
    """Refuse a request that would put what cannot be compared into one folder.

    Raises:
        OutputError: the folder holds a study with other terms, or something else; names what differs.
        DataError: `study.json` is damaged.
    """
    if not paths.description.is_file():
        occupied = paths.root.is_dir() and [p.name for p in paths.root.iterdir() if not p.name.startswith(".")]
        if occupied:
            raise OutputError(
                paths.root, "out", f"holds {occupied[0]!r} and no study.json", "a study's folder or a new one",
                "Choose another folder.",
            )  # fmt: skip
        return
    found = read_record(paths.description, StudyRecord).terms
    for place, asked, there in _differences(to_json(terms), to_json(found)):
        raise OutputError(
            paths.description, place, f"asked for {asked}, the study has {there}", "the same in every request",
            "Only the grid may grow. Choose another folder.",
        )  # fmt: skip


def note_request(paths: StudyPaths, terms: StudyTerms, grid: Grid, runs: Sequence[str]) -> None:
    """Write `study.json`: the terms, and this request after those before it, unless it repeats the last one."""
    before = read_record(paths.description, StudyRecord) if paths.description.is_file() else StudyRecord(terms, (), ())
    asked = StudyRequest(datetime.now(UTC).isoformat(timespec="seconds"), to_json(grid), versions())
    repeats = bool(before.requests) and replace(before.requests[-1], when=asked.when) == asked
    known = before.terms
    all_terms = replace(terms, data={**known.data, **terms.data}, weights={**known.weights, **terms.weights})
    requests = before.requests if repeats else (*before.requests, asked)
    write_record(paths.description, StudyRecord(all_terms, requests, tuple(dict.fromkeys([*before.runs, *runs]))))


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
