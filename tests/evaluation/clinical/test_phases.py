from __future__ import annotations

import numpy as np
import pytest

from synthboost.evaluation.clinical.phases import find_phases


def test_the_largest_and_the_smallest_area_of_a_short_clip_are_found_unsmoothed() -> None:
    found = find_phases([10, 30, 20, 5])
    assert found is not None
    assert found[:2] == (1, 3)
    assert found[2].tolist() == [10, 30, 20, 5]


def test_one_odd_frame_does_not_win() -> None:
    areas = 100 + 40 * np.cos(2 * np.pi * np.arange(20) / 20)
    areas[15] = 150  # a leak
    found = find_phases(areas.tolist())
    assert found is not None
    assert found[1] == 10
    assert found[0] in (0, 1, 19)


def test_a_frame_without_a_ventricle_is_filled_in_and_never_chosen() -> None:
    found = find_phases([40, 30, 0, 10, 20])
    assert found is not None
    # Filled to 40, 30, 20, 10, 20; means of three, the ends mirrored: 110/3, 30, 20, 50/3, 50/3.
    assert found[2] == pytest.approx([110 / 3, 30, 20, 50 / 3, 50 / 3])
    assert found[:2] == (0, 3)


@pytest.mark.parametrize("areas", [[], [5], [0, 0, 0], [7, 7], [0, 9, 0]])
def test_without_two_different_areas_there_are_no_phases(areas: list[float]) -> None:
    assert find_phases(areas) is None
