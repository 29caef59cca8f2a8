"""The mitral plane and the axes of both chambers, on shapes whose axes are known."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import Phase, Structure, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.chamber import Scale, atrium, gap_between, mitral_plane, ventricle

FOUR_ED = (View.FOUR_CHAMBER, Phase.END_DIASTOLE)
GRIDS = pytest.mark.parametrize(
    ("spacing", "tilt"), [((0.4, 0.4), 0.0), ((0.4, 0.4), 11.0), ((0.308, 0.154), -8.0), ((0.75, 0.9), 5.0)]
)


@GRIDS
def test_the_plane_stands_across_the_axis_at_the_flat_side(make_maps, spacing, tilt):
    label_map, spacing_mm = make_maps(spacing, tilt)[FOUR_ED]
    plane = mitral_plane(label_map, Scale.of(spacing_mm, label_map.shape))
    # The flat side lies at (112, 60) mm, 52 mm wide; each end loses the 2 mm that lie near the wall.
    assert plane.middle == pytest.approx([112, 60], abs=1.5 * max(spacing))
    assert plane.width == pytest.approx(48, abs=2)
    angle = np.degrees(np.arctan2(plane.up[1], -plane.up[0]))
    assert angle == pytest.approx(-tilt, abs=2.5)


@GRIDS
def test_both_axes_are_found_within_a_pixel(make_maps, spacing, tilt):
    label_map, spacing_mm = make_maps(spacing, tilt)[FOUR_ED]
    scale = Scale.of(spacing_mm, label_map.shape)
    assert ventricle(label_map, scale).length == pytest.approx(90, abs=max(spacing))
    assert atrium(label_map, scale).length == pytest.approx(40, abs=1.5 * max(spacing))


def test_a_pixel_is_the_unit_where_the_spacing_is_unknown():
    scale = Scale.of(None, (512, 256))
    assert (scale.length_unit, scale.area_unit, scale.volume_unit) == ("px", "px2", "px3")
    assert scale.gap == 4  # 512 / 128
    assert scale.volume(3000.0) == 3000.0
    assert Scale.of((0.5, 0.5), (512, 256)).volume(3000.0) == 3.0  # ml


def test_an_atrium_away_from_the_ventricle_has_no_axis(make_maps):
    label_map, spacing_mm = make_maps()[FOUR_ED]
    rows, columns = np.nonzero(label_map == Structure.LEFT_ATRIUM_CAVITY)
    label_map[rows, columns] = 0
    label_map[rows[rows > 292], columns[rows > 292]] = Structure.LEFT_ATRIUM_CAVITY  # from 293 * 0.4 = 117.2 mm on
    with pytest.raises(DataError, match=r"5\.2 mm away from the ventricle"):
        atrium(label_map, Scale.of(spacing_mm, label_map.shape))


def test_touching_masks_have_no_gap_and_one_empty_row_is_one_row_wide():
    first, second = np.zeros((6, 6), bool), np.zeros((6, 6), bool)
    first[:2], second[2:] = True, True
    scale = Scale((0.5, 1.0), "mm", 2.0)
    assert gap_between(first, second, scale) == 0
    second[2] = False
    assert gap_between(first, second, scale) == 0.5
