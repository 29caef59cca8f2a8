from __future__ import annotations

import numpy as np

from synthboost.simulator.scan_conversion import scan_converter
from synthboost.simulator.sector import PixelGrid, PolarGrid, Sector

SECTOR = Sector(half_angle_deg=45.0, depth_mm=100.0)
PIXELS = PixelGrid(SECTOR, spacing_mm=1.0)
POLAR = PolarGrid(SECTOR, step_mm=0.5, step_rad=0.01)


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
    assert scan_converter(POLAR, PIXELS) is scan_converter(PolarGrid(SECTOR, 0.5, 0.01), PixelGrid(SECTOR, 1.0))
