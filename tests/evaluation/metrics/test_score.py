"""The table of edge cases, row by row."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from synthboost.domain import Mask
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.metrics.score import Scores, score_masks
from synthboost.records.rows import Status

SPACING = (0.3, 0.4)
EMPTY = np.zeros((100, 100), dtype=np.bool_)


def block(top: int, left: int, height: int, width: int) -> Mask:
    mask = EMPTY.copy()
    mask[top : top + height, left : left + width] = True
    return mask


def test_two_blocks_are_scored_by_formula() -> None:
    # 10 x 10 against the same, two columns (0.8 mm) to the right: 80 common pixels. Ten of 36 rim pixels lie 0.8 mm
    # from the other rim and nothing lies farther, so the 95th percentile is 0.8 mm.
    scores = score_masks(block(20, 20, 10, 10), block(20, 22, 10, 10), SPACING)
    assert scores.status is Status.OK
    assert scores.dice == pytest.approx(160 / 200)
    assert scores.iou == pytest.approx(80 / 120)
    assert scores.area_true_mm2 == scores.area_predicted_mm2 == pytest.approx(100 * 0.12)
    assert scores.hd95_mm == pytest.approx(0.8)
    assert scores.nsd == 1.0


def test_both_empty_agree() -> None:
    assert score_masks(EMPTY, EMPTY, SPACING) == Scores(Status.BOTH_EMPTY, 1, 1, 1, 0, 0, 0, 0)


def test_a_missing_prediction_is_as_wrong_as_the_image_is_large() -> None:
    # 100 rows of 0.3 mm and 100 columns of 0.4 mm have a diagonal of 50 mm.
    scores = score_masks(block(0, 0, 10, 10), EMPTY, SPACING)
    assert astuple(scores)[:4] == (Status.EMPTY_PREDICTION, 0, 0, 0)
    assert (scores.hd95_mm, scores.assd_mm) == (pytest.approx(50), pytest.approx(50))
    assert (scores.area_true_mm2, scores.area_predicted_mm2) == (pytest.approx(12), 0)


def test_a_prediction_of_what_is_not_there_is_as_wrong() -> None:
    scores = score_masks(EMPTY, block(0, 0, 10, 10), SPACING)
    assert astuple(scores)[:4] == (Status.EMPTY_TRUTH, 0, 0, 0)
    assert (scores.hd95_mm, scores.assd_mm) == (pytest.approx(50), pytest.approx(50))
    assert (scores.area_true_mm2, scores.area_predicted_mm2) == (0, pytest.approx(12))


def test_four_of_ten_thousand_pixels_are_tiny_and_five_are_not() -> None:
    assert score_masks(block(5, 5, 1, 4), block(5, 5, 1, 4), SPACING).status is Status.TINY
    assert score_masks(block(5, 5, 1, 5), block(5, 5, 1, 5), SPACING).status is Status.OK


def test_a_single_pixel_is_its_own_boundary() -> None:
    scores = score_masks(block(5, 5, 1, 1), block(5, 6, 1, 1), SPACING)
    assert (scores.status, scores.dice, scores.hd95_mm, scores.assd_mm) == (Status.TINY, 0, 0.4, 0.4)


def test_a_tiny_truth_that_was_missed_counts_as_missed() -> None:
    assert score_masks(block(5, 5, 1, 1), EMPTY, SPACING).status is Status.EMPTY_PREDICTION


def test_masks_that_touch_the_border_are_scored_by_formula() -> None:
    # Three rows cut off at the top of the image: the three rows' nearest boundary is the prediction's new top row.
    scores = score_masks(block(0, 0, 20, 100), block(3, 0, 17, 100), (1.0, 1.0), tolerance_mm=1.0)
    assert scores.status is Status.OK
    assert scores.dice == pytest.approx(2 * 1700 / 3700)
    assert scores.hd95_mm == 3


@given(arrays(np.bool_, (8, 9)), arrays(np.bool_, (8, 9)))
@settings(max_examples=60, deadline=None)
def test_every_score_is_finite_and_within_its_bounds(true: Mask, predicted: Mask) -> None:
    scores = score_masks(true, predicted, SPACING)
    assert 0 <= scores.iou <= scores.dice <= 1
    assert scores.dice == pytest.approx(2 * scores.iou / (1 + scores.iou))
    assert 0 <= scores.nsd <= 1
    diagonal = np.hypot(8 * 0.3, 9 * 0.4)
    assert 0 <= scores.assd_mm <= diagonal
    assert 0 <= scores.hd95_mm <= diagonal


@pytest.mark.parametrize(
    ("true", "predicted", "spacing", "named"),
    [
        (EMPTY, np.zeros((50, 100), dtype=np.bool_), SPACING, "50, 100"),
        (EMPTY.astype(np.uint8), EMPTY, SPACING, "true mask: dtype"),
        (EMPTY, EMPTY.astype(np.float32), SPACING, "predicted mask: dtype"),
        (EMPTY, EMPTY, (0.0, 0.3), "pixel size"),
        (EMPTY, EMPTY, (float("nan"), 0.3), "pixel size"),
    ],
)
def test_bad_masks_and_spacings_are_refused_even_when_empty(
    true: Mask, predicted: Mask, spacing: tuple[float, float], named: str
) -> None:
    with pytest.raises(DataError, match=named):
        score_masks(true, predicted, spacing)


def test_a_bad_tolerance_is_refused_even_when_both_are_empty() -> None:
    with pytest.raises(ConfigError, match="tolerance_mm"):
        score_masks(EMPTY, EMPTY, SPACING, tolerance_mm=-1)
