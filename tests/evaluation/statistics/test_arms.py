"""Arms: several trainings of one method on the same pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from synthboost.errors import DataError
from synthboost.evaluation.statistics import arms
from synthboost.records.rows import Row, rows_frame

MakeRow = Callable[..., Row]


def training(make_row: MakeRow, run: str, seed: int | None, *dice: float, **other: object) -> list[Row]:
    """One row for each patient, in order."""
    return [
        make_row(run=run, seed=seed, patient=f"p{i}", frame=f"p{i}_2CH_ED", dice=d, **other) for i, d in enumerate(dice)
    ]


def pair_arms(first: list[Row], second: list[Row]) -> arms.PairedArms:
    return arms.pair_arms(rows_frame(first), rows_frame(second))


def test_trainings_are_averaged_pair_by_pair_whatever_the_order_of_their_rows(make_row: MakeRow) -> None:
    first = training(make_row, "a0", 0, 0.8, 0.6) + training(make_row, "a1", 1, 0.9, 0.5)[::-1]
    found = pair_arms(first, training(make_row, "b0", 0, 0.7, 0.7))
    np.testing.assert_array_equal(found.first, [[0.8, 0.6], [0.9, 0.5]])
    np.testing.assert_array_equal(found.second, [[0.7, 0.7]])
    np.testing.assert_allclose(found.means[0], [0.85, 0.55])
    assert found.patients == ("p0", "p1")


def test_two_runs_of_one_seed_are_no_two_trainings_of_a_method(make_row: MakeRow) -> None:
    twice = training(make_row, "a", 0, 0.8, 0.6) + training(make_row, "b", 0, 0.9, 0.5)
    with pytest.raises(DataError, match="first arm: seeds: 0, 0 in a, b"):
        pair_arms(twice, training(make_row, "c", 0, 0.7, 0.7))


def test_a_training_that_scored_other_images_is_refused(make_row: MakeRow) -> None:
    first = training(make_row, "a0", 0, 0.8, 0.6) + training(make_row, "a1", 1, 0.9)
    with pytest.raises(DataError, match="1 without a partner"):
        pair_arms(first, training(make_row, "b0", 0, 0.7, 0.7))


def test_rows_without_patients_cannot_be_compared(make_row: MakeRow) -> None:
    nobody = [make_row(patient="")]
    with pytest.raises(DataError, match="the patient of every row"):
        pair_arms(nobody, nobody)
