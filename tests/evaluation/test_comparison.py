"""Comparing two runs: pairing, direction, and refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthboost.errors import DataError
from synthboost.evaluation import compare, pair_rows
from synthboost.records.rows import Row, Status

ROW = Row(
    run="r1",
    model="tiny",
    strategy="real",
    encoders="trained",
    synthetic="",
    real_patients=50,
    prompt_set="P1",
    paraphrase=0,
    sentence="Myocardium of the heart.",
    uses_ground_truth=False,
    probe="",
    seed=0,
    split="official",
    part="validation",
    domain="real",
    patient="camus-nifti/database_nifti/patient0001",
    frame="patient0001_2CH_ED",
    view="2CH",
    phase="ED",
    structure="MYO",
    quality="Good",
    sex="M",
    age=50,
    ejection_fraction=55.0,
    grid="native",
    row_mm=0.308,
    column_mm=0.308,
    status=Status.OK,
    reason="",
    dice=0.8,
    iou=2 / 3,
    nsd=0.9,
    nsd_tolerance_mm=2.0,
    hd95_mm=3.0,
    assd_mm=1.0,
    area_true_mm2=100.0,
    area_predicted_mm2=110.0,
)


def run(*dice: float) -> list[Row]:
    """Two structures for each patient, in order."""
    return [
        replace(ROW, patient=f"p{i // 2}", frame=f"p{i // 2}_2CH_ED", structure=("LV", "LA")[i % 2], dice=d)
        for i, d in enumerate(dice)
    ]


def test_rows_are_paired_by_what_they_show_and_not_by_their_order() -> None:
    first, second = run(0.9, 0.8, 0.7, 0.6), run(0.5, 0.4, 0.3, 0.2)
    pairs = pair_rows(first, second[::-1])
    np.testing.assert_allclose(pairs.first - pairs.second, [0.4, 0.4, 0.4, 0.4])
    assert pairs.patients == ("p0", "p0", "p1", "p1")


def test_a_probe_is_not_mistaken_for_the_ordinary_score_of_the_same_image() -> None:
    both = [row for r in run(0.9, 0.8) for row in (r, replace(r, probe="swapped", dice=0.1))]
    assert pair_rows(both, both).first.size == 4
    with pytest.raises(DataError, match="2 without a partner"):
        pair_rows(both, run(0.9, 0.8))


def test_another_metric_can_be_compared() -> None:
    pairs = pair_rows(run(0.9, 0.8), [replace(row, hd95_mm=5.0) for row in run(0.9, 0.8)], "hd95_mm")
    np.testing.assert_allclose(pairs.first - pairs.second, [-2, -2])


def test_a_comparison_speaks_of_the_first_minus_the_second_by_patient() -> None:
    pairs = pair_rows(run(0.9, 0.7, 0.6, 0.6, 0.5, 0.3), run(0.8, 0.6, 0.7, 0.5, 0.4, 0.2))
    found = compare(pairs, seed=0)
    # Differences by patient: +0.1 and +0.1; -0.1 and +0.1; +0.1 and +0.1.
    assert found.difference.mean == pytest.approx(4 * 0.1 / 6)
    assert found.difference.low <= found.difference.mean <= found.difference.high
    assert (found.n_pairs, found.n_patients, found.patients_higher) == (6, 3, 2)
    assert found.cliffs_delta > 0
    assert 0 < found.p_value <= 1


def test_a_run_compared_with_itself_shows_nothing() -> None:
    found = compare(pair_rows(run(0.9, 0.8, 0.7, 0.6), run(0.9, 0.8, 0.7, 0.6)), seed=0)
    assert (found.difference.low, found.difference.high, found.p_value, found.cliffs_delta) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (run(0.9, 0.8, 0.7, 0.6), run(0.9, 0.8), "2 without a partner"),
        (run(0.9, 0.8) * 2, run(0.9, 0.8), "twice"),
        ([], [], "none"),
        (run(0.9, 0.8), [replace(r, grid="512x512") for r in run(0.9, 0.8)], "native and 512x512"),
        (run(0.9, 0.8), [replace(r, patient="") for r in run(0.9, 0.8)], "patient"),
        (
            run(0.9, 0.8),
            [replace(r, dice=None, status=Status.FAILED, reason="no memory") for r in run(0.9, 0.8)],
            "failed: no memory",
        ),
    ],
)
def test_rows_that_cannot_be_paired_are_refused(first: list[Row], second: list[Row], named: str) -> None:
    with pytest.raises(DataError, match=named):
        pair_rows(first, second)
