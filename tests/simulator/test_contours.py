from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from synthboost.domain import Phase, View
from synthboost.simulator.anatomy import draw_anatomy
from synthboost.simulator.appearance import APPEARANCES, AppearanceName
from synthboost.simulator.contours import draw_labels, paint
from synthboost.simulator.fan import PixelGrid
from synthboost.simulator.priors import PRIORS, PriorName
from synthboost.simulator.render import SimulatedPatient


def test_every_structure_is_there_in_one_piece(clinical: list[SimulatedPatient], clean: list[SimulatedPatient]) -> None:
    for patient in clinical + clean:
        for frame in patient.frames.values():
            assert set(np.unique(frame.label_map)) == {0, 1, 2, 3}
            for value in (1, 2, 3):
                assert ndimage.label(frame.label_map == value)[1] == 1


def test_the_ventricle_never_touches_background_inside_the_fan(
    clinical: list[SimulatedPatient], clean: list[SimulatedPatient]
) -> None:
    for patient in clinical + clean:
        for frame in patient.frames.values():
            around = ndimage.binary_dilation(frame.label_map == 1) & (frame.image > 0)
            assert (frame.label_map[around] != 0).all()


def test_the_heart_goes_on_outside_the_fan(clinical: list[SimulatedPatient]) -> None:
    frames = [frame for patient in clinical for frame in patient.frames.values()]
    outside = sum(int((frame.label_map[frame.image == 0] == 2).sum()) for frame in frames)
    assert outside > 0.01 * sum(int((frame.label_map == 2).sum()) for frame in frames)


@pytest.mark.parametrize(
    ("prior", "seed", "number", "view", "size"),
    [
        # The fan cuts the wall to a strip thinner than a pixel.
        (PriorName.LITERATURE, 0, 16, View.TWO_CHAMBER, 128),
        (PriorName.CAMUS, 9, 90, View.TWO_CHAMBER, 128),
        (PriorName.LITERATURE, 0, 83, View.FOUR_CHAMBER, 64),
        # The wall is one pixel thick and takes a diagonal step.
        (PriorName.LITERATURE, 0, 27, View.TWO_CHAMBER, 64),
        (PriorName.LITERATURE, 9, 30, View.TWO_CHAMBER, 64),
    ],
)
def test_a_wall_thinner_than_a_coarse_pixel_is_kept_on_both_sides(
    prior: PriorName, seed: int, number: int, view: View, size: int
) -> None:
    half_angles = APPEARANCES[AppearanceName.CLINICAL].half_angles
    shown = draw_anatomy(seed, number, PRIORS[prior], half_angles).views[view]
    grid = PixelGrid(shown.fan, max(shown.fan.depth_mm, shown.fan.width_mm) / size)
    for phase in Phase:
        labels, painted = draw_labels(shown.contours[phase], grid), paint(shown.contours[phase], grid)
        assert ndimage.label(labels == 2)[1] == 1
        assert (labels[ndimage.binary_dilation(labels == 1)] != 0).all()
        # What was painted is still there, up to a few stray pixels.
        assert ((painted == 2) & (labels == 0)).sum() <= 2
