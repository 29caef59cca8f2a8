from __future__ import annotations

import numpy as np

from synthboost.simulator.fan import Fan, PixelGrid, PolarGrid, fill_polygon, scan_converter

FAN = Fan(half_angle_deg=45.0, depth_mm=100.0)
PIXELS = PixelGrid(FAN, spacing_mm=1.0)
POLAR = PolarGrid(FAN, step_mm=0.5, step_rad=0.01)


def test_black_and_white_beams_become_1_and_255_in_the_fan_and_0_around_it() -> None:
    convert = scan_converter(POLAR, PIXELS)
    for grey, expected in ((0.0, 1), (1.0, 255)):
        image = convert(np.full(POLAR.shape, grey, dtype=np.float32))
        assert image.dtype == np.uint8
        assert image.shape == (100, 141)  # 2 * 100 * sin(45 degrees)
        assert set(np.unique(image)) == {0, expected}
        assert np.array_equal(image > 0, PIXELS.inside())


def test_a_ramp_along_the_beams_becomes_a_ramp_with_the_distance_from_the_tip() -> None:
    ramp = np.broadcast_to((POLAR.depths_mm / 200.0)[:, None], POLAR.shape)
    image = scan_converter(POLAR, PIXELS)(np.ascontiguousarray(ramp))
    x, z = PIXELS.centres_mm()
    expected = 1.0 + 254.0 * np.hypot(x, z) / 200.0
    inside = PIXELS.inside()
    assert np.abs(image[inside] - expected[inside]).max() <= 0.6


def test_a_fan_of_45_degrees_fills_pi_quarters_of_its_square() -> None:
    # Area of the fan: 100**2 * pi / 4 = 7854 pixels of 1 mm2.
    assert abs(int(PIXELS.inside().sum()) - 7854) < 80


def test_the_converter_of_a_geometry_is_made_once() -> None:
    assert scan_converter(POLAR, PIXELS) is scan_converter(PolarGrid(FAN, 0.5, 0.01), PixelGrid(FAN, 1.0))


def test_a_square_covers_the_grid_points_inside_it() -> None:
    square = np.array([[0.5, 0.5], [0.5, 3.5], [2.5, 3.5], [2.5, 0.5]])
    filled = fill_polygon(square, (4, 5))
    expected = np.zeros((4, 5), dtype=bool)
    expected[1:3, 1:4] = True
    assert np.array_equal(filled, expected)


def test_two_triangles_that_share_a_diagonal_neither_overlap_nor_leave_a_gap() -> None:
    corners = np.array([[0.0, 0.0], [0.0, 8.0], [8.0, 8.0], [8.0, 0.0]])
    one, two = fill_polygon(corners[[0, 1, 2]], (8, 8)), fill_polygon(corners[[0, 2, 3]], (8, 8))
    assert not (one & two).any()
    assert (one | two).all()


def test_a_polygon_that_leaves_the_grid_is_cut_by_it() -> None:
    filled = fill_polygon(np.array([[-5.0, -5.0], [-5.0, 1.5], [50.0, 1.5], [50.0, -5.0]]), (3, 4))
    assert filled[:, :2].all()
    assert not filled[:, 2:].any()
