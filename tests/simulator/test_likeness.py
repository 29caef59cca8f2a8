from __future__ import annotations

import numpy as np
import pytest

from synthboost.errors import ConfigError, DataError
from synthboost.simulator.likeness import LikenessSettings, look_of, make_alike

SETTINGS = LikenessSettings()
SPACING = (1.0, 1.0)
EVERYWHERE = np.ones((32, 32), dtype=bool)


def speckled(seed: int, middle: float, sd: float) -> np.ndarray:
    """A slope from left to right with noise on it."""
    noise = np.random.default_rng(seed).normal(0, sd, (32, 32))
    return np.clip(middle + np.linspace(-30, 30, 32)[None, :] + noise, 0, 255).astype(np.uint8)


def test_four_pixels_get_the_four_levels_in_their_own_order() -> None:
    image = np.array([[10, 40], [30, 20]], dtype=np.uint8)
    other = np.array([[200, 80], [50, 100]], dtype=np.uint8)
    inside = np.ones((2, 2), dtype=bool)
    alike, _ = make_alike(image, inside, SPACING, look_of(other, inside, SPACING, SETTINGS), SETTINGS)
    np.testing.assert_array_equal(alike, [[50, 200], [100, 80]])


def test_equal_pixels_stay_equal_at_the_middle_of_their_ranks() -> None:
    image = np.array([[0, 0, 0, 9]], dtype=np.uint8)
    other = np.array([[10, 20, 30, 40]], dtype=np.uint8)
    inside = np.ones((1, 4), dtype=bool)
    flat = LikenessSettings(least=1.0, most=1.0)  # else the slope of the local mean would tell the three apart
    alike, _ = make_alike(image, inside, SPACING, look_of(other, inside, SPACING, flat), flat)
    np.testing.assert_array_equal(alike, [[20, 20, 20, 40]])


def test_an_image_is_alike_itself() -> None:
    image = speckled(0, 120, 12)
    alike, factor = make_alike(image, EVERYWHERE, SPACING, look_of(image, EVERYWHERE, SPACING, SETTINGS), SETTINGS)
    np.testing.assert_array_equal(alike, image)
    assert factor == pytest.approx(1.0)


def test_grey_levels_are_the_others_and_its_contrast_of_speckle_comes_near() -> None:
    smooth, rough = speckled(1, 90, 4), speckled(2, 150, 16)
    look = look_of(rough, EVERYWHERE, SPACING, SETTINGS)
    alike, factor = make_alike(smooth, EVERYWHERE, SPACING, look, SETTINGS)
    again = look_of(alike, EVERYWHERE, SPACING, SETTINGS)
    # Grey levels are exact but for pixels that were equal before.
    assert np.quantile(alike, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(rough, [0.1, 0.5, 0.9]), abs=1)
    assert 1 < factor <= 2
    only_levels = LikenessSettings(least=1.0, most=1.0)
    bare, _ = make_alike(smooth, EVERYWHERE, SPACING, look, only_levels)
    before = look_of(bare, EVERYWHERE, SPACING, SETTINGS).contrast
    assert before < again.contrast
    assert abs(again.contrast - look.contrast) < abs(before - look.contrast)


def test_the_factor_stays_within_its_bounds() -> None:
    smooth, rough = speckled(1, 120, 1), speckled(2, 120, 25)
    tight = LikenessSettings(least=0.9, most=1.1)
    looks = [look_of(image, EVERYWHERE, SPACING, tight) for image in (smooth, rough)]
    assert make_alike(smooth, EVERYWHERE, SPACING, looks[1], tight)[1] == 1.1
    assert make_alike(rough, EVERYWHERE, SPACING, looks[0], tight)[1] == 0.9


def test_what_lies_outside_the_sector_has_no_say_and_is_black() -> None:
    sector = np.tri(32, dtype=bool)
    image, other = speckled(1, 90, 4), speckled(2, 150, 16)
    look = look_of(other, sector, SPACING, SETTINGS)
    marked = np.where(sector, other, 255).astype(np.uint8)
    same = look_of(marked, sector, SPACING, SETTINGS)
    assert same.contrast == look.contrast
    np.testing.assert_array_equal(same.levels, look.levels)
    assert look.levels.sum() == sector.sum()
    alike, _ = make_alike(image, sector, SPACING, look, SETTINGS)
    assert not alike[~sector].any()


def test_the_scale_is_in_mm_on_each_axis() -> None:
    """Every pixel twice along the rows, at half the spacing, is the same image in mm."""
    image = speckled(3, 120, 10)
    tall = np.repeat(image, 2, axis=0)
    one = look_of(image, EVERYWHERE, (1.0, 1.0), SETTINGS).contrast
    other = look_of(tall, np.ones((64, 32), dtype=bool), (0.5, 1.0), SETTINGS).contrast
    assert other == pytest.approx(one, rel=0.05)


def test_pixels_too_coarse_to_smooth_are_refused() -> None:
    with pytest.raises(DataError, match=r"spacing: 5 mm; expected at most 4 mm"):
        look_of(speckled(0, 100, 5), EVERYWHERE, (1.0, 5.0), SETTINGS)


@pytest.mark.parametrize(("field", "value"), [("scale_mm", 0.0), ("least", 1.5), ("most", 0.5)])
def test_settings_that_cannot_be_are_refused(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=field):
        LikenessSettings(**{field: value})
