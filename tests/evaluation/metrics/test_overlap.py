"""Dice, intersection over union and area on masks that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import Mask
from synthboost.errors import DataError
from synthboost.evaluation.metrics.score import area_mm2, dice, iou, self_agreement


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


def row(*inside: int) -> np.ndarray:
    mask = np.zeros((1, 6), dtype=np.bool_)
    mask[0, list(inside)] = True
    return mask


def test_three_masks_by_hand():
    found = self_agreement([row(0, 1), row(0, 1), row(1, 2)])
    # Pairs: 1, 1/2, 1/2. Pixel 0: 2 of 3, pixel 1: all, pixel 2: 1 of 3; 4 * 2/3 * 1/3 = 8/9.
    assert found.masks == 3
    assert found.mean_dice == pytest.approx(2 / 3)
    assert found.lowest_dice == 0.5
    assert found.disagreement.ravel() == pytest.approx([8 / 9, 0, 8 / 9, 0, 0, 0])
    assert found.disputed_share == pytest.approx(2 / 3)
    assert np.array_equal(found.consensus, row(0, 1))


def test_half_against_half_is_full_disagreement_and_no_consensus():
    found = self_agreement([row(0), row(3)])
    assert (found.mean_dice, found.disputed_share, found.disagreement.max()) == (0, 1, 1)
    assert not found.consensus.any()


def test_empty_masks_agree():
    found = self_agreement([row(), row()])
    assert (found.mean_dice, found.disputed_share) == (1, 0)


@pytest.mark.parametrize(
    ("masks", "named"),
    [([row(0)], "masks: 1"), ([row(0), row(0)[:, :3]], "one shape"), ([row(0), row(0).astype(int)], "int64")],
)
def test_what_cannot_be_compared_is_refused(masks, named):
    with pytest.raises(DataError, match=named):
        self_agreement(masks)
