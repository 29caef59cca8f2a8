from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthboost.domain import Phase, View
from synthboost.simulator.contours import draw_contours
from synthboost.simulator.heart import Heart, draw_heart
from synthboost.simulator.pose import APICAL_THINNING, LATEST_START, ObliqueCut, Pose, draw_pose, oblique_cut
from synthboost.simulator.priors import PRIORS, PriorName, stream

ED, ES = Phase.END_DIASTOLE, Phase.END_SYSTOLE
VIEW = View.FOUR_CHAMBER


@pytest.fixture(scope="module")
def posed() -> list[tuple[Heart, Pose]]:
    prior = PRIORS[PriorName.LITERATURE]
    hearts = [draw_heart(stream(4, number, "shape"), prior) for number in range(12)]
    return [(heart, draw_pose(stream(4, n, "pose"), heart, prior, VIEW)) for n, heart in enumerate(hearts)]


def test_a_plane_through_the_apex_shows_the_heart_as_it_is(posed: list[tuple[Heart, Pose]]) -> None:
    heart, pose = posed[0]
    cut = oblique_cut(heart, replace(pose, plane_offset=0.0), VIEW, ED)
    u = np.linspace(0.0, 1.0, 11)
    assert cut.start == 0.0
    assert cut.apical_wall == pytest.approx((1.0 - APICAL_THINNING) * heart.states[ED].wall)
    np.testing.assert_array_equal(cut.narrowing(u), 1.0)
    np.testing.assert_array_equal(cut.thickening(u), 1.0)


def test_a_circle_of_ten_cut_six_beside_its_axis_shows_eight_tenths_of_its_width() -> None:
    # sqrt(10^2 - 6^2) = 8; with a wall of 10, sqrt(20^2 - 6^2) - 8 = 11.08.
    cut = ObliqueCut(start=0.0, apical_wall=10.0, depth=np.full(401, 10.0), wall=10.0, offset=6.0)
    assert cut.narrowing(np.array([0.0])) == pytest.approx(0.8)
    assert cut.thickening(np.array([0.0])) == pytest.approx((np.sqrt(364.0) - 8.0) / 10.0)
    assert cut.narrowing(np.array([1.0])) == pytest.approx(1.0), "the plane holds the middle of the annulus"


def test_the_farther_the_plane_the_shorter_the_cavity_and_the_thicker_its_apex(
    posed: list[tuple[Heart, Pose]],
) -> None:
    for heart, pose in posed:
        cuts = [oblique_cut(heart, replace(pose, plane_offset=d), VIEW, ED) for d in (0.0, 4.0, 8.0, 12.0)]
        starts, walls = [cut.start for cut in cuts], [cut.apical_wall for cut in cuts]
        assert starts == sorted(starts)
        assert starts[0] < starts[-1] <= LATEST_START
        assert walls == sorted(walls)
        assert walls[0] < walls[-1]


def test_systole_is_foreshortened_more_than_diastole(posed: list[tuple[Heart, Pose]]) -> None:
    cuts = [
        [oblique_cut(heart, replace(pose, plane_offset=8.0), VIEW, phase) for phase in (ED, ES)]
        for heart, pose in posed
    ]
    assert np.mean([systole.start > diastole.start for diastole, systole in cuts]) > 0.9


def test_the_epicardial_apex_stays_where_the_pose_pins_it(posed: list[tuple[Heart, Pose]]) -> None:
    for heart, pose in posed:
        for offset in (0.0, 9.0):
            pinned = replace(pose, plane_offset=offset)
            contours = draw_contours(heart, pinned, VIEW, ED)
            top = contours.epicardium[np.argmin(np.hypot(*(contours.epicardium - pose.apex).T))]
            assert np.hypot(*(top - pose.apex)) < 4.0


def test_the_lower_end_of_the_wall_hangs_below_the_annulus(posed: list[tuple[Heart, Pose]]) -> None:
    for heart, pose in posed:
        flush = draw_contours(heart, replace(pose, base_drop=0.0), VIEW, ED)
        hanging = draw_contours(heart, replace(pose, base_drop=25.0), VIEW, ED)
        for end in (0, -1):
            assert (hanging.epicardium[end] - flush.epicardium[end]) @ flush.axis > 1.0
