from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from synthboost.errors import DataError
from synthboost.evaluation.clinical.heart_in_view import measure_heart


def drawn(right: int = 0) -> NDArray[np.uint8]:
    """A cavity of 40 x 20 pixels, a wall of 5 around it with a tip of 5 x 2 on top, an atrium below; 100 x 80."""
    label_map = np.zeros((100, 80), dtype=np.uint8)
    label_map[15:60, 25 + right : 55 + right] = 2
    label_map[10:15, 39 + right : 41 + right] = 2
    label_map[20:60, 30 + right : 50 + right] = 1
    label_map[60:80, 30 + right : 50 + right] = 3
    return label_map


def test_a_drawn_heart_is_measured() -> None:
    heart = measure_heart(drawn(), (1.0, 1.0))
    assert heart.length == pytest.approx(math.hypot(40, 10))  # middle of the base to an upper corner
    assert heart.area == 800.0
    assert heart.annulus == 14.0  # 20 less what lies within 2 mm of the wall at either end
    assert heart.apex_depth == 10.0
    assert heart.apex_lateral == -1.0
    assert heart.tilt == pytest.approx(math.degrees(math.atan2(1, 50)))
    assert heart.wall == pytest.approx(5.0, rel=0.1)


def test_a_spacing_scales_lengths_and_leaves_angles() -> None:
    once, twice = (measure_heart(drawn(), (spacing, spacing)) for spacing in (1.0, 2.0))
    assert twice.length == pytest.approx(2 * once.length)
    assert twice.area == 4 * once.area
    assert twice.apex_depth == 2 * once.apex_depth
    assert twice.tilt == pytest.approx(once.tilt)


def test_a_heart_further_right_differs_in_its_place_alone() -> None:
    here, there = measure_heart(drawn(), (1.0, 1.0)), measure_heart(drawn(7), (1.0, 1.0))
    assert there.apex_lateral - here.apex_lateral == 7.0
    assert (there.length, there.area, there.tilt) == (here.length, here.area, here.tilt)


def test_a_base_that_lies_to_the_right_is_a_positive_tilt() -> None:
    leaning = drawn()
    leaning[10:15] = np.roll(leaning[10:15], -12, axis=1)  # the outer apex to the left
    assert measure_heart(leaning, (1.0, 1.0)).tilt == pytest.approx(math.degrees(math.atan2(13, 50)))


def test_a_heart_upside_down_is_refused() -> None:
    with pytest.raises(DataError, match="upside down"):
        measure_heart(np.ascontiguousarray(drawn()[::-1]), (1.0, 1.0), "patient0001_4CH_ED")


def test_a_map_without_a_wall_is_refused() -> None:
    bare = drawn()
    bare[bare == 2] = 0
    with pytest.raises(DataError, match="myocardium"):
        measure_heart(bare, (1.0, 1.0))
