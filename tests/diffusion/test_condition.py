"""Condition maps: five classes, clipped to the sector, resized without inventing one."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.diffusion.condition import condition_map, label_map_of
from synthboost.errors import ConfigError, DataError

LABELS = np.array([[0, 0, 0, 0], [0, 1, 2, 0], [0, 3, 3, 0], [3, 0, 0, 0]], np.uint8)
SECTOR = np.array([[0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]], bool)


def test_every_pixel_gets_the_class_that_one_expects():
    expected = [[0, 1, 1, 0], [1, 2, 3, 1], [1, 4, 4, 1], [0, 1, 1, 0]]  # the atrium's lower left is outside the fan
    assert condition_map(LABELS, SECTOR, 4).tolist() == expected


def test_a_condition_map_gives_the_clipped_labels_back():
    assert np.array_equal(label_map_of(condition_map(LABELS, SECTOR, 4)), np.where(SECTOR, LABELS, 0))


def test_majority_takes_the_class_that_covers_most_and_the_smaller_of_two_equal_ones():
    # 4 -> 1: of 16 pixels 8 are tissue. 4 -> 2, upper left: 0, 1, 1, 2 -> 1; upper right: 1, 0, 3, 1 -> 1;
    # lower left: 1, 4, 0, 1 -> 1; lower right: 4, 1, 1, 0 -> 1.
    assert condition_map(LABELS, SECTOR, 1).tolist() == [[1]]
    assert condition_map(LABELS, SECTOR, 2).tolist() == [[1, 1], [1, 1]]
    halves = np.array([[1, 2]], np.uint8)
    assert condition_map(halves, np.ones((1, 2), bool), 1).tolist() == [[2]]


def test_majority_weighs_parts_of_pixels():
    # 3 columns -> 2: the first new pixel covers column 0 and half of column 1.
    row = np.array([[1, 2, 2]], np.uint8)
    assert condition_map(row, np.ones((1, 3), bool), 2).tolist() == [[2, 3], [2, 3]]


def test_enlarging_by_a_whole_number_repeats_pixels():
    small = condition_map(LABELS, SECTOR, 4)
    assert np.array_equal(condition_map(LABELS, SECTOR, 12), small.repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize(
    ("labels", "sector", "part"),
    [
        (LABELS + np.uint8(1), SECTOR, r"label map: labels: \[4\]"),
        (LABELS.astype(int), SECTOR, "label map: dtype: int64"),
        (LABELS, SECTOR[:3], r"sector: array: bool \(3, 4\)"),
        (LABELS, SECTOR.astype(np.uint8), "sector: array: uint8"),
        (LABELS, np.zeros_like(SECTOR), "sector: pixels: none"),
    ],
)
def test_what_does_not_fit_is_refused(labels, sector, part):
    with pytest.raises(DataError, match=part):
        condition_map(labels, sector, 4)


def test_sizes_and_classes_that_do_not_exist_are_refused():
    with pytest.raises(ConfigError, match="size: 0"):
        condition_map(LABELS, SECTOR, 0)
    with pytest.raises(DataError, match="up to 5"):
        label_map_of(np.array([[5]], np.uint8))
