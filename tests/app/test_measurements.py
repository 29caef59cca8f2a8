from __future__ import annotations

import numpy as np
import pytest

from synthboost.app.results import measure
from synthboost.inference.predictor import Prediction


def _one(pixels: int) -> Prediction:
    probability = np.full((1, 4, 5), 0.25, np.float32)
    probability[0].flat[:pixels] = 0.75
    return Prediction(("something",), probability, 0.5)


def test_an_area_is_pixels_times_the_size_of_one() -> None:
    (line,) = measure(_one(6), (0.5, 2.0))
    assert (line.pixels, line.area_mm2, line.share, line.confidence) == (6, 6.0, 0.3, 0.75)
    assert line.length is None


def test_without_a_spacing_there_is_no_area_in_millimetres() -> None:
    (line,) = measure(_one(6), None)
    assert (line.pixels, line.area_mm2, line.length_unit) == (6, None, "px")


def test_an_empty_mask_has_no_confidence() -> None:
    (line,) = measure(_one(0), None)
    assert (line.pixels, line.confidence) == (0, None)


def test_a_ventricle_has_a_long_axis_only_beside_its_myocardium() -> None:
    row, column = np.mgrid[:64, :48]
    cavity = ((row - 30) / 14) ** 2 + ((column - 24) / 8) ** 2 < 1
    wall = (((row - 30) / 18) ** 2 + ((column - 24) / 12) ** 2 < 1) & ~cavity & (row < 40)
    probability = np.stack([cavity, wall]).astype(np.float32)
    lines = measure(Prediction(("Left ventricular cavity.", "Myocardium."), probability, 0.5), (2.0, 2.0))
    assert lines[0].length == pytest.approx(2 * 25, abs=8)  # 14 rows above the middle, some 10 below
    assert lines[0].length_unit == "mm"
    assert lines[1].length is None
    alone = Prediction(("Left ventricular cavity.",), probability[:1], 0.5)
    assert measure(alone, (2.0, 2.0))[0].length is None
