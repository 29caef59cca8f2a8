"""A model under changes of protocol: Dice, ejection fraction and flags by kind of change and severity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd

from synthboost.data.source import FrameSet
from synthboost.domain import STRUCTURES, Frame, Phase, View
from synthboost.errors import DataError, people
from synthboost.evaluation.clinical.patient_numbers import PatientViews
from synthboost.evaluation.metrics.score import dice
from synthboost.evaluation.statistics.bootstrap import Interval, bootstrap_mean
from synthboost.inference.doubts import reasons_against_heart
from synthboost.inference.overlay import draw_overlay
from synthboost.inference.predict_dataset import PredictedFrame, predict_loaded
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import EvaluationSentences
from synthboost.inference.shift import CHANGES, UNCHANGED, shifted
from synthboost.io.pictures import write_png
from synthboost.io.tables import frame_of, read_typed, write_typed
from synthboost.progress import track
from synthboost.reports.figure import INK, Plot, dress, legend_above, panels
from synthboost.reports.table import Cell, Table, absent, count, fixed, number, words

SEVERITIES = ((UNCHANGED, 0), *((name, n) for name, own in CHANGES.items() for n in range(1, len(own.levels) + 1)))
"""Kinds of change and how severe; `mirrored` has one severity, the others five."""
_SHORT = tuple(structure.short for structure in STRUCTURES)


class ShiftRow(TypedDict):
    """One frame under one change."""

    change: str
    severity: int
    patient: str
    view: str
    phase: str
    LV: float
    MYO: float
    LA: float
    ef_error: float | None
    """Of the patient, CAMUS' convention, points: predicted (mended) minus that of the unchanged annotation."""
    doubts: str
    """Why the frame does not look like an apical heart."""


def write_robustness(
    out: Path, predictor: Predictor, frames: FrameSet, sentences: EvaluationSentences, patients: int
) -> Table:
    """Evaluate under every change; write the rows, a table, curves, and the worst case as a picture; return the table.

    A patient who is done is not evaluated again. Frames that show no sector or have no annotation are left out.

    Args:
        out: a folder.
        predictor: the model.
        frames: those of a patient follow one another.
        sentences: which name the structures.
        patients: the first so many after a shuffle with a fixed seed.
    """
    by_patient = [[*own] for _, own in groupby(range(len(frames)), key=lambda n: frames.infos[n].patient)]
    chosen = np.random.default_rng(0).permutation(len(by_patient))[:patients]
    rows: list[ShiftRow] = []
    for number_, index in enumerate(track(chosen, "shifting", len(chosen), "patient")):
        path = out / "patients" / f"{number_:04d}.csv"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_typed(path, ShiftRow, _of_patient(predictor, [frames[n] for n in by_patient[index]], sentences))
        rows += read_typed(path, ShiftRow)
    found = frame_of(ShiftRow, rows)
    write_typed(out / "shift-rows.csv", ShiftRow, rows)
    table = robustness_table(found)
    table.write(out)
    robustness_plot(found).write(out)
    _write_worst(out / "worst.png", predictor, frames, sentences, found)
    return table


def _of_patient(predictor: Predictor, frames: Sequence[Frame], sentences: EvaluationSentences) -> Iterator[ShiftRow]:
    annotated = [frame for frame in frames if frame.label_map is not None]
    true = _fraction((frame, frame.label_map) for frame in annotated)
    for change, severity in SEVERITIES:
        changed = []
        for frame in annotated:
            with suppress(DataError):
                changed.append(shifted(frame, change, severity))
        predicted = list(predict_loaded(predictor, changed, sentences))
        found = _fraction((one.frame, one.prediction.label_map(one_heart=True)) for one in predicted)
        error = None if found is None or true is None else found - true
        yield from (_row(one, change, severity, error) for one in predicted)


def _row(one: PredictedFrame, change: str, severity: int, error: float | None) -> ShiftRow:
    info, scores = one.frame.info, [dice(one.frame.mask(s), mask) for s, mask in one.masks.items()]
    doubts = ", ".join(reasons_against_heart(one.frame.image, one.prediction.probability))
    lv, myo, la = scores
    return ShiftRow(
        change=change, severity=severity, patient=str(info.patient), view=str(info.view), phase=str(info.phase),
        LV=lv, MYO=myo, LA=la, ef_error=error, doubts=doubts,
    )  # fmt: skip


def _fraction(maps: Iterable[tuple[Frame, object]]) -> float | None:
    found = {(frame.info.view, frame.info.phase): (label_map, frame.spacing_mm) for frame, label_map in maps}
    try:
        return PatientViews(found).ejection_fraction(one_height=True)  # type: ignore[arg-type]
    except DataError:
        return None


