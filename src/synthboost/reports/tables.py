"""The tables of a report as functions of rows: Dice and distances here, the others beside; and their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from synthboost.evaluation.statistics.groups import GROUPINGS
from synthboost.records.rows import Row
from synthboost.records.run_folder import RunRecord
from synthboost.reports.breakdown import breakdown_table
from synthboost.reports.cells import (
    INTERVAL,
    MEAN_SD,
    NOT_RECORDED,
    Cell,
    Column,
    Table,
    absent,
    count,
    interval,
    mean_sd,
    number,
)
from synthboost.reports.conditions import structure_place
from synthboost.reports.lines import failure_notes, heads_of
from synthboost.reports.sentence_use import sentence_table
from synthboost.reports.summary import Summary, metric, summarise
from synthboost.reports.table_files import write_table


def write_tables(folder: Path, runs: Sequence[RunRecord], *, target_is_simulated: bool = False) -> list[Path]:
    """Write every table of the rows as `.md`, `.tex`, `.csv` and `.html` into `folder`; returns the paths.

    Raises:
        DataError: rows contradict each other, see `summarise`.
        OutputError: a file cannot be written.
    """
    paths: list[Path] = []
    for table in row_tables([row for run in runs for row in run.rows], target_is_simulated):
        paths += write_table(folder, table)
    return paths


def row_tables(rows: Sequence[Row], target_is_simulated: bool = False) -> list[Table]:
    """All tables that need nothing but rows."""
    summaries = summarise(rows)
    return [
        dice_table(summaries, target_is_simulated),
        sentence_table(rows, target_is_simulated),
        distance_table(summaries, target_is_simulated),
        *(breakdown_table(summaries, name, target_is_simulated) for name in GROUPINGS),
    ]


def dice_table(summaries: Sequence[Summary], target_is_simulated: bool = False) -> Table:
    """Dice per strategy in percent: mean ± SD as table 1 of arXiv 2309.12829, interval, structures, counts."""
    heads = heads_of(summaries, target_is_simulated)
    structures = sorted({row.structure for s in summaries for row in s.rows}, key=structure_place)
    columns = (
        *heads.columns,
        Column("Dice %", MEAN_SD),
        Column("95 % interval", INTERVAL),
        *(Column(f"{name} Dice %", MEAN_SD) for name in structures),
        *(Column(name) for name in ("seeds", "images", "pairs", "patients", "failed", "empty")),
    )
    what = (
        "Dice in percent: mean ± SD over image-structure pairs, and the 95 % cluster bootstrap interval of the mean, "
        "patients resampled. Empty predictions count with Dice 0."
    )
    lines = tuple((*heads.cells(s.condition), *_dice_cells(s, structures)) for s in summaries)
    return Table("dice", heads.caption(what), columns, lines, (*heads.notes, *failure_notes(summaries)))


def distance_table(summaries: Sequence[Summary], target_is_simulated: bool = False) -> Table:
    """Normalised surface Dice in percent, HD95 and ASSD in mm: mean ± SD, and the median of HD95.

    Raises:
        DataError: a distance is present in some rows of a condition and absent in others.
    """
    heads = heads_of(summaries, target_is_simulated)
    tolerances = sorted(
        {row.nsd_tolerance_mm for s in summaries for row in s.scored if row.nsd_tolerance_mm is not None}
    )
    columns = (
        *heads.columns,
        Column("NSD %", MEAN_SD),
        Column("HD95 mm", MEAN_SD),
        Column("median HD95 mm"),
        Column("ASSD mm", MEAN_SD),
        Column("failed"),
        Column("empty"),
    )
    what = (
        f"Contour distances: normalised surface Dice (NSD) at {_millimetres(tolerances)}, 95th percentile of the "
        "Hausdorff distance (HD95), average symmetric surface distance (ASSD), each mean ± SD over image-structure "
        "pairs. An empty prediction counts with the image's diagonal."
    )
    lines = tuple((*heads.cells(s.condition), *_distance_cells(s)) for s in summaries)
    return Table("distances", heads.caption(what), columns, lines, (*heads.notes, *failure_notes(summaries)))


def _dice_cells(summary: Summary, structures: Sequence[str]) -> list[Cell]:
    per_structure = [[row for row in summary.scored if row.structure == name] for name in structures]
    return [
        mean_sd(metric(summary.scored, "dice"), scale=100),
        interval(summary.interval, scale=100),
        *(mean_sd(metric(rows, "dice"), scale=100) for rows in per_structure),
        count(summary.seeds),
        count(summary.images),
        count(summary.pairs),
        count(summary.patients),
        count(len(summary.failed)),
        count(summary.empty_predictions),
    ]


def _distance_cells(summary: Summary) -> list[Cell]:
    hd95 = metric(summary.scored, "hd95_mm")
    return [
        _mean_sd_if_any(metric(summary.scored, "nsd"), scale=100),
        _mean_sd_if_any(hd95),
        number(median(hd95)) if hd95 else absent(text=NOT_RECORDED),
        _mean_sd_if_any(metric(summary.scored, "assd_mm")),
        count(len(summary.failed)),
        count(summary.empty_predictions),
    ]


def _mean_sd_if_any(values: Sequence[float], scale: float = 1.0) -> Cell:
    return mean_sd(values, scale=scale) if values else absent(MEAN_SD, NOT_RECORDED)


def _millimetres(tolerances: Sequence[float]) -> str:
    if not tolerances:
        return "a tolerance that is not recorded"
    return " and ".join(f"{tolerance:g} mm" for tolerance in tolerances)
