from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from synthboost.domain import Phase, View
from synthboost.simulator.anatomy import Anatomy, draw_anatomy
from synthboost.simulator.conditions import ATRIUM, Condition, fluid_mm
from synthboost.simulator.contours import Contours
from synthboost.simulator.priors import PRIORS, Diagnosis, PriorName, stream
from synthboost.simulator.render import simulate_frame
from synthboost.simulator.settings import SimulationSettings

ED, ES = Phase.END_DIASTOLE, Phase.END_SYSTOLE
FOUR, TWO = View.FOUR_CHAMBER, View.TWO_CHAMBER
APEX = 100
"""Of the 200 points of an outline."""


def drawn(condition: Condition | None, number: int = 3) -> Anatomy:
    return draw_anatomy(0, number, PRIORS[PriorName.CAMUS], {45.0: 1.0}, condition=condition)


@pytest.fixture(scope="module")
def normal() -> Anatomy:
    return drawn(Condition.NORMAL)


def wall(contours: Contours) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.hypot(*(contours.epicardium - contours.endocardium).T)


def test_a_condition_decides_the_diagnosis() -> None:
    assert drawn(Condition.DILATED).heart.condition is Diagnosis.DILATED
    assert drawn(Condition.ANEURYSM).heart.condition is Diagnosis.ISCHAEMIC
    assert drawn(Condition.EFFUSION).heart.condition is Diagnosis.NORMAL


def test_an_enlarged_atrium_is_longer_and_wider_by_one_factor_and_the_ventricle_stays(normal: Anatomy) -> None:
    before, after = normal.heart.states[ES], drawn(Condition.ENLARGED_ATRIUM).heart.states[ES]
    factor = after.atrium_length / before.atrium_length
    assert ATRIUM[0] <= factor <= ATRIUM[1]
    assert after.atrium_width[TWO] == pytest.approx(factor * before.atrium_width[TWO])
    assert (after.length, after.width, after.wall) == (before.length, before.width, before.wall)


def test_asymmetric_hypertrophy_thickens_the_septum_alone(normal: Anatomy) -> None:
    before, after = (a.views[FOUR].pose.wall_scale for a in (normal, drawn(Condition.ASYMMETRIC_HYPERTROPHY)))
    assert 1.6 <= after[0] / before[0] <= 2.0
    assert after[1] == before[1]


def test_apical_hypertrophy_thickens_the_apex_and_thins_the_base() -> None:
    thickness = wall(drawn(Condition.APICAL_HYPERTROPHY).views[TWO].contours[ED])
    assert thickness[APEX] > 1.5 * thickness[30]


def test_an_akinetic_wall_stays_while_the_other_side_moves_in() -> None:
    view = drawn(Condition.AKINETIC).views[TWO]
    assert view.pose.hypokinesia is not None
    assert view.pose.hypokinesia[3] == 1.0
    before, after = (wall(view.contours[phase]) for phase in (ED, ES))
    side, centre = view.pose.hypokinesia[:2]
    place = round(APEX + side * centre * APEX)
    assert after[place] == pytest.approx(before[place], rel=0.1)  # it does not thicken


def test_an_aneurysm_moves_outwards_in_systole() -> None:
    pose = drawn(Condition.ANEURYSM).views[FOUR].pose
    assert pose.hypokinesia is not None
    assert pose.hypokinesia[3] > 1.0  # 1 is no motion
    side = (pose.hypokinesia[0] + 1) // 2
    assert np.abs(pose.residues[side]).max() > np.abs(pose.residues[1 - side]).max()


def test_a_foreshortened_view_passes_the_apex_and_shows_a_shorter_cavity(normal: Anatomy) -> None:
    seen = drawn(Condition.FORESHORTENED).views[FOUR]
    assert 12.0 <= seen.pose.plane_offset <= 18.0  # the prior itself passes by 0

    def length(contours: Contours) -> float:
        return float(np.hypot(*(contours.endocardium[APEX] - contours.hinges.mean(axis=0))))

    assert length(seen.contours[ES]) < 0.95 * length(normal.views[FOUR].contours[ES])


def test_an_effusion_is_dark_around_the_wall_and_moves_no_label() -> None:
    kept, fluid = (
        simulate_frame(2, SimulationSettings(patients=2, size=96, condition=condition), TWO, ED)
        for condition in (Condition.NORMAL, Condition.EFFUSION)
    )
    assert np.array_equal(kept.label_map, fluid.label_map)
    heart = kept.label_map > 0
    distance = ndimage.distance_transform_edt(~heart, sampling=kept.spacing_mm)
    wall = ndimage.distance_transform_edt(kept.label_map != 2, sampling=kept.spacing_mm)
    ring = (distance > 2) & (distance < 8) & (wall < 8) & (kept.image > 0)
    assert fluid.image[ring].mean() < 0.8 * kept.image[ring].mean()
    assert fluid_mm(Condition.NORMAL, stream(0, 2, "fluid")) == fluid_mm(None, stream(0, 2, "fluid")) == 0.0
