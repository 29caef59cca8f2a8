from __future__ import annotations

import numpy as np
import pytest

from synthboost.simulator.heart import area_mm2, biplane_volume_ml, half_width, sampled


def test_a_profile_starts_at_zero_reaches_one_and_ends_at_its_base_ratio() -> None:
    t = np.linspace(0.0, 1.0, 2001)
    width = half_width(t, base_ratio=0.6, exponent=2.0)
    assert width[0] == 0.0
    assert width.max() == pytest.approx(1.0, abs=1e-6)
    # q = sqrt(1 - 0.36) = 0.8, so the widest place is 1 / 1.8.
    assert t[width.argmax()] == pytest.approx(1 / 1.8, abs=1e-3)
    assert width[-1] == pytest.approx(0.6)


def test_a_wide_base_turns_in_to_the_hinge_points_over_the_last_seven_percent() -> None:
    width = half_width(np.array([0.92, 1.0]), base_ratio=0.6, exponent=2.0, least_ratio=0.83)
    assert width[0] > 0.85
    assert width[1] == pytest.approx(0.6)


def test_a_cylinder_has_the_volume_and_the_area_of_a_cylinder() -> None:
    ones = np.ones(201)
    # pi / 4 * 100 mm * 40 mm * 40 mm = 125.66 ml
    assert biplane_volume_ml(100.0, (40.0, 40.0), (ones, ones)) == pytest.approx(125.66, abs=0.01)
    assert area_mm2(100.0, 40.0, ones) == pytest.approx(4000.0)


def test_a_truncated_ellipsoid_has_the_volume_of_its_integral() -> None:
    profile = sampled(base_mm=0.95 * 40.0, width_mm=40.0, exponent=2.0)
    full = np.ones(201)
    ratio = biplane_volume_ml(80.0, (40.0, 40.0), (profile, profile)) / biplane_volume_ml(
        80.0, (40.0, 40.0), (full, full)
    )
    # With q = sqrt(1 - 0.95**2) = 0.31225 and u the distance from the widest place in units of c = 0.76205:
    # integral of 1 - u**2 over [-1, q], times c = 0.76205 * (1.31225 - (1 + 0.030445) / 3) = 0.73825.
    assert ratio == pytest.approx(0.73825, abs=1e-3)
