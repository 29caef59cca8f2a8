"""Constant predictors, fitted on label maps whose best constant masks can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import STRUCTURES, LabelMap, Structure
from synthboost.errors import DataError
from synthboost.evaluation.baselines import ConstantMasks, fit_image_blind, fit_text_blind
from synthboost.evaluation.metrics.score import dice

LV, MYO, LA = STRUCTURES
GRID = (4, 4)


def label_map(*rows: str) -> LabelMap:
    return np.array([[int(c) for c in row] for row in rows], dtype=np.uint8)


def training_dice(constant: ConstantMasks, maps: list[LabelMap]) -> float:
    scores = [dice(m == int(s), constant.predict(s, m.shape)) for m in maps for s in STRUCTURES]
    return float(np.mean(scores))


ONE = label_map("1112", "1112", "0002", "3333")
OTHER = label_map("1102", "1102", "0002", "3333")


def test_one_training_image_is_remembered_by_structure() -> None:
    constant = fit_image_blind([ONE], GRID)
    for structure in STRUCTURES:
        np.testing.assert_array_equal(constant.predict(structure, GRID), int(structure) == ONE)
    assert training_dice(constant, [ONE]) == 1.0


def test_the_threshold_is_the_one_with_the_best_mean_dice() -> None:
    # Ventricle: six pixels in one image, four of them in both others. Cut at half of the images or more, the four
    # remain: Dice 2*4/10, 1, 1. Cut below, all six: 1, 8/10, 8/10. The first mean is better.
    constant = fit_image_blind([ONE, OTHER, OTHER], GRID)
    np.testing.assert_array_equal(constant.predict(LV, GRID), OTHER == LV)
    assert training_dice(constant, [ONE, OTHER, OTHER]) == pytest.approx((((0.8 + 1 + 1) / 3) + 1 + 1) / 3)


def test_text_blind_gives_one_mask_whatever_is_asked() -> None:
    # Each pixel belongs to one structure at most, so every occupancy is 1/3 and the only mask is the union of
    # 6 + 3 + 4 = 13 pixels: Dice 12/19, 6/16, 8/17.
    constant = fit_text_blind([ONE], GRID)
    masks = [constant.predict(s, GRID) for s in STRUCTURES]
    for mask in masks:
        np.testing.assert_array_equal(mask, ONE > 0)
    expected = np.mean([12 / 19, 6 / 16, 8 / 17])
    assert training_dice(constant, [ONE]) == pytest.approx(expected)


def test_images_of_any_size_meet_on_the_common_grid_and_leave_it_again() -> None:
    large = np.repeat(np.repeat(ONE, 3, axis=0), 5, axis=1)
    constant = fit_image_blind([ONE, large], GRID)
    np.testing.assert_array_equal(constant.predict(LA, (12, 20)), large == LA)
    assert constant.predict(LA, (7, 9)).dtype == np.bool_


def test_a_pixel_exactly_at_the_threshold_belongs_to_the_mask() -> None:
    # A hundred images of a hundred pixels: pixel j is ventricle in j + 1 of them, so every hundredth occurs.
    maps = [(np.arange(100) >= i).astype(np.uint8).reshape(10, 10) for i in range(100)]
    constant = fit_image_blind(maps, (10, 10))
    pixels = np.arange(1, 101).reshape(10, 10)
    best = max(range(1, 101), key=lambda k: np.mean([dice(m == 1, pixels >= k) for m in maps]))
    np.testing.assert_array_equal(constant.predict(LV, (10, 10)), pixels >= best)


def test_no_threshold_of_a_hundredth_is_better_than_the_one_chosen() -> None:
    generator = np.random.default_rng(4)
    maps = [(generator.random((12, 12)) < np.linspace(0, 1, 12)).astype(np.uint8) for _ in range(7)]
    constant = fit_image_blind(maps, (12, 12))
    occupancy = np.mean([m == 1 for m in maps], axis=0)
    by_threshold = [np.mean([dice(m == 1, occupancy >= k / 100 - 1e-9) for m in maps]) for k in range(1, 101)]
    chosen = np.mean([dice(m == 1, constant.predict(LV, (12, 12))) for m in maps])
    assert chosen == pytest.approx(max(by_threshold))


def test_a_structure_that_never_occurs_gets_an_empty_mask() -> None:
    maps = [np.where(ONE == LA, 0, ONE).astype(np.uint8)]
    assert not fit_image_blind(maps, GRID).predict(LA, GRID).any()


def test_fitting_needs_valid_label_maps() -> None:
    with pytest.raises(DataError, match="none"):
        fit_text_blind([], GRID)
    with pytest.raises(DataError, match=r"label map 2: labels: \[7\]"):
        fit_image_blind([ONE, np.full((4, 4), 7, dtype=np.uint8)], GRID)


def test_the_structures_are_the_three_of_the_label_maps() -> None:
    assert set(fit_text_blind([ONE], GRID).masks) == set(Structure)


def test_a_structure_that_is_not_annotated_does_not_lower_the_cut() -> None:
    maps = [label_map("1100", "0000", "0000", "0000"), label_map("1000", "0000", "0000", "0000")]
    constant = fit_text_blind(maps, GRID, structures=[LV])
    # Both pixels: Dice 1 and 2/3; the common one: 2/3 and 1. The lower level comes first.
    assert constant.predict(LV, GRID).sum() == 2
    assert not constant.predict(MYO, GRID).any()
