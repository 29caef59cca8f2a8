"""The folder of a study: what was asked of it, so that the next request can only add to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from synthboost.errors import OutputError
from synthboost.io.atomic import write_json
from synthboost.io.typed_json import read_json, to_json
from synthboost.studies.manifest import versions
from synthboost.studies.recipes import Grid, Preset, Recipe
from synthboost.studies.study import Sources, Study

FORMAT = 1


@dataclass(frozen=True)
class StudyPaths:
    """Where a study keeps what."""

    root: Path

    @property
    def description(self) -> Path:
        """What was asked for, and with which versions."""
        return self.root / "study.json"

    @property
    def runs(self) -> Path:
        """The folder of runs."""
        return self.root / "runs"

    @property
    def logs(self) -> Path:
        """What each run said while it worked."""
        return self.root / "logs"

    @property
    def executor(self) -> Path:
        """The executor's own files."""
        return self.root / "executor"

    def log(self, run: str) -> Path:
        """What one run said."""
        return self.logs / f"{run}.txt"


def fixed_terms(
    recipe: Recipe, preset: Preset, sources: Sources, weights: Mapping[str, str], part: str, name: str = "paper"
) -> dict[str, Any]:
    """Return what must be the same in every request to one folder: all but the grid."""
    terms = {
        # What is handed over is said where it is not as usual: folders begun before it could be otherwise go on.
        "recipe": {key: value for key, value in asdict(recipe).items() if (key, value) != ("hand_over", "weights")},
        "preset": {name: value for name, value in asdict(preset).items() if name not in ("grid", "weights")},
        "data": {str(role): _data(sources, role) for role in sorted(sources)},
        "judged on": part,
        # Of the paper's study nothing is said, so that folders begun before there was another are still its own.
        **({} if name == "paper" else {"study": name}),
    }
    plain: dict[str, Any] = json.loads(json.dumps(terms, default=str))
    return {**plain, "weights": dict(weights)}


def check_request(paths: StudyPaths, terms: Mapping[str, Any]) -> None:
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
    found = read_json(paths.description).get("terms", {})
    for place, asked, there in _differences(terms, found):
        raise OutputError(
            paths.description, place, f"asked for {asked}, the study has {there}", "the same in every request",
            "Only the grid may grow. Choose another folder.",
        )  # fmt: skip


def note_request(paths: StudyPaths, terms: Mapping[str, Any], grid: Grid, study: Study) -> None:
    """Write `study.json`: the terms, and this request after those before it, unless it repeats the last one."""
    before = read_json(paths.description) if paths.description.is_file() else {}
    asked = {"grid": json.loads(json.dumps(asdict(grid), default=str)), "versions": to_json(versions())}
    requests = list(before.get("requests", []))
    if not requests or {name: requests[-1].get(name) for name in asked} != asked:
        requests.append({"when": datetime.now(UTC).isoformat(timespec="seconds"), **asked})
    runs = list(dict.fromkeys([*before.get("runs", []), *(run.name for run in study.runs)]))
    all_terms = {**before.get("terms", {}), **terms}
    for name in ("data", "weights"):
        all_terms[name] = {**before.get("terms", {}).get(name, {}), **terms[name]}
    write_json(paths.description, {"format": FORMAT, "terms": all_terms, "requests": requests, "runs": runs})


def _data(sources: Sources, role: Any) -> dict[str, str]:
    source = sources[role]
    return {"release": source.dataset.release, "split": source.split.name, "fingerprint": source.fingerprint}


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
