"""The mitral plane and the axes of both chambers, on shapes whose axes are known."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import LabelMap, Phase, Structure, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import ApicalView
from synthboost.evaluation.clinical.geometry import Scale, gap_between

FOUR_ED = (View.FOUR_CHAMBER, Phase.END_DIASTOLE)
GRIDS = pytest.mark.parametrize(
    ("spacing", "tilt"), [((0.4, 0.4), 0.0), ((0.4, 0.4), 11.0), ((0.308, 0.154), -8.0), ((0.75, 0.9), 5.0)]
)


@GRIDS
def test_the_plane_stands_across_the_axis_at_the_flat_side(make_maps, spacing, tilt):
    plane = ApicalView.of(*make_maps(spacing, tilt)[FOUR_ED]).plane
    # The flat side lies at (112, 60) mm, 52 mm wide; each end loses the 2 mm that lie near the wall.
    assert plane.middle == pytest.approx([112, 60], abs=1.5 * max(spacing))
    assert plane.width == pytest.approx(48, abs=2)
    angle = np.degrees(np.arctan2(plane.up[1], -plane.up[0]))
    assert angle == pytest.approx(-tilt, abs=2.5)


def test_a_wall_that_is_open_at_the_apex_leaves_the_plane_at_the_atrium(make_maps):
    label_map, spacing_mm = make_maps()[FOUR_ED]
    label_map[: round(80 / 0.4)][label_map[: round(80 / 0.4)] == Structure.MYOCARDIUM] = (
        0  # above 80 mm: the larger gap
    )
    plane = ApicalView.of(label_map, spacing_mm).plane
    assert plane.middle == pytest.approx([112, 60], abs=0.6)
    assert plane.width == pytest.approx(48, abs=2)


@GRIDS
def test_both_axes_are_found_within_a_pixel(make_maps, spacing, tilt):
    view = ApicalView.of(*make_maps(spacing, tilt)[FOUR_ED])
    assert view.ventricle.length == pytest.approx(90, abs=max(spacing))
    assert view.atrium.length == pytest.approx(40, abs=1.5 * max(spacing))


def test_a_pixel_is_the_unit_where_the_spacing_is_unknown():
    scale = Scale.of(None, (512, 256))
    assert scale.length_unit == "px"
    assert scale.gap == 4  # 512 / 128
    assert scale.volume(3000.0) == 3000.0
    assert Scale.of((0.5, 0.5), (512, 256)).volume(3000.0) == 3.0  # ml


def test_an_atrium_away_from_the_ventricle_has_no_axis(make_maps):
    label_map, spacing_mm = make_maps()[FOUR_ED]
    rows, columns = np.nonzero(label_map == Structure.LEFT_ATRIUM_CAVITY)
    label_map[rows, columns] = 0
    label_map[rows[rows > 292], columns[rows > 292]] = Structure.LEFT_ATRIUM_CAVITY  # from 293 * 0.4 = 117.2 mm on
    with pytest.raises(DataError, match=r"5\.2 mm away from the ventricle"):
        _ = ApicalView.of(label_map, spacing_mm).atrium


def test_touching_masks_have_no_gap_and_one_empty_row_is_one_row_wide():
    first, second = np.zeros((6, 6), bool), np.zeros((6, 6), bool)
    first[:2], second[2:] = True, True
    scale = Scale((0.5, 1.0), "mm", 2.0)
    assert gap_between(first, second, scale) == 0
    second[2] = False
    assert gap_between(first, second, scale) == 0.5


SPACINGS = pytest.mark.parametrize("spacing", [(0.4, 0.4), (0.308, 0.154), (0.75, 0.9), (1.5, 1.2)])


def ring(spacing: tuple[float, float], inner: float, outer: float, below: float = np.inf) -> LabelMap:
    """Radii in mm around the middle of 100 mm x 100 mm; nothing lower than `below` mm under the middle."""
    rows, columns = np.mgrid[: int(100 / spacing[0]), : int(100 / spacing[1])]
    down, right = (rows + 0.5) * spacing[0] - 50, (columns + 0.5) * spacing[1] - 50
    radius = np.hypot(down, right)
    labels = np.zeros(rows.shape, dtype=np.uint8)
    labels[(radius < outer) & (down < below)] = Structure.MYOCARDIUM
    labels[(radius < inner) & (down < below)] = Structure.LEFT_VENTRICULAR_CAVITY
    return labels


@SPACINGS
@pytest.mark.parametrize("thickness", [6.0, 10.0, 18.0])
def test_a_closed_ring_is_as_thick_as_its_radii_differ(spacing: tuple[float, float], thickness: float) -> None:
    labels = ring(spacing, 25, 25 + thickness)
    # Area pi (R2 - r2) over centre line pi (R + r) is R - r.
    assert ApicalView.of(labels, spacing).wall_thickness == pytest.approx(thickness, rel=0.02)


@SPACINGS
def test_a_half_ring_open_at_the_valve_is_as_thick_as_the_whole(spacing: tuple[float, float]) -> None:
    labels = ring(spacing, 25, 35, below=0.0)
    assert ApicalView.of(labels, spacing).wall_thickness == pytest.approx(10, rel=0.03)


def test_without_spacing_the_thickness_is_in_pixels() -> None:
    labels = ring((0.5, 0.5), 25, 35)
    assert ApicalView.of(labels, None).wall_thickness == pytest.approx(20, rel=0.02)


@pytest.mark.parametrize("absent", [Structure.LEFT_VENTRICULAR_CAVITY, Structure.MYOCARDIUM])
def test_a_missing_structure_is_named(absent: Structure) -> None:
    labels = ring((0.5, 0.5), 25, 35)
    labels[labels == absent] = 0
    with pytest.raises(DataError, match=f"{absent.name.lower().replace('_', ' ')}: absent"):
        _ = ApicalView.of(labels, (0.5, 0.5)).wall_thickness
