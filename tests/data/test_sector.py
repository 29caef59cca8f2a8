"""The fan of an image: found where it was drawn, whatever is black in it or bright beside it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from synthboost.data import open_dataset
from synthboost.data.sector import BRIGHT, Sector, find_sector, without_marks
from synthboost.errors import DataError
from synthboost.simulator.fan import Fan, PixelGrid

SHAPE = (200, 180)
DRAWN = Sector(apex=(4.0, 88.0), slopes=(-0.55, 0.6), radii=(180.0, 150.0))


def echo(sector: Sector, shape: tuple[int, int] = SHAPE, seed: int = 0) -> np.ndarray:
    """Speckle of 20-199 in the fan, 0 outside."""
    grey = np.random.default_rng(seed).integers(20, 200, shape)
    return np.where(sector.mask(shape), grey, 0).astype(np.uint8)


def agreement(first: Sector, second: Sector, shape: tuple[int, int] = SHAPE) -> float:
    a, b = first.mask(shape), second.mask(shape)
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


def simulated_sector(grid: PixelGrid) -> Sector:
    # Its tip is the middle of the frame's upper border.
    slope = float(np.tan(grid.fan.half_angle))
    radius = grid.fan.depth_mm / grid.spacing_mm
    return Sector((-0.5, (grid.shape[1] - 1) / 2.0), (-slope, slope), (radius, radius))


def test_a_quarter_circle_has_the_pixels_that_one_counts():
    # Edges at 45 degrees from (0, 2): row r holds columns 2 - r to 2 + r; the arc of radius 2 takes most of row 2.
    expected = np.array([[0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0]], bool)
    assert np.array_equal(Sector((0, 2), (-1, 1), (2, 2)).mask((3, 5)), expected)


def test_the_drawn_fan_is_found_within_a_pixel():
    found = find_sector(echo(DRAWN))
    assert agreement(found, DRAWN) > 0.985
    assert found.apex == pytest.approx(DRAWN.apex, abs=1.5)
    assert found.slopes == pytest.approx(DRAWN.slopes, abs=0.01)
    assert found.radii == pytest.approx(DRAWN.radii, rel=0.015)


def test_black_blood_leaves_no_hole_and_a_shadow_at_the_edge_does_not_move_it():
    image = echo(DRAWN)
    image[60:120, 70:110] = 0  # blood
    image[90:150, :60] = 0  # a rib's shadow over a third of the left edge
    image[150:, 60:80] = 0  # and one that reaches the arc
    found = find_sector(image)
    assert agreement(found, DRAWN) > 0.985
    assert found.mask(SHAPE)[60:120, 70:110].all()


def test_text_beside_the_fan_is_not_taken_for_it():
    image = echo(DRAWN)
    image[5:11, 5:30] = 255
    assert agreement(find_sector(image), DRAWN) > 0.985


def test_a_grey_bar_and_a_second_image_beside_the_fan_are_not_taken_for_it():
    image = echo(DRAWN)
    image[60:140, 2:12] = np.linspace(255, 20, 80, dtype=np.uint8)[:, None]
    image[10:40, 140:175] = echo(DRAWN)[::6, ::5][:30, :35]
    assert agreement(find_sector(image), DRAWN) > 0.985


def test_a_fan_that_a_shadow_divides_is_one():
    image = echo(DRAWN)
    image[:, 100:106] = 0
    assert agreement(find_sector(image), DRAWN) > 0.985


def test_marks_beside_the_fan_are_blacked_out_and_what_touches_it_stays():
    plain = echo(DRAWN)
    image = plain.copy()
    image[5:11, 5:30] = image[60:140, 2:12] = 255
    touching = image.copy()
    touching[150:154, :60] = 255
    assert np.array_equal(without_marks(image), plain)
    assert (without_marks(touching) != touching).sum() == 6 * 25 + 80 * 10
    assert without_marks(plain) is plain
    noise = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8)
    assert without_marks(noise) is noise


def test_a_fan_that_the_frame_cuts_at_both_sides_and_below_is_found():
    wide = Sector(apex=(-10.0, 90.0), slopes=(-0.7, 0.7), radii=(205.0, 205.0))
    image = echo(wide, (190, 180))
    assert image[-1].any()
    assert image[:, 0].any()
    assert agreement(find_sector(image), wide, (190, 180)) > 0.985


@pytest.mark.parametrize("quality", [90, 75, 40, 20])
def test_what_jpeg_leaves_beside_a_fan_does_not_hide_it(quality):
    stream = BytesIO()
    Image.fromarray(echo(DRAWN)).save(stream, "JPEG", quality=quality)
    image = np.asarray(Image.open(stream))
    assert np.count_nonzero(image[~DRAWN.mask(SHAPE)] > BRIGHT) > 300  # none before
    assert agreement(find_sector(image), DRAWN) > 0.97


def test_the_simulators_fan_is_the_mask_that_the_simulator_paints():
    grid = PixelGrid(Fan(half_angle_deg=37.0, depth_mm=150.0), spacing_mm=0.8)
    differing = simulated_sector(grid).mask(grid.shape) ^ grid.inside()
    assert np.count_nonzero(differing) <= 2  # pixels exactly on the rim may fall either way
    assert agreement(find_sector(echo(simulated_sector(grid), grid.shape)), simulated_sector(grid), grid.shape) > 0.98


@pytest.mark.parametrize(
    ("image", "part"),
    [
        (np.zeros((50, 50), np.uint8), "left edge"),
        (np.full((50, 50), 90, np.uint8), "left edge"),  # bright up to the frame: no rim
        (echo(DRAWN)[::-1].copy(), "downwards"),
        (np.pad(np.full((50, 40), 90, np.uint8), 10), "downwards"),
    ],
)
def test_what_is_no_upright_fan_is_refused(image, part):
    with pytest.raises(DataError, match=part):
        find_sector(image, "patient0001_2CH_ED")


def test_a_shape_that_is_no_fan_is_refused():
    with pytest.raises(DataError, match="left edge left of"):
        Sector((0, 0), (1, -1), (5, 5))
    with pytest.raises(DataError, match="finite"):
        Sector((0, 0), (-1, 1), (5, float("inf")))


@pytest.mark.real_data
def test_real_fans_hold_nearly_every_pixel_that_is_not_black(real_camus):
    dataset = open_dataset(real_camus)
    for info in dataset.frames[::150]:
        image = dataset.load(info).image
        inside = find_sector(image, info.name).mask(image.shape)
        assert np.count_nonzero((image > 0) & ~inside) < 0.01 * np.count_nonzero(image)
        assert np.count_nonzero(inside & (image == 0)) < 0.02 * np.count_nonzero(inside)
