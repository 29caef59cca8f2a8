"""Hearts that a deformation has broken, one defect at a time."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.diffusion.perturbation import defects, topology_of
from synthboost.domain import Structure


def test_a_heart_is_one_piece_of_each_with_one_opening(heart):
    found = topology_of(heart)
    assert found.pieces == dict.fromkeys(Structure, 1)
    assert (found.wall_touches_cavity, found.atrium_touches, found.openings) == (True, True, 1)
    assert defects(found, found) == ()


def _without_atrium(labels):
    labels[labels == 3] = 0


def _second_cavity(labels):
    labels[2:4, 2:4] = 1


def _hole_in_the_wall(labels):
    labels[50:60, :64][labels[50:60, :64] == 2] = 0


def _atrium_far_below(labels):
    labels[80:] = 0
    labels[100:110, 50:70] = 3


def _wall_swallowed(labels):
    labels[labels == 2] = 0
    labels[5:8, 5:8] = 2


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (_without_atrium, {"LA lost", "LA away from LV and MYO"}),
        (_second_cavity, {"LV in pieces", "MYO broken"}),  # the second piece has no wall around
        (_hole_in_the_wall, {"MYO broken", "MYO in pieces"}),
        (_atrium_far_below, {"LA away from LV and MYO"}),
        (_wall_swallowed, {"MYO away from LV"}),
    ],
)
def test_each_defect_is_named(heart, damage, found):
    before = topology_of(heart)
    damage(heart)
    assert set(defects(before, topology_of(heart))) == found


def test_what_was_broken_before_may_stay_so(heart):
    _hole_in_the_wall(heart)
    _without_atrium(heart)
    broken = topology_of(heart)
    assert defects(broken, broken) == ()


def test_a_cavity_that_the_frame_cuts_is_not_open_there(heart):
    assert topology_of(heart[40:]).openings == 1  # apex cut off: the wall ends at the frame's border


def test_nothing_has_no_topology():
    found = topology_of(np.zeros((10, 10), np.uint8))
    assert set(found.pieces.values()) == {0}
    assert (found.wall_touches_cavity, found.atrium_touches, found.openings) == (False, False, 0)
