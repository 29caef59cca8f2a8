from __future__ import annotations

import numpy as np

from synthboost.inference.outputs.shown_area import shown_area


def _fan() -> np.ndarray:
    row, column = np.mgrid[:200, :200].astype(float)
    inside = (np.abs(column - 100) <= 0.7 * row) & (np.hypot(row, column - 100) <= 180)
    return np.where(inside, 120, 0).astype(np.uint8)


def test_words_beside_the_sector_are_not_shown() -> None:
    image = _fan()
    image[4:12, 3:40] = 255  # where scanners burn the name in
    shown = shown_area(image)
    assert not shown[4:12, 3:40].any()
    assert shown[100, 100]
    assert shown[_fan() > 0].mean() > 0.98


def test_without_a_fan_the_largest_bright_piece_is_shown_without_holes() -> None:
    image = np.zeros((60, 60), np.uint8)
    image[20:50, 20:50] = 90
    image[30:35, 30:35] = 0
    image[2:6, 2:30] = 255
    shown = shown_area(image)
    assert shown[20:50, 20:50].all()
    assert shown.sum() == 900


def test_of_a_black_image_nothing_is_shown() -> None:
    assert not shown_area(np.zeros((9, 9), np.uint8)).any()
