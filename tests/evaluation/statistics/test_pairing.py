"""Comparing two runs: pairing, direction, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from synthboost.domain import Metric
from synthboost.errors import DataError
from synthboost.evaluation.statistics.arms import PairedArms
from synthboost.evaluation.statistics.arms import pair_arms as pair_frames
from synthboost.evaluation.statistics.contrast import contrast
from synthboost.records.rows import Row, Status, rows_frame

Run = Callable[..., list[Row]]


def pair_rows(first: list[Row], second: list[Row], metric: Metric = "dice") -> PairedArms:
    return pair_frames(rows_frame(first), rows_frame(second), metric)


def replace(row: Row, **changes: Any) -> Row:
    return cast(Row, {**row, **changes})


@pytest.fixture
def run(make_row: Callable[..., Row]) -> Run:
    """A function (*dice) -> rows of two structures for each patient, in order."""

    def make(*dice: float) -> list[Row]:
        return [
            make_row(patient=f"p{i // 2}", frame=f"p{i // 2}_2CH_ED", structure=("LV", "LA")[i % 2], dice=d)
            for i, d in enumerate(dice)
        ]

    return make


def test_rows_are_paired_by_what_they_show_and_not_by_their_order(run: Run) -> None:
    first, second = run(0.9, 0.8, 0.7, 0.6), run(0.5, 0.4, 0.3, 0.2)
    pairs = pair_rows(first, second[::-1])
    np.testing.assert_allclose(pairs.differences, [0.4, 0.4, 0.4, 0.4])
    assert pairs.patients == ("p0", "p0", "p1", "p1")


def test_a_probe_is_not_mistaken_for_the_ordinary_score_of_the_same_image(run: Run) -> None:
    both = [row for r in run(0.9, 0.8) for row in (r, replace(r, probe="swapped", dice=0.1))]
    assert pair_rows(both, both).differences.size == 4
    with pytest.raises(DataError, match="2 without a partner"):
        pair_rows(both, run(0.9, 0.8))


def test_another_metric_can_be_compared(run: Run) -> None:
    pairs = pair_rows(run(0.9, 0.8), [replace(row, hd95_mm=5.0) for row in run(0.9, 0.8)], "hd95_mm")
    np.testing.assert_allclose(pairs.differences, [-2, -2])


def test_a_comparison_speaks_of_the_first_minus_the_second_by_patient(run: Run) -> None:
    pairs = pair_rows(run(0.9, 0.7, 0.6, 0.6, 0.5, 0.3), run(0.8, 0.6, 0.7, 0.5, 0.4, 0.2))
    found = contrast(pairs)
    # Differences by patient: +0.1 and +0.1; -0.1 and +0.1; +0.1 and +0.1.
    assert found.mean == pytest.approx(4 * 0.1 / 6)
    assert found.over_patients is not None
    assert found.over_patients.low <= found.mean <= found.over_patients.high
    assert (found.pairs, found.patients, found.patients_higher) == (6, 3, 2)
    assert found.cliffs_delta > 0
    assert 0 < found.p_value <= 1


def test_a_run_compared_with_itself_shows_nothing(run: Run) -> None:
    found = contrast(pair_rows(run(0.9, 0.8, 0.7, 0.6), run(0.9, 0.8, 0.7, 0.6)))
    assert found.over_patients is not None
    assert (found.over_patients.low, found.over_patients.high, found.p_value, found.cliffs_delta) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (lambda rows: (rows * 2, rows), "twice"),
        (lambda rows: ([], []), "none"),
        (lambda rows: (rows, rows[:1]), "1 without a partner"),
        (lambda rows: (rows, [replace(r, grid="512x512") for r in rows]), "native and 512x512"),
        (lambda rows: (rows, [replace(r, patient="") for r in rows]), "patient"),
        (
            lambda rows: (rows, [replace(r, dice=None, status=Status.FAILED, reason="no memory") for r in rows]),
            "failed: no memory",
        ),
    ],
)
def test_rows_that_cannot_be_paired_are_refused(
    run: Run, changed: Callable[[list[Row]], tuple[list[Row], list[Row]]], named: str
) -> None:
    with pytest.raises(DataError, match=named):
        pair_rows(*changed(run(0.9, 0.8)))