def robustness_table(rows: pd.DataFrame) -> Table:
    """One line per change: mean Dice at each severity, what is lost at the worst, error of the EF, and flags."""
    base, most = rows[rows.change == UNCHANGED], max(severity for _, severity in SEVERITIES)
    lines = [_line(name, rows[rows.change == name], base, most) for name in CHANGES if (rows.change == name).any()]
    caption = (
        f"Mean Dice in percent under changes of protocol at severity 0 (unchanged) to {most}, over LV, MYO and LA of "
        f"{len(base)} frames of {people(base.patient.nunique())}; the loss at the worst severity with its 95 % "
        "interval over patients; mean absolute error of the ejection fraction (CAMUS' convention, points), unchanged "
        "and at the worst, with the patients measured; frames flagged at the worst."
    )
    levels = "; ".join(f"{name}: {', '.join(f'{v:g}' for v in own.levels)} {own.says}" for name, own in CHANGES.items())
    return Table.of("robustness", caption, lines, (f"Levels: {levels}.",))


def _line(name: str, own: pd.DataFrame, base: pd.DataFrame, most: int) -> dict[str, Cell]:
    worst = own[own.severity == own.severity.max()]
    means = {n: _mean(own[own.severity == n] if n else base) for n in {0, *own.severity.tolist()}}
    loss = _loss(worst, base)
    interval = "" if loss is None else f" [{fixed(100 * loss.low, 1)}, {fixed(100 * loss.high, 1)}]"
    return {
        "change": words(name),
        **{f"{n}": number(means[n], 1, scale=100) if n in means else absent() for n in range(most + 1)},
        "loss, points": words(f"{fixed(100 * (means[0] - _mean(worst)), 1)}{interval}"),
        "EF error": words(f"{_error(base)} to {_error(worst)}"),
        "flagged, %": number(float((worst.doubts != "").mean()), 0, scale=100),
        "frames": count(len(worst)),
    }


def _mean(rows: pd.DataFrame) -> float:
    return float(rows[[*_SHORT]].to_numpy().mean())


def _loss(worst: pd.DataFrame, base: pd.DataFrame) -> Interval | None:
    key = ["patient", "view", "phase"]
    both = base.merge(worst, on=key, suffixes=("", "_worst"))
    if both.patient.nunique() < 2:
        return None
    lost = sum(both[name] - both[f"{name}_worst"] for name in _SHORT) / len(_SHORT)
    return bootstrap_mean(lost, both.patient.tolist(), seed=0)


def _error(rows: pd.DataFrame) -> str:
    errors = rows.groupby("patient").ef_error.first().dropna()
    return f"{fixed(float(errors.abs().mean()), 1)} (n = {len(errors)})" if len(errors) else "not measured"


def robustness_plot(rows: pd.DataFrame) -> Plot:
    """A panel per change: Dice of each structure against severity."""
    names = [name for name in CHANGES if (rows.change == name).any()]
    figure, axes = panels(len(names), 1.25, columns=3)
    ends = []
    for panel, name in zip(axes, names, strict=True):
        own = rows[(rows.change == name) | (rows.change == UNCHANGED)]
        curves = 100 * own.groupby("severity")[[*_SHORT]].mean()
        for short, stroke in zip(_SHORT, ("solid", "dashed", "dotted"), strict=True):
            panel.plot(curves.index, curves[short], color=INK, linestyle=stroke, linewidth=1.4, label=short)
        dress(panel, name, 8)
        panel.set_xticks(range(max(severity for _, severity in SEVERITIES) + 1))
        ends.append(f"{name} {curves.iloc[-1].mean():.0f} %")
    figure.supxlabel("severity (0: unchanged)", fontsize=9, color=INK)
    figure.supylabel("Dice in %", fontsize=9, color=INK)
    legend_above(figure, axes, columns=3)
    caption = "Dice under changes of protocol, by structure and severity."
    return Plot("robustness", caption, f"Mean Dice at the worst severity: {'; '.join(ends)}.", figure)


def _write_worst(
    path: Path, predictor: Predictor, frames: FrameSet, sentences: EvaluationSentences, rows: pd.DataFrame
) -> None:
    """Left the frame whose Dice a change lowers most, right the frame under it, each with its predicted masks."""
    key = ["patient", "view", "phase"]
    mean = rows.assign(dice=rows[[*_SHORT]].mean(axis=1))
    lost = mean.merge(mean[mean.change == UNCHANGED][[*key, "dice"]], on=key, suffixes=("", "_before"))
    worst = lost.iloc[int((lost.dice_before - lost.dice).argmax())]
    position = next(
        n for n, info in enumerate(frames.infos)
        if (str(info.patient), info.view, info.phase) == (worst.patient, View(worst.view), Phase(worst.phase))
    )  # fmt: skip
    pair = [frames[position], shifted(frames[position], worst.change, int(worst.severity))]
    drawn = [
        np.asarray(draw_overlay(one.frame.image, one.prediction.masks, None))
        for one in predict_loaded(predictor, pair, sentences)
    ]
    high = max(picture.shape[0] for picture in drawn)
    write_png(path, np.hstack([np.pad(p, ((0, high - p.shape[0]), (0, 4), (0, 0))) for p in drawn]))
