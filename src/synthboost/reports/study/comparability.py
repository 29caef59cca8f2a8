"""Whether our numbers may be held against the paper's: every reason why not, in words, from rows and specs."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.domain import Domain, SplitPart
from synthboost.records.rows import Row
from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import NOT_RECORDED
from synthboost.reports.paper import PAPER_GRID, PAPER_MODELS, PAPER_PATIENTS, PAPER_TRAINING_PATIENTS, PUBLISHED
from synthboost.reports.study.series import REAL

OFFICIAL_SPLITS = ("official", "paper")
"""Splits of ours whose test patients are the official ones of CAMUS."""
VALIDATION_SPLIT = "no-test"
"""The split for copies without test patients: it tests on the official validation patients."""


def reasons_against(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Why these runs' Dice is not comparable with the paper's; empty when nothing speaks against it.

    Test images, grid and training are looked at, because a difference can come from each of them. Rows that the
    authors published are the paper's own: they count only where there are none of ours.
    """
    ours = [run for run in runs if _models(run) & PAPER_MODELS.keys()]
    models = ours or [run for run in runs if any(name.removesuffix(PUBLISHED) in PAPER_MODELS for name in _models(run))]
    rows = [row for run in models for row in run.rows if row.probe == ""]
    if not rows:
        return ()
    return (*_of_the_test(rows), *_of_the_grid(rows), *_of_the_training(models))


def comparison_note(reasons: Sequence[str]) -> str:
    """The reasons as a sentence for a caption."""
    if not reasons:
        return "Same test patients and grid as the paper's."
    return f"Not comparable with the paper: {'; '.join(reasons)}."


def _of_the_test(rows: Sequence[Row]) -> list[str]:
    found = []
    domains = sorted({row.domain for row in rows})
    if domains != [Domain.REAL]:
        found.append(f"the test images are {' and '.join(domains)}, the paper's are of patients")
    parts = sorted({_part(row) for row in rows})
    if not all(row.part == SplitPart.TESTING and row.split in OFFICIAL_SPLITS for row in rows):
        found.append(f"scored on the {' and the '.join(parts)}, not on the official test patients")
    patients = len({row.patient for row in rows})
    if patients != PAPER_PATIENTS:
        found.append(f"{patients} patients are tested, not {PAPER_PATIENTS}")
    return found


def _part(row: Row) -> str:
    if row.split == VALIDATION_SPLIT and row.part == SplitPart.TESTING:
        return f"official validation patients (split {row.split})"
    return f"{row.part} patients of the split {row.split or NOT_RECORDED}"


def _of_the_grid(rows: Sequence[Row]) -> list[str]:
    grids = sorted({row.grid for row in rows})
    return [] if grids == [PAPER_GRID] else [f"scored on the {' and '.join(grids)} grid, not at 512 x 512"]


def _of_the_training(runs: Sequence[RunRecord]) -> list[str]:
    found = []
    if any(_starts_at_random(run) for run in runs):
        found.append("models start from random weights, the paper's from weights of natural images")
    counts = {run.spec.data[REAL].patients for run in runs if REAL in run.spec.data and run.spec.trains_on(REAL)}
    fewer = sorted(counts - {PAPER_TRAINING_PATIENTS})
    if fewer:
        found.append(f"trained on {' or '.join(map(str, fewer))} real patients, not {PAPER_TRAINING_PATIENTS}")
    return found


def _starts_at_random(run: RunRecord) -> bool:
    return run.spec.starts_at_random


def _models(run: RunRecord) -> set[str]:
    return {row.model for row in run.rows}
