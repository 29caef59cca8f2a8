"""What annotation is worth: Dice against the number of annotated real patients, with and without synthetic images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from matplotlib.axes import Axes

from synthboost.domain import Strategy
from synthboost.evaluation.statistics.arms import pair_arms
from synthboost.evaluation.statistics.bootstrap import Interval, bootstrap_mean
from synthboost.evaluation.statistics.comparison import Comparison, compare
from synthboost.evaluation.statistics.seeds import SeedInterval, seed_variation
from synthboost.records.rows import Row
from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import INTERVAL, Cell, Column, Table, absent, count, interval, number, signed, words
from synthboost.reports.inline import plain_label
from synthboost.reports.palette import INK
from synthboost.reports.paper import model_heading
from synthboost.reports.plot import Plot, dress, file_stem, legend_above, panels

BOOTSTRAP_SEED = 0
REAL_ONLY = "real only"
_LOOKS = (
    ("#0072b2", "o", "solid"),
    ("#00795a", "s", "dashed"),
    ("#c77700", "^", "dashdot"),
    ("#b0548c", "D", "dotted"),
    ("#666666", "v", "solid"),
)


@dataclass(frozen=True)
class Setting:
    """What all arms of one comparison share."""

    model: str
    encoders: str
    prompt_set: str


@dataclass(frozen=True)
class Point:
    """One arm at one number of annotated real patients."""

    arm: str
    """`real only`, or `synthetic images, then real`."""
    patients: int
    """Annotated real patients; 0: none took part in training."""
    rows: tuple[Row, ...]
    """Of all seeds."""

    @property
    def seeds(self) -> int:
        """How many trainings stand behind it."""
        return len({row.run for row in self.rows})

    @cached_property
    def dice(self) -> Interval:
        """Mean over everything (0-1), and its 95 % interval over patients after averaging over seeds."""
        pairs = pair_arms(self.rows, self.rows).over_trainings
        return bootstrap_mean(pairs.first, pairs.patients, seed=BOOTSTRAP_SEED)


@dataclass(frozen=True)
class Gain:
    """How much better an arm is than real images alone, with as many annotated patients."""

    comparison: Comparison
    over_seeds: SeedInterval | None


def annotation_points(runs: Sequence[RunRecord]) -> dict[Setting, list[Point]]:
    """Sort the rows by setting, arm and number of real patients.

    Left out, since other tables show what there is: settings with one number of real patients, with a single judged
    patient, with pairs that could not be scored, or with two trainings of one arm and seed (two sets of one domain).
    """
    found: dict[Setting, dict[tuple[str, int], list[Row]]] = {}
    for run in runs:
        for row in run.rows:
            arm = _arm(row)
            if arm is not None and row.probe == "":
                setting = Setting(row.model, row.encoders, row.prompt_set)
                found.setdefault(setting, {}).setdefault((arm, row.real_patients or 0), []).append(row)
    points = {
        setting: [Point(arm, n, tuple(rows)) for (arm, n), rows in sorted(cells.items(), key=_place)]
        for setting, cells in found.items()
        if len({n for _, n in cells if n}) > 1
    }
    return {setting: own for setting, own in points.items() if all(map(_is_comparable, own))}


def gain(point: Point, points: Sequence[Point]) -> Gain | None:
    """Compare an arm with real images alone at the same number of patients; `None` where there is nothing to."""
    base = next((p for p in points if p.arm == REAL_ONLY and p.patients == point.patients), None)
    if base is None or point.arm == REAL_ONLY:
        return None
    arms = pair_arms(point.rows, base.rows)
    return Gain(compare(arms.over_trainings, seed=BOOTSTRAP_SEED), seed_variation(arms).interval)


def annotation_table(setting: Setting, points: Sequence[Point], masks: Sequence[str] = ()) -> Table:
    """One line per arm and number of annotated patients; `masks` says whose annotations diffusion images carry."""
    columns = (
        Column("trained on", is_text=True), Column("real training patients"), Column("seeds"), Column("Dice %"),
        Column("95 % over patients", INTERVAL), Column("minus real only"), Column("95 % over patients", INTERVAL),
        Column("95 % over patients and seeds", INTERVAL),
    )  # fmt: skip
    caption = (
        f"What annotation is worth to {model_heading(setting.model)} ({setting.encoders} encoders, "
        f"{setting.prompt_set}): mean Dice by the number of real patients in training."
    )
    notes = (
        "Seeds are averaged pair by pair before patients are resampled. The last interval holds for other patients and "
        "other trainings. With 0 real patients no annotated real image took part in training. Diffusion images "
        "are made from annotated masks: those of all patients that their model learnt from are annotated, too.",
        *masks,
    )
    name = file_stem("annotation", setting.model, setting.encoders, setting.prompt_set)
    return Table(name, caption, columns, tuple(_line(point, points) for point in points), notes)


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
    seeds = [seed for _, seed in {(row.run, row.seed) for row in point.rows}]
    judged = {row.patient for row in point.rows}
    return len(judged) > 1 and len(set(seeds)) == len(seeds) and all(row.dice is not None for row in point.rows)


def _arm(row: Row) -> str | None:
    match row.strategy:
        case Strategy.REAL:
            return REAL_ONLY
        case Strategy.SYNTHETIC | Strategy.SYNTHETIC_THEN_REAL:
            return f"{row.synthetic} images, then real"
        case _:
            return None


def _place(cell: tuple[tuple[str, int], list[Row]]) -> tuple[bool, str, int]:
    (arm, patients), _ = cell
    return arm != REAL_ONLY, arm, patients


def _line(point: Point, points: Sequence[Point]) -> tuple[Cell, ...]:
    better = gain(point, points)
    differences: tuple[Cell, Cell, Cell] = (absent(), absent(INTERVAL), absent(INTERVAL))
    if better is not None:
        found, seeds = better.comparison.difference, better.over_seeds
        differences = (
            signed(found.mean, scale=100.0),
            interval((found.low, found.high), scale=100.0, sign=True),
            interval(None if seeds is None else (seeds.low, seeds.high), scale=100.0, sign=True),
        )
    return (
        words(point.arm if point.patients else point.arm.removesuffix(", then real")),
        count(point.patients),
        count(point.seeds),
        number(point.dice.mean, scale=100.0),
        interval((point.dice.low, point.dice.high), scale=100.0),
        *differences,
    )


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
