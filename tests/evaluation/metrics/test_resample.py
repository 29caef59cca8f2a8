"""Resampling: which old pixel a new one takes, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.metrics.resample import spacing_on_grid, to_grid


def line(*values: int) -> np.ndarray:
    return np.array([values], dtype=np.uint8)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((0, 1, 2), (0, 0, 1, 1, 2, 2)),
        # Centres of two pixels over five lie at 1.25 and 3.75.
        ((10, 11, 12, 13, 14), (11, 13)),
        # Of three over five at 0.83, 2.5, 4.17.
        ((10, 11, 12, 13, 14), (10, 12, 14)),
        # Of two over four at 1 and 3, on a border: the later pixel.
        ((10, 11, 12, 13), (11, 13)),
        ((7,), (7, 7, 7)),
    ],
)
def test_a_new_pixel_takes_the_old_one_under_its_centre(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(to_grid(line(*old), (1, len(new))), line(*new))
    np.testing.assert_array_equal(to_grid(line(*old).T, (len(new), 1)), line(*new).T)


@pytest.mark.parametrize("size", [(5, 9), (64, 31), (37, 37)])
def test_pillow_picks_the_same_pixels(size: tuple[int, int]) -> None:
    image = pytest.importorskip("PIL.Image")
    labels = np.random.default_rng(0).integers(0, 4, (37, 53), dtype=np.uint8)
    theirs = np.asarray(image.fromarray(labels).resize(size[::-1], image.Resampling.NEAREST))
    np.testing.assert_array_equal(to_grid(labels, size), theirs)


@given(arrays(np.uint8, (7, 5), elements=st.sampled_from([0, 1, 3])), st.integers(1, 20), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_no_label_appears_that_was_not_there(labels: np.ndarray, height: int, width: int) -> None:
    new = to_grid(labels, (height, width))
    assert new.shape == (height, width)
    assert new.dtype == np.uint8
    assert set(np.unique(new)) <= set(np.unique(labels))


def test_a_mask_stays_a_mask_and_its_own_grid_changes_nothing() -> None:
    mask = np.eye(6, dtype=np.bool_)
    np.testing.assert_array_equal(to_grid(mask, (6, 6)), mask)
    assert to_grid(mask, (12, 12)).sum() == 4 * 6


def test_the_field_of_view_stays_the_same() -> None:
    rows, columns = spacing_on_grid((0.308, 0.154), (549, 778), (512, 512))
    assert rows * 512 == pytest.approx(0.308 * 549)
    assert columns * 512 == pytest.approx(0.154 * 778)


@pytest.mark.parametrize("grid", [(0, 5), (5,), (5.0, 5), (-1, 3)])
def test_an_impossible_grid_is_refused(grid: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="grid"):
        to_grid(np.ones((2, 2), dtype=np.bool_), grid)


@pytest.mark.parametrize(
    "array", [np.ones((2, 2)), np.ones((2, 2, 2), dtype=np.uint8), np.ones((0, 2), dtype=np.uint8)]
)
def test_what_is_neither_mask_nor_grey_image_is_refused(array: np.ndarray) -> None:
    with pytest.raises(DataError, match="to_grid"):
        to_grid(array, (4, 4))
