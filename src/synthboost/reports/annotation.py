"""What annotation is worth: Dice against the number of annotated real patients, with and without synthetic images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes

from synthboost.domain import Strategy
from synthboost.evaluation.statistics.arms import Arm, arms_of, pair_arms
from synthboost.evaluation.statistics.bootstrap import Interval, bootstrap_mean
from synthboost.evaluation.statistics.contrast import Contrast, contrast_in_common
from synthboost.reports.figure import INK, Plot, dress, file_stem, legend_above, panels, plain_label
from synthboost.reports.paper import model_heading
from synthboost.reports.table import (
    Cell,
    Table,
    absent,
    count,
    interval,
    number,
    signed,
    words,
)

REAL_ONLY = "real only"
_LOOKS = (
    ("#0072b2", "o", "solid"),
    ("#00795a", "s", "dashed"),
    ("#c77700", "^", "dashdot"),
    ("#b0548c", "D", "dotted"),
    ("#666666", "v", "solid"),
)


class Setting(NamedTuple):
    """What all arms of one comparison share."""

    model: str
    encoders: str
    prompt_set: str


class Point(NamedTuple):
    """One arm at one number of annotated real patients."""

    arm: str
    """`real only`, or `synthetic images, then real`."""
    patients: int
    """Annotated real patients; 0: none took part in training."""
    rows: pd.DataFrame
    """Of all seeds."""

    @property
    def seeds(self) -> int:
        """How many trainings stand behind it."""
        return self.rows.run.nunique()

    @property
    def dice(self) -> Interval:
        """Mean over everything (0-1), and its 95 % interval over patients after averaging over seeds."""
        pairs = pair_arms(self.rows, self.rows)
        return bootstrap_mean(pairs.means[0], pairs.patients, seed=0)


def annotation_points(rows: pd.DataFrame) -> dict[Setting, list[Point]]:
    """Sort the rows by setting, arm and number of real patients.

    Left out, since other tables show what there is: settings with one number of real patients, with a single patient
    evaluated on, with pairs that could not be scored, or with two trainings of one arm and seed (two sets of one
    domain).
    """
    columns = ("model", "strategy", "encoders", "synthetic", "real_patients", "prompt_set")
    found: dict[Setting, dict[tuple[str, int], list[pd.DataFrame]]] = {}
    for arm in arms_of(rows, columns=columns):
        if (name := _name(arm)) is not None:
            cells = found.setdefault(Setting(arm["model"], arm["encoders"], arm["prompt_set"]), {})
            cells.setdefault((name, arm["real_patients"] or 0), []).append(arm.rows)
    points = {
        setting: [Point(arm, n, pd.concat(parts)) for (arm, n), parts in sorted(cells.items(), key=_place)]
        for setting, cells in found.items()
        if len({n for _, n in cells if n}) > 1
    }
    return {setting: own for setting, own in points.items() if all(map(_is_comparable, own))}


def gain(point: Point, points: Sequence[Point]) -> Contrast | None:
    """Compare an arm with real images alone at the same number of patients; `None` where there is nothing to."""
    base = next((p for p in points if p.arm == REAL_ONLY and p.patients == point.patients), None)
    return None if base is None or point.arm == REAL_ONLY else contrast_in_common(point.rows, base.rows)


def annotation_table(setting: Setting, points: Sequence[Point], masks: Sequence[str] = ()) -> Table:
    """One line per arm and number of annotated patients; `masks` says whose annotations diffusion images carry."""
    caption = (
        f"What annotation is worth to {model_heading(setting.model)} ({setting.encoders} encoders, "
        f"{setting.prompt_set}): mean Dice by the number of real patients in training."
    )
    notes = (
        "Seeds are averaged pair by pair before patients are resampled. The last interval holds for other patients and "
        "other trainings. With 0 real patients no annotated real image took part in training. Diffusion images "
        "are made from annotated masks: all patients that their model was trained on are annotated, too.",
        *masks,
    )
    name = file_stem("annotation", setting.model, setting.encoders, setting.prompt_set)
    return Table.of(name, caption, [_line(point, points) for point in points], notes)


def annotation_plot(setting: Setting, points: Sequence[Point], masks: Sequence[str] = ()) -> Plot:
    """Dice against the number of annotated patients, one line per arm, with intervals over patients.

    `masks` says whose annotations diffusion images carry.
    """
    figure, (axes,) = panels(1, 3.0)
    numbers = sorted({point.patients for point in points})
    arms = list(dict.fromkeys(point.arm for point in points))
    said = [_draw(axes, arm, rank, points, numbers) for rank, arm in enumerate(arms)]
    axes.set_xticks(range(len(numbers)), [f"{n:,}" for n in numbers])
    dress(axes, plain_label(f"{model_heading(setting.model)}, {setting.prompt_set}"))
    axes.set_xlabel("real training patients", fontsize=9, color=INK)
    axes.set_ylabel("Dice in %", fontsize=9, color=INK)
    legend_above(figure, [axes], columns=1)
    caption = (
        f"Dice of {model_heading(setting.model)} against the number of real patients in training; mean over seeds, "
        "bars: 95 % over patients."
    )
    caption = " ".join((caption, *masks))
    name = file_stem("annotation", setting.model, setting.encoders, setting.prompt_set)
    return Plot(name, caption, "; ".join(said), figure)


def _is_comparable(point: Point) -> bool:
    seeds = point.rows[["run", "seed"]].drop_duplicates().seed
    return point.rows.patient.nunique() > 1 and not seeds.duplicated().any() and bool(point.rows.dice.notna().all())


def _name(arm: Arm) -> str | None:
    match arm["strategy"]:
        case Strategy.REAL:
            return REAL_ONLY
        case Strategy.SYNTHETIC | Strategy.SYNTHETIC_THEN_REAL:
            return f"{arm['synthetic']} images, then real"
        case _:
            return None


def _place(cell: tuple[tuple[str, int], object]) -> tuple[bool, str, int]:
    (arm, patients), _ = cell
    return arm != REAL_ONLY, arm, patients


def _line(point: Point, points: Sequence[Point]) -> dict[str, Cell]:
    better, dice = gain(point, points), point.dice
    return {
        "trained on": words(point.arm if point.patients else point.arm.removesuffix(", then real")),
        "real training patients": count(point.patients),
        "seeds": count(point.seeds),
        "Dice %": number(dice.mean, scale=100.0),
        "95 % over patients": interval(dice, scale=100.0),
        "minus real only": absent() if better is None else signed(better.mean, scale=100.0),
        "95 % of it over patients": interval(better.over_patients if better else None, scale=100.0, sign=True),
        "95 % over patients and seeds": interval(better.over_trainings if better else None, scale=100.0, sign=True),
    }


def _draw(axes: Axes, arm: str, rank: int, points: Sequence[Point], numbers: Sequence[int]) -> str:
    colour, marker, stroke = _LOOKS[rank % len(_LOOKS)]
    own = [point for point in points if point.arm == arm]
    # Beside each other, or the bars would hide one another.
    places = [numbers.index(point.patients) + 0.08 * rank for point in own]
    found = [point.dice for point in own]
    means = [100.0 * dice.mean for dice in found]
    errors = [[100.0 * (dice.mean - dice.low) for dice in found], [100.0 * (dice.high - dice.mean) for dice in found]]
    axes.errorbar(
        places, means, yerr=errors, color=colour, marker=marker, markersize=4, linestyle=stroke, linewidth=1.6,
        elinewidth=0.9, capsize=2, label=plain_label(arm),
    )  # fmt: skip
    values = ", ".join(f"{mean:.1f} % with {point.patients}" for mean, point in zip(means, own, strict=True))
    return f"{arm}: {values}"
