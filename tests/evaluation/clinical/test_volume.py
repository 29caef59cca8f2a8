"""Both rules of volume on cylinders and ellipsoids."""

from __future__ import annotations

import math

import numpy as np
import pytest

from synthboost.evaluation.clinical.chamber import Chamber, Scale
from synthboost.evaluation.clinical.volume import area_length_volume, discs_volume

MM = Scale((1.0, 1.0), "mm", 2.0)


def test_twenty_equal_discs_are_an_elliptical_cylinder():
    two, four = Chamber(50.0, np.full(20, 20.0)), Chamber(50.0, np.full(20, 30.0))
    # pi/4 * 20 * 30 * 50 mm3 = 23.56 ml
    assert discs_volume(two, four, 50.0, MM) == pytest.approx(math.pi / 4 * 30)
    assert discs_volume(two, two, 50.0, MM) == pytest.approx(math.pi / 4 * 20)


def test_area_and_length_are_exact_for_an_ellipsoid():
    # Axes 40, 50 and 60 mm: areas pi/4 * 40 * 60 and pi/4 * 50 * 60, volume pi/6 * 40 * 50 * 60 mm3.
    areas = math.pi / 4 * 40 * 60, math.pi / 4 * 50 * 60
    assert area_length_volume(*areas, length=60.0, scale=MM) == pytest.approx(math.pi / 6 * 120)
