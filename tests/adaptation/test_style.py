from __future__ import annotations

import numpy as np
import pytest

from synthboost.adaptation.match import in_style, style_of
from synthboost.errors import DataError

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
    alike, _ = in_style(image, inside, SPACING, style_of(other, inside, SPACING))
    np.testing.assert_array_equal(alike, [[50, 200], [100, 80]])


def test_equal_pixels_stay_equal_at_the_middle_of_their_ranks() -> None:
    image = np.array([[0, 0, 0, 9]], dtype=np.uint8)
    other = np.array([[10, 20, 30, 40]], dtype=np.uint8)
    inside = np.ones((1, 4), dtype=bool)
    only_levels = (1.0, 1.0)  # else the slope of the local mean would tell the three apart
    alike, _ = in_style(image, inside, SPACING, style_of(other, inside, SPACING), only_levels)
    np.testing.assert_array_equal(alike, [[20, 20, 20, 40]])


def test_an_image_is_alike_itself() -> None:
    image = speckled(0, 120, 12)
    alike, factor = in_style(image, EVERYWHERE, SPACING, style_of(image, EVERYWHERE, SPACING))
    np.testing.assert_array_equal(alike, image)
    assert factor == pytest.approx(1.0)


def test_grey_levels_are_the_others_and_its_contrast_of_speckle_comes_near() -> None:
    smooth, rough = speckled(1, 90, 4), speckled(2, 150, 16)
    style = style_of(rough, EVERYWHERE, SPACING)
    alike, factor = in_style(smooth, EVERYWHERE, SPACING, style)
    again = style_of(alike, EVERYWHERE, SPACING)
    # Grey levels are exact but for pixels that were equal before.
    assert np.quantile(alike, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(rough, [0.1, 0.5, 0.9]), abs=1)
    assert 1 < factor <= 2
    bare, _ = in_style(smooth, EVERYWHERE, SPACING, style, (1.0, 1.0))
    before = style_of(bare, EVERYWHERE, SPACING).contrast
    assert before < again.contrast
    assert abs(again.contrast - style.contrast) < abs(before - style.contrast)


def test_the_factor_stays_within_its_bounds() -> None:
    smooth, rough = speckled(1, 120, 1), speckled(2, 120, 25)
    tight = (0.9, 1.1)
    styles = [style_of(image, EVERYWHERE, SPACING) for image in (smooth, rough)]
    assert in_style(smooth, EVERYWHERE, SPACING, styles[1], tight)[1] == 1.1
    assert in_style(rough, EVERYWHERE, SPACING, styles[0], tight)[1] == 0.9


def test_what_lies_outside_the_sector_has_no_say_and_is_black() -> None:
    sector = np.tri(32, dtype=bool)
    image, other = speckled(1, 90, 4), speckled(2, 150, 16)
    style = style_of(other, sector, SPACING)
    marked = np.where(sector, other, 255).astype(np.uint8)
    same = style_of(marked, sector, SPACING)
    assert same.contrast == style.contrast
    np.testing.assert_array_equal(same.levels, style.levels)
    assert style.levels.sum() == sector.sum()
    alike, _ = in_style(image, sector, SPACING, style)
    assert not alike[~sector].any()


def test_the_scale_is_in_mm_on_each_axis() -> None:
    """Every pixel twice along the rows, at half the spacing, is the same image in mm."""
    image = speckled(3, 120, 10)
    tall = np.repeat(image, 2, axis=0)
    one = style_of(image, EVERYWHERE, (1.0, 1.0)).contrast
    other = style_of(tall, np.ones((64, 32), dtype=bool), (0.5, 1.0)).contrast
    assert other == pytest.approx(one, rel=0.05)


def test_pixels_too_coarse_to_smooth_are_refused() -> None:
    with pytest.raises(DataError, match=r"spacing: 5 mm; expected at most 4 mm"):
        style_of(speckled(0, 100, 5), EVERYWHERE, (1.0, 5.0))
