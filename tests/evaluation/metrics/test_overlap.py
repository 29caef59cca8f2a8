"""Dice, intersection over union and area on masks that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import Mask
from synthboost.errors import DataError
from synthboost.evaluation.metrics.overlap import area_mm2, dice, iou


def rectangle(top: int, left: int, height: int, width: int, shape: tuple[int, int] = (6, 8)) -> Mask:
    mask = np.zeros(shape, dtype=np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


def test_two_rectangles_of_six_pixels_that_share_four() -> None:
    true, predicted = rectangle(1, 1, 2, 3), rectangle(1, 2, 2, 3)
    assert dice(true, predicted) == pytest.approx(8 / 12)
    assert iou(true, predicted) == pytest.approx(4 / 8)


def test_masks_apart_share_nothing_and_equal_masks_everything() -> None:
    true = rectangle(0, 0, 2, 3)
    assert (dice(true, rectangle(4, 5, 2, 3)), iou(true, rectangle(4, 5, 2, 3))) == (0.0, 0.0)
    assert (dice(true, true), iou(true, true)) == (1.0, 1.0)


def test_two_empty_masks_agree_and_one_empty_mask_does_not() -> None:
    empty, some = np.zeros((6, 8), dtype=np.bool_), rectangle(0, 0, 1, 1)
    assert (dice(empty, empty), iou(empty, empty)) == (1.0, 1.0)
    assert (dice(empty, some), iou(some, empty)) == (0.0, 0.0)


def test_area_counts_pixels_in_square_millimetres() -> None:
    assert area_mm2(rectangle(0, 0, 2, 3), (0.5, 0.3)) == pytest.approx(6 * 0.15)


@pytest.mark.parametrize(
    ("predicted", "named"),
    [
        (np.full((6, 8), 255, dtype=np.uint8), "dtype: uint8"),
        (np.full((6, 8), 0.5), "dtype: float64"),
        (np.full((6, 8), np.nan, dtype=np.float32), "dtype: float32"),
        ([[True]], "dtype: list"),
        (np.zeros((1, 6, 8), dtype=np.bool_), r"shape: \(1, 6, 8\)"),
        (np.zeros((0, 8), dtype=np.bool_), r"shape: \(0, 8\)"),
        (np.zeros((8, 6), dtype=np.bool_), r"shape: \(8, 6\); expected the true mask's \(6, 8\)"),
    ],
)
def test_what_is_not_a_mask_of_the_same_shape_is_refused(predicted: Mask, named: str) -> None:
    for metric in (dice, iou):
        with pytest.raises(DataError, match=f"predicted mask: {named}"):
            metric(rectangle(0, 0, 2, 3), predicted)


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (-0.3, 0.3), (float("nan"), 1.0), (1.0, float("inf")), (1.0,)])
def test_a_pixel_without_a_size_is_refused(spacing: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="pixel size"):
        area_mm2(rectangle(0, 0, 2, 3), spacing)
