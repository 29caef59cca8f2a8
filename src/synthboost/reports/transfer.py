"""What a model loses on another data set: trained on one, evaluated on another, as it is or adapted to its images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import pandas as pd

from synthboost.evaluation.statistics.bootstrap import bootstrap_mean
from synthboost.evaluation.statistics.contrast import contrast_in_common
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import ADAPTED, BASELINE_MODEL
from synthboost.reports.content import ReportContent, content_from_runs
from synthboost.reports.paper import model_heading
from synthboost.reports.table import Cell, Table, absent, count, interval, number, signed, words

Method: TypeAlias = tuple[str, str, str]
"""Model, encoders, sentences."""
_PAIR = ["patient", "frame", "structure"]


def is_transfer(run: RunRecord) -> bool:
    """Whether a run is one of `study transfer` on another data set than it was trained on."""
    there = run.spec.data.get("evaluation")
    return there is not None and run.spec.strategy.removesuffix(ADAPTED).endswith(f", on {there.name}")


def with_transfers(runs: Sequence[RunRecord], **known: Any) -> tuple[list[RunRecord], ReportContent]:
    """The runs that a report shows one by one, and its words (see `content_from_runs`), with the table of transfers."""
    own = [run for run in runs if not is_transfer(run)] or list(runs)
    content = content_from_runs(own, **known)
    if len(own) < len(runs):
        content = replace(content, summary=(*content.summary, transfer_table(runs)))
    return own, content


def transfer_table(runs: Sequence[RunRecord]) -> Table:
    """Dice by training set, evaluation set and adaptation, and the drop against training on the evaluation set.

    Only structures that both sets annotate are compared; seeds are averaged first.
    """
    at_home = _grouped((_key(run, "real"), run) for run in runs if "evaluation" not in run.spec.data)
    moved = _grouped((_key(run, "real", "evaluation"), run) for run in runs if is_transfer(run))
    lines, unchanged = [], []
    for (method, first, second, adapted), own in sorted(moved.items()):
        home, there = at_home.get((method, first, "", False)), at_home.get((method, second, "", False))
        plain = moved.get((method, first, second, False))
        if adapted and plain is not None and _dice(own) == _dice(plain):
            unchanged.append(f"{_name(first)} to {_name(second)} ({model_heading(method[0])}, {method[2]})")
        structures = [s for s in own.structure.unique() if home is None or s in set(home.structure)]
        own = own[own.structure.isin(structures)]
        lines.append(_line(method, _name(first), _name(second), adapted, own, there))
    caption = (
        "Mean Dice in percent of models on the test patients of another data set than they were trained on, and the "
        "difference to the same model trained on that set, over the pairs that both scored, in points. Patients are "
        "resampled for the intervals. Adapted: to the other set's images, without an annotation of anybody."
    )
    notes = (
        f"Adapted is the same as not adapted from {', '.join(unchanged)}: no stage of the adaptation did better on the "
        "patients held out for it, so it kept the weights from before.",
    )
    return Table.of("transfer", caption, lines, notes if unchanged else ())


def _dice(rows: pd.DataFrame) -> list[float]:
    return list(rows.sort_values(["seed", *_PAIR]).dice)


def _line(
    method: Method, first: str, second: str, adapted: bool, own: pd.DataFrame, there: pd.DataFrame | None
) -> dict[str, Cell]:
    scores = own.groupby(_PAIR, sort=True).dice.mean().reset_index()
    found = None if there is None or scores.empty else contrast_in_common(own, there)
    several = scores.patient.nunique() > 1
    over = bootstrap_mean(scores.dice.to_numpy(), scores.patient.tolist(), seed=0) if several else None
    return {
        "model": words(f"{model_heading(method[0])}, {method[2]}"),
        "trained on": words(first),
        "evaluated on": words(second),
        "adapted": words("yes" if adapted else "no"),
        "structures": words(", ".join(own.structure.unique())),
        "patients": count(scores.patient.nunique()),
        "Dice": absent() if scores.empty else number(scores.dice.mean(), scale=100),
        "95 % interval": interval(over, scale=100),
        "against trained on it": absent() if found is None else signed(found.mean, scale=100),
        "its 95 % interval": interval(None if found is None else found.over_patients, scale=100, sign=True),
        "pairs": count(0 if found is None else found.pairs),
    }


_Key: TypeAlias = tuple[Method, str, str, bool]


def _key(run: RunRecord, *roles: str) -> _Key:
    """Method, training set, evaluation set (empty: the same) and whether it was adapted; sets as `name fingerprint`."""
    spec = run.spec
    sets = [f"{spec.data[role].name} {spec.data[role].fingerprint}" for role in roles if role in spec.data]
    first, second = [*sets, "", ""][:2]
    return (spec.model, spec.encoders, spec.prompt_set), first, second, spec.strategy.endswith(ADAPTED)


def _name(known: str) -> str:
    return known.rpartition(" ")[0]


def _grouped(runs: Iterator[tuple[_Key, RunRecord]]) -> dict[_Key, pd.DataFrame]:
    """The scored rows of runs that differ in their seed alone, without probes and constant predictors."""
    found: dict[_Key, list[pd.DataFrame]] = {}
    for key, run in runs:
        if run.spec.model != BASELINE_MODEL:
            found.setdefault(key, []).append(run.rows[(run.rows.probe == "") & run.rows.dice.notna()])
    return {key: pd.concat(rows, ignore_index=True) for key, rows in found.items()}
