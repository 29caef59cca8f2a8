from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import Phase, Sex, View
from synthboost.simulator.heart import Heart, area_mm2, biplane_volume_ml, draw_heart, half_width, sampled
from synthboost.simulator.priors import CONDITIONS, PRIORS, Diagnosis, PriorName, stream

ED, ES = Phase.END_DIASTOLE, Phase.END_SYSTOLE


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


@pytest.fixture(scope="module", params=list(PriorName))
def hearts(request: pytest.FixtureRequest) -> list[Heart]:
    return [draw_heart(stream(0, number, "shape"), PRIORS[request.param]) for number in range(80)]


def test_the_shares_of_the_conditions_sum_to_one() -> None:
    assert sum(c.share for c in CONDITIONS.values()) == pytest.approx(1.0)


def test_the_cavity_has_the_volume_that_was_drawn(hearts: list[Heart]) -> None:
    for heart in hearts:
        for phase in Phase:
            state = heart.states[phase]
            four, two = (
                sampled(state.annulus[v], state.width[v], state.exponent, heart.least_base_ratio)
                for v in (View.FOUR_CHAMBER, View.TWO_CHAMBER)
            )
            widths = (state.width[View.FOUR_CHAMBER], state.width[View.TWO_CHAMBER])
            assert biplane_volume_ml(state.length, widths, (four, two)) == pytest.approx(
                heart.volume_ml[phase], rel=0.02
            )


def test_a_wall_of_the_literature_keeps_its_volume() -> None:
    for number in range(40):
        heart = draw_heart(stream(1, number, "shape"), PRIORS[PriorName.LITERATURE])
        assert heart.wall_volume_ml(ES) == pytest.approx(heart.wall_volume_ml(ED), rel=0.05)


def test_systole_is_smaller_shorter_and_thicker(hearts: list[Heart]) -> None:
    for heart in hearts:
        assert heart.volume_ml[ES] < heart.volume_ml[ED]
        assert heart.states[ES].length < heart.states[ED].length
    thickening = [h.states[ES].wall / h.states[ED].wall for h in hearts]
    assert np.median(thickening) > 1.05


def test_half_of_the_patients_have_a_reduced_ejection_fraction(hearts: list[Heart]) -> None:
    reduced = np.mean([heart.ejection_fraction <= 53.0 for heart in hearts])
    assert 0.35 < reduced < 0.65


def test_dilated_hearts_are_large_and_weak_and_hypertrophic_ones_thick(hearts: list[Heart]) -> None:
    def median(condition: Diagnosis, what: str) -> float:
        chosen = [h for h in hearts if h.condition is condition]
        values = {"volume": lambda h: h.volume_ml[ED], "wall": lambda h: h.states[ED].wall}
        return float(np.median([values[what](h) for h in chosen]))

    assert median(Diagnosis.DILATED, "volume") > 1.3 * median(Diagnosis.NORMAL, "volume")
    assert median(Diagnosis.HYPERTROPHIC, "wall") > 1.1 * median(Diagnosis.NORMAL, "wall")
    assert max(h.ejection_fraction for h in hearts if h.condition is Diagnosis.DILATED) <= 42.0


def test_men_have_larger_hearts_than_women(hearts: list[Heart]) -> None:
    by_sex = {s: np.median([h.volume_ml[ED] for h in hearts if h.sex is s]) for s in Sex}
    assert by_sex[Sex.MALE] > by_sex[Sex.FEMALE]
