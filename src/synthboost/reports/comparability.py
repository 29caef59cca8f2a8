"""Whether our numbers may be held against the paper's: every reason why not, in words, from rows and specs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from synthboost.domain import Domain, SplitPart
from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import NOT_RECORDED
from synthboost.reports.paper import PAPER_GRID, PAPER_MODELS, PAPER_PATIENTS, PAPER_TRAINING_PATIENTS, PUBLISHED
from synthboost.reports.series import REAL, rows_of_runs

OFFICIAL_SPLITS = ("official", "paper")
"""Splits of ours whose test patients are the official ones of CAMUS."""
VALIDATION_SPLIT = "no-test"
"""The split for copies without test patients: it tests on the official validation patients."""


def reasons_against(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Why these runs' Dice is not comparable with the paper's; empty when it is.

    Test images, grid and training are looked at, because a difference can come from each of them. Rows that the
    authors published are the paper's own: they count only where there are none of ours.
    """
    ours = [run for run in runs if _models(run) & PAPER_MODELS.keys()]
    models = ours or [run for run in runs if any(name.removesuffix(PUBLISHED) in PAPER_MODELS for name in _models(run))]
    rows = rows_of_runs(models)
    rows = rows[rows.probe == ""]
    return () if rows.empty else (*_of_the_test(rows), *_of_the_grid(rows), *_of_the_training(models))


def comparison_note(reasons: Sequence[str]) -> str:
    """The reasons as a sentence for a caption."""
    if not reasons:
        return "Same test patients and grid as the paper's."
    return f"Not comparable with the paper: {'; '.join(reasons)}."


def _of_the_test(rows: pd.DataFrame) -> list[str]:
    found = []
    domains = sorted(rows.domain.unique())
    if domains != [Domain.REAL]:
        found.append(f"the test images are {' and '.join(domains)}, the paper's are of patients")
    if not ((rows.part == SplitPart.TESTING) & rows.split.isin(OFFICIAL_SPLITS)).all():
        parts = sorted({_part(*line) for line in rows[["split", "part"]].drop_duplicates().itertuples(index=False)})
        found.append(f"scored on the {' and the '.join(parts)}, not on the official test patients")
    patients = rows.patient.nunique()
    if patients != PAPER_PATIENTS:
        found.append(f"{patients} patients are tested, not {PAPER_PATIENTS}")
    return found


def _part(split: str, part: str) -> str:
    if split == VALIDATION_SPLIT and part == SplitPart.TESTING:
        return f"official validation patients (split {split})"
    return f"{part} patients of the split {split or NOT_RECORDED}"


def _of_the_grid(rows: pd.DataFrame) -> list[str]:
    grids = sorted(rows.grid.unique())
    return [] if grids == [PAPER_GRID] else [f"scored on the {' and '.join(grids)} grid, not at 512 x 512"]


def _of_the_training(runs: Sequence[RunRecord]) -> list[str]:
    found = []
    if any(run.spec.starts_at_random for run in runs):
        found.append("models start from random weights, the paper's from weights of natural images")
    counts = {run.spec.data[REAL].patients for run in runs if REAL in run.spec.data and run.spec.trains_on(REAL)}
    fewer = sorted(counts - {PAPER_TRAINING_PATIENTS})
    if fewer:
        found.append(f"trained on {' or '.join(map(str, fewer))} real patients, not {PAPER_TRAINING_PATIENTS}")
    return found


def _models(run: RunRecord) -> set[str]:
    return set(run.rows.model)
