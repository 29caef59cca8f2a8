"""What mattered most: the levels of a study's factors against its base, and how Dice grows with the images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import pandas as pd

from synthboost.domain import Strategy
from synthboost.evaluation.statistics.arms import Arm, arms_of, pair_arms
from synthboost.evaluation.statistics.bootstrap import Interval, bootstrap_mean
from synthboost.evaluation.statistics.contrast import Contrast, contrast_in_common
from synthboost.evaluation.statistics.scaling import scaling_exponent
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import BASE, CONTROL
from synthboost.reports.figure import INK, Plot, dress, file_stem, panels, plain_label
from synthboost.reports.paper import model_heading
from synthboost.reports.run_facts import synthetic_domain
from synthboost.reports.series import rows_of_runs
from synthboost.reports.table import Cell, Table, absent, count, fixed, interval, number, signed, words

IMAGES = "images"
"""The factor whose levels are numbers of images, to which a power law is fitted."""
_SETTING = ("model", "encoders", "prompt_set")
_CELL = (*_SETTING, "strategy", "real_patients")
_COLUMNS = 2


class LevelArm(NamedTuple):
    """The rows of a level under one strategy and number of real patients, and what they are compared with."""

    factor: str
    value: str
    cell: tuple[object, ...]
    rows: pd.DataFrame
    base: pd.DataFrame | None

    @property
    def dice(self) -> Interval:
        """Mean (0-1) and its interval over patients, seeds averaged."""
        pairs = pair_arms(self.rows, self.rows)
        return bootstrap_mean(pairs.means[0], pairs.patients, seed=0)

    @property
    def gain(self) -> Contrast | None:
        """Minus the base, unless it is the base; of a control, minus what it controls."""
        if self.base is None or set(self.rows.run) == set(self.base.run):
            return None
        return contrast_in_common(self.rows, self.base)


def level_arms(runs: Sequence[RunRecord], levels: Mapping[str, Sequence[str]]) -> list[LevelArm]:
    """Sort the runs of a study by factor, level and cell; those of patients and pairs that all were scored on."""
    by_label: dict[str, list[RunRecord]] = {}
    for run in runs:
        for label in levels.get(run.spec.name, ()):
            by_label.setdefault(label, []).append(run)
    arms = {label: _arms(own) for label, own in by_label.items()}
    base = {_key(arm): arm.rows for arm in arms.get(BASE, [])}
    starts = {run.spec.name: run.spec.weights or run.spec.preset for run in runs}
    found = []
    for label in sorted((label for label in by_label if label != BASE), key=_order):
        factor, _, value = label.partition(": ")
        for arm in arms[label]:
            if arm.rows.patient.nunique() > 1 and arm.rows.dice.notna().all():
                cell = _key(arm)
                partner = _synthetic_then_real(arm, arms, starts) if factor == CONTROL else _partner(cell, base)
                found.append(LevelArm(factor, value, cell, arm.rows, partner))
    return found


def factor_table(name: str, arms: Sequence[LevelArm]) -> Table:
    """Per factor whose levels share strategy and real patients: its best level minus its worst, the longest first."""
    lines = list[tuple[float, dict[str, Cell]]]()
    for factor, group in groupby((arm for arm in arms if arm.factor != CONTROL), lambda arm: arm.factor):
        own = sorted(group, key=lambda arm: arm.dice.mean)
        alike = len(own) > 1 and len({arm.cell for arm in own}) == 1
        if alike and (found := contrast_in_common(own[-1].rows, own[0].rows)) is not None:
            lines.append((found.mean, {
                "factor": words(factor), "best": words(own[-1].value), "worst": words(own[0].value),
                "points of Dice between them": signed(found.mean, scale=100),
                "95 % over patients": interval(found.over_patients, scale=100, sign=True),
                "95 % over patients and seeds": interval(found.over_trainings, scale=100, sign=True),
                "levels": count(len(own)),
            }))  # fmt: skip
    lines.sort(key=lambda line: -line[0])
    notes = (
        "Best and worst are chosen among the levels by what is shown here, so the difference is too large by chance: "
        "the more levels, the more. A factor that changes nothing has one, too.",
    )
    return Table.of(file_stem("factors", name), f"What mattered most to {name}.", [line for _, line in lines], notes)


def level_table(name: str, arms: Sequence[LevelArm]) -> Table:
    """Every level: Dice, and the difference from the base."""
    lines = [_line(arm) for arm in arms]
    notes = [
        "All differ from the base in one thing, and the difference is from it; its own levels have none.",
        "Seeds are averaged pair by pair before patients are resampled. Trainings see equally many images, unless "
        "validation stops them.",
    ]
    if any(arm.factor == CONTROL for arm in arms):
        notes.append(
            f"“{CONTROL}” is compared with synthetic, then real images from the same weights, not with the base."
        )
    if (law := scaling_law(arms)) is not None:
        notes.append(
            f"Error (1 − Dice) falls with the number of images to the power of −{fixed(law.mean, 3)} "
            f"(95 % over patients {fixed(law.low, 3)} to {fixed(law.high, 3)})."
        )
    return Table.of(file_stem("levels", name), f"Levels of every factor, {name}.", lines, notes)


def scaling_law(arms: Sequence[LevelArm]) -> Interval | None:
    """The exponent of the error by the number of images; `None` with fewer than three numbers."""
    own = [arm for arm in arms if arm.factor == IMAGES]
    if len(own) < 3 or len({arm.cell for arm in own}) > 1:
        return None
    pairs = [pair_arms(arm.rows, own[0].rows) for arm in own]
    errors = np.stack([1 - pair.means[0] for pair in pairs])
    return scaling_exponent([float(arm.value) for arm in own], errors, pairs[0].patients)


def level_plot(name: str, arms: Sequence[LevelArm]) -> Plot:
    """Dice by level, a panel per factor."""
    groups = {factor: list(group) for factor, group in groupby(arms, lambda arm: arm.factor)}
    figure, axes = panels(len(groups), 1.9, _COLUMNS)
    for panel, (factor, own) in zip(axes, groups.items(), strict=True):
        labels = list(dict.fromkeys(arm.value for arm in own))
        for cell in dict.fromkeys(arm.cell for arm in own):
            shown = [(labels.index(arm.value), arm.dice) for arm in own if arm.cell == cell]
            means = [100 * dice.mean for _, dice in shown]
            ends = [[100 * (d.mean - d.low) for _, d in shown], [100 * (d.high - d.mean) for _, d in shown]]
            panel.errorbar([x for x, _ in shown], means, yerr=ends, marker="o", markersize=4, capsize=2, linewidth=1.2)
        panel.set_xticks(range(len(labels)), [plain_label(text).replace("_", "\n") for text in labels])
        dress(panel, plain_label(factor), label_size=7.5)
        panel.set_ylabel("Dice in %", fontsize=8, color=INK)
    said = "; ".join(f"{arm.factor} {arm.value} {fixed(100 * arm.dice.mean, 1)} %" for arm in arms)
    caption = f"{name}: mean Dice by level, one thing varied at a time; bars: 95 % over patients, seeds averaged."
    return Plot(file_stem("levels", name), caption, said, figure)


def level_blocks(runs: Sequence[RunRecord], levels: Mapping[str, Sequence[str]]) -> Iterator[Plot | Table]:
    """A figure and two tables for each model, encoders, prompt set and synthetic set whose study varied something."""
    domains = sorted({synthetic_domain(run) for run in runs if BASE in levels.get(run.spec.name, ())} - {""})
    for domain in domains if len(domains) > 1 else [""]:
        arms = level_arms([run for run in runs if not domain or synthetic_domain(run) in ("", domain)], levels)
        for setting in dict.fromkeys(arm.cell[: len(_SETTING)] for arm in arms):
            own = [arm for arm in arms if arm.cell[: len(_SETTING)] == setting]
            model, encoders, prompt_set = map(str, setting)
            name = f"{model_heading(model)}, {encoders} encoders, {prompt_set}{f', {domain} images' if domain else ''}"
            yield level_plot(name, own)
            yield factor_table(name, own)
            yield level_table(name, own)


def _arms(runs: Sequence[RunRecord]) -> list[Arm]:
    return arms_of(rows_of_runs(runs), columns=_CELL) if runs else []


def _key(arm: Arm) -> tuple[object, ...]:
    return tuple(arm[name] for name in _CELL)


def _synthetic_then_real(
    control: Arm, arms: Mapping[str, Sequence[Arm]], starts: Mapping[str, str | None]
) -> pd.DataFrame | None:
    """What a control belongs to: the arm, of the base or a level, that starts from the same weights."""
    wanted = {**control.values, "strategy": str(Strategy.SYNTHETIC_THEN_REAL)}
    start = starts[control.rows.run.iloc[0]]
    alike = (
        arm for own in (arms.get(BASE, ()), *arms.values()) for arm in own if starts[arm.rows.run.iloc[0]] == start
    )
    return next((arm.rows for arm in alike if arm.values == wanted), None)


def _partner(cell: tuple[object, ...], base: Mapping[tuple[object, ...], pd.DataFrame]) -> pd.DataFrame | None:
    """The base under the same strategy and patients, else the only one there is."""
    setting = cell[: len(_SETTING)]
    alike = [rows for key, rows in base.items() if key[: len(_SETTING)] == setting]
    return base.get(cell, alike[0] if len(alike) == 1 else None)


def _order(label: str) -> tuple[str, bool, float, str]:
    factor, _, value = label.partition(": ")
    try:
        return factor, False, float(value), ""
    except ValueError:
        return factor, True, 0.0, value


def _line(arm: LevelArm) -> dict[str, Cell]:
    gain, dice = arm.gain, arm.dice
    *_, strategy, patients = arm.cell
    return {
        "factor": words(arm.factor),
        "level": words(arm.value),
        "strategy": words(strategy),
        "real patients": absent() if patients is None else count(int(str(patients))),
        "seeds": count(arm.rows.seed.nunique()),
        "Dice %": number(dice.mean, scale=100),
        "95 % over patients": interval(dice, scale=100),
        "difference": absent() if gain is None else signed(gain.mean, scale=100),
        "95 % of it over patients": interval(gain.over_patients if gain else None, scale=100, sign=True),
        "95 % over patients and seeds": interval(gain.over_trainings if gain else None, scale=100, sign=True),
    }
