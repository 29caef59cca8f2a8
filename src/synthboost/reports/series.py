"""Series: the runs of a study that may share a table, because they were trained on the same data in the same way."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from synthboost.evaluation.statistics.arms import Arm
from synthboost.io.typed_json import to_json
from synthboost.records.rows import rows_frame
from synthboost.records.run_folder import RunRecord
from synthboost.reports.arms import ordered_arms, with_true_parts
from synthboost.reports.contrasts import Difference, differences
from synthboost.reports.run_facts import in_table_order

REAL, SYNTHETIC = "real", "synthetic"
_TEXTS = {
    "patients": "{} real training patients",
    "real": "real data {}",
    "synthetic": "synthetic data {}",
    "start": "from {}",
    "share": "real share {}",
    "training": "training settings {}",
}
"""What may differ between series, and how a heading says it."""
_SHORT = 12
"""Characters of a checksum in a heading."""


@dataclass(frozen=True, eq=False)
class Series:
    """Runs that differ in model, strategy, encoders, sentences and seed only."""

    name: str
    """What sets it apart, e.g. `50 real training patients`; empty when the study has one series."""
    runs: tuple[RunRecord, ...]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """All rows of its runs."""
        return rows_of_runs(self.runs)

    @cached_property
    def arms(self) -> list[Arm]:
        """See `ordered_arms`."""
        return ordered_arms(self.rows)

    @cached_property
    def differences(self) -> list[Difference]:
        """See `contrasts.differences`."""
        return differences(self.arms)

    @property
    def slug(self) -> str:
        """The name as a part of file names and addresses; empty when the study has one series."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def rows_of_runs(runs: Sequence[RunRecord]) -> pd.DataFrame:
    """All rows of some runs in one data frame, see `with_true_parts`."""
    return with_true_parts(pd.concat([run.rows for run in runs], ignore_index=True)) if runs else rows_frame([])


def series_of(runs: Sequence[RunRecord]) -> list[Series]:
    """Part runs that one table could not hold apart; one series if there is nothing to part.

    Whatever differs between runs of one model, strategy, encoders and prompt set makes series: the number of real
    training patients, the data, the weights or preset to start from, the training settings. A run that a
    difference does not concern stands in every series: `synthetic` alone does not depend on the real patients.
    """
    ordered = in_table_order(runs)
    facts = [_facts(run) for run in ordered]
    varying = _varying(ordered, facts)
    keys = [tuple(fact.get(name) for name in varying) for fact in facts]
    whole = [key for key in dict.fromkeys(keys) if not any(_is_part(key, other) for other in keys)]
    found, shown = [], {name: _without_checksums({fact[name] for fact in facts if name in fact}) for name in varying}
    for key in sorted(whole, key=_natural):
        members = [run for run, own in zip(ordered, keys, strict=True) if own == key or _is_part(own, key)]
        values = {n: shown[n][value] for n, value in zip(varying, key, strict=True) if value is not None}
        name = ", ".join(_TEXTS[n].format(value) for n, value in values.items())
        found.append(Series(name, tuple(_without_copies(members))))
    return found


def _without_checksums(values: set[str]) -> dict[str, str]:
    """Value -> what a heading says: a data set's name alone, where that tells all of them apart."""
    short = {value: value.rpartition(" ")[0] or value for value in values}
    return short if len({*short.values()}) == len(values) else {value: value for value in values}


def _facts(run: RunRecord) -> dict[str, str]:
    """What the run was trained on and with; only what concerns it and what it records."""
    spec, facts = run.spec, dict[str, str]()
    for role in (REAL, SYNTHETIC):
        if role in spec.data and spec.trains_on(role):
            facts[role] = f"{spec.data[role].name} {spec.data[role].fingerprint[:_SHORT]}".strip()
    patients = [spec.data[REAL].patients] if REAL in facts else run.rows.real_patients.dropna().tolist()
    if patients:
        facts["patients"] = str(patients[0])
    if start := spec.weights or spec.preset:
        facts["start"] = start[:_SHORT]
    if spec.real_share is not None:
        facts["share"] = str(spec.real_share)
    if spec.stages:
        text = json.dumps(to_json(spec.stages), sort_keys=True)
        facts["training"] = hashlib.sha256(text.encode()).hexdigest()[:_SHORT]  # too long to say; provenance has it
    return facts


def _varying(runs: Sequence[RunRecord], facts: Sequence[dict[str, str]]) -> list[str]:
    """The facts that part series; the training settings only where nothing shorter does."""
    cells: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for run, fact in zip(runs, facts, strict=True):
        cells.setdefault(_cell(run), []).append(fact)
    short = [name for name in _TEXTS if name != "training"]
    varying = [name for name in short if any(len(_values(group, name)) > 1 for group in cells.values())]
    groups: dict[tuple[object, ...], list[dict[str, str]]] = {}
    for cell, members in cells.items():
        for fact in members:
            groups.setdefault((cell, *(fact.get(name) for name in varying)), []).append(fact)
    more = any(len(_values(group, "training")) > 1 for group in groups.values())
    return [*varying, "training"] if more else varying


def _values(facts: Sequence[dict[str, str]], name: str) -> set[str]:
    return {fact[name] for fact in facts if name in fact}


def _cell(run: RunRecord) -> tuple[str, ...]:
    return (run.spec.model, run.spec.strategy, run.spec.encoders, run.spec.prompt_set)


def _is_part(key: tuple[str | None, ...], whole: tuple[str | None, ...]) -> bool:
    """Whether `whole` says the same and more."""
    return key != whole and all(a is None or a == b for a, b in zip(key, whole, strict=True))


def _without_copies(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Leave out a run that is there only because it names other real data than it learned from.

    Zero-shot and `synthetic` runs of two numbers of real patients are the same run under two names: one is enough.
    """
    counts = {_patients(run) for run in runs if run.spec.trains_on(REAL)}
    kept: dict[tuple[object, ...], RunRecord] = {}
    for run in runs:
        free = not run.spec.trains_on(REAL)
        key = (*_cell(run), run.spec.seed, *_evaluated_on(run), "" if free else _patients(run))
        other = kept.get(key)
        if other is None:
            kept[key] = run
        elif free and _patients(other) != _patients(run):
            kept[key] = run if _patients(run) in counts else other
        else:
            kept[(*key, run.root)] = run  # two results for one thing: the tables will refuse them
    return list(kept.values())


def _evaluated_on(run: RunRecord) -> tuple[str, ...]:
    found = run.rows[["split", "part", "grid", "domain"]].drop_duplicates()
    return tuple(sorted(" ".join(line) for line in found.itertuples(index=False)))


def _patients(run: RunRecord) -> str:
    return str(run.spec.data[REAL].patients if REAL in run.spec.data else None)


def _natural(key: tuple[str | None, ...]) -> list[tuple[int, float, str]]:
    """Numbers by size, then words."""
    return [(1, 0.0, "") if v is None else (0, float(v), "") if v.isdigit() else (2, 0.0, v) for v in key]
