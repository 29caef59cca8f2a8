"""What speaks against a heart, in probabilities drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import STRUCTURES
from synthboost.inference.doubts import doubts_about, reasons_against_heart
from synthboost.inference.predictor import Prediction

SIZE = 96
SURE = 0.97


def _heart(sure: float = SURE) -> np.ndarray:
    """A cavity in a wall that is open below, and an atrium under it; (3, 96, 96)."""
    row, column = np.mgrid[:SIZE, :SIZE]
    radius = np.hypot((row - 40) / 1.5, column - 48)
    cavity = (radius < 14) & (row < 55)
    wall = (radius < 20) & (row < 55) & ~cavity
    atrium = (np.hypot(row - 66, column - 48) < 12) & (row >= 55)
    return np.where(np.stack([cavity, wall, atrium]), sure, 1 - SURE).astype(np.float32)


def test_a_heart_is_not_doubted_at_any_size() -> None:
    assert reasons_against_heart(_heart()) == ()
    assert reasons_against_heart(_heart().repeat(5, axis=1).repeat(5, axis=2)) == ()


def test_nothing_at_all_lacks_every_structure() -> None:
    assert reasons_against_heart(np.zeros((3, 20, 30), np.float32)) == ("LV pixels", "MYO pixels", "LA pixels")


def test_a_heart_without_an_atrium_says_so() -> None:
    probability = _heart()
    probability[2] = 0
    assert reasons_against_heart(probability) == ("LA pixels",)


def test_an_atrium_away_from_the_ventricle_is_no_heart() -> None:
    probability = _heart()
    probability[2] = np.roll(probability[2], 15, axis=0)
    assert reasons_against_heart(probability) == ("LA gap to LV",)


def test_a_wall_beside_the_cavity_is_no_heart() -> None:
    probability = _heart()
    probability[1] = np.roll(probability[1], 40, axis=1)
    assert "LV open contour" in reasons_against_heart(probability)


def test_small_pieces_are_allowed_and_large_ones_are_not() -> None:
    probability = _heart()
    inside = np.count_nonzero(probability.max(axis=0) > 0.5)
    probability[0, :2, :20] = SURE  # 40 pixels
    assert 0.06 * inside > 40
    assert reasons_against_heart(probability) == ()
    probability[0, :10, :30] = SURE
    assert reasons_against_heart(probability) == ("in pieces",)


def test_a_model_that_decides_nothing_is_doubted_though_its_masks_are_a_heart() -> None:
    assert reasons_against_heart(_heart(sure=0.75)) == ("undecided",)
    assert reasons_against_heart(_heart(sure=0.85)) == ()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_structures_are_found_among_the_sentences(order: tuple[int, ...]) -> None:
    probability = np.concatenate([_heart()[list(order)], np.full((1, SIZE, SIZE), 0.5, np.float32)])
    prediction = Prediction(("a", "b", "c", "d"), probability, 0.5)
    structures = [*(STRUCTURES[number] for number in order), None]
    assert doubts_about(prediction, structures) == ()
    assert doubts_about(prediction, [None, *structures[1:]]) is None
