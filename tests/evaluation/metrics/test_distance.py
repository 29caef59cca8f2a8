"""Boundary distances: by hand, by property, and against MONAI."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from synthboost.domain import Mask
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.metrics.distance import boundary, boundary_distances

PIXEL = (1.0, 1.0)
some_masks = arrays(np.bool_, (9, 11)).filter(np.any)
some_spacings = st.tuples(st.floats(0.1, 3), st.floats(0.1, 3))


def rectangle(top: int, left: int, height: int, width: int, shape: tuple[int, int] = (40, 40)) -> Mask:
    mask = np.zeros(shape, dtype=np.bool_)
    mask[top : top + height, left : left + width] = True
    return mask


def disc(row: float, column: float, radius: float, side: int = 96) -> Mask:
    rows, columns = np.mgrid[:side, :side]
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 < radius**2)


def test_two_rectangles_of_six_pixels_one_column_apart() -> None:
    # All twelve pixels are boundary; two of each mask lie one column (0.5 mm) from the other mask, four on it.
    found = boundary_distances(rectangle(1, 1, 2, 3), rectangle(1, 2, 2, 3), (2.0, 0.5))
    assert sorted(found.from_true) == sorted(found.from_predicted) == [0, 0, 0, 0, 0.5, 0.5]
    assert found.hausdorff_mm == 0.5
    assert found.hd95_mm == 0.5
    assert found.assd_mm == pytest.approx(4 * 0.5 / 12)
    assert found.nsd(0.4) == pytest.approx(8 / 12)
    assert found.nsd(0.5) == 1.0


def test_hd95_is_the_larger_directed_percentile_and_not_that_of_both_together() -> None:
    # Twenty pixels in a row against the first of them: 0, 1, ..., 19 mm one way, a single 0 the other way.
    found = boundary_distances(rectangle(5, 5, 1, 20), rectangle(5, 5, 1, 1), PIXEL)
    assert found.hd95_mm == pytest.approx(0.95 * 19)
    assert found.hausdorff_mm == 19
    assert found.assd_mm == pytest.approx(190 / 21)


def test_the_boundary_of_a_block_is_its_rim() -> None:
    rim = boundary(rectangle(1, 1, 4, 5, (7, 7)))
    assert rim.sum() == 20 - 6
    assert not rim[2:4, 2:5].any()


def test_the_edge_of_the_image_is_boundary() -> None:
    assert boundary(np.ones((4, 5), dtype=np.bool_)).sum() == 20 - 6
    # Whole image against its left half: the right edge is 20 columns from the nearest boundary, at column 19.
    whole, half = rectangle(0, 0, 40, 40), rectangle(0, 0, 40, 20)
    assert boundary_distances(whole, half, PIXEL).hausdorff_mm == 20


def test_an_inner_hole_is_boundary_too() -> None:
    ring = rectangle(10, 10, 7, 7)
    ring[13, 13] = False
    # The hole's four neighbours are boundary; the nearest rim pixel of the filled square is two away.
    assert boundary_distances(rectangle(10, 10, 7, 7), ring, PIXEL).hausdorff_mm == 2


@given(some_masks, some_masks, some_spacings)
@settings(max_examples=60, deadline=None)
def test_swapping_the_masks_changes_no_score(first: Mask, second: Mask, spacing: tuple[float, float]) -> None:
    one, other = boundary_distances(first, second, spacing), boundary_distances(second, first, spacing)
    assert one.hausdorff_mm == pytest.approx(other.hausdorff_mm)
    assert one.hd95_mm == pytest.approx(other.hd95_mm)
    assert one.assd_mm == pytest.approx(other.assd_mm)
    assert one.nsd(1.0) == pytest.approx(other.nsd(1.0))


@given(some_masks, some_spacings)
@settings(max_examples=30, deadline=None)
def test_a_mask_is_no_distance_from_itself(mask: Mask, spacing: tuple[float, float]) -> None:
    found = boundary_distances(mask, mask, spacing)
    assert (found.hausdorff_mm, found.hd95_mm, found.assd_mm, found.nsd(0.0)) == (0, 0, 0, 1)


@given(some_masks, some_masks, some_spacings, st.floats(0.1, 10))
@settings(max_examples=60, deadline=None)
def test_distances_scale_with_the_spacing_and_keep_their_order(
    first: Mask, second: Mask, spacing: tuple[float, float], factor: float
) -> None:
    small = boundary_distances(first, second, spacing)
    large = boundary_distances(first, second, (factor * spacing[0], factor * spacing[1]))
    assert large.hd95_mm == pytest.approx(factor * small.hd95_mm)
    assert large.assd_mm == pytest.approx(factor * small.assd_mm)
    diagonal = np.hypot(9 * spacing[0], 11 * spacing[1])
    assert 0 <= small.assd_mm <= small.hausdorff_mm <= diagonal
    assert small.hd95_mm <= small.hausdorff_mm
    assert small.nsd(0.5) <= small.nsd(1.0) <= small.nsd(diagonal) == 1


@given(st.integers(0, 12), st.integers(0, 12), some_spacings)
@settings(max_examples=30, deadline=None)
def test_a_shifted_convex_mask_is_as_far_as_the_shift(down: int, right: int, spacing: tuple[float, float]) -> None:
    found = boundary_distances(rectangle(3, 3, 10, 14), rectangle(3 + down, 3 + right, 10, 14), spacing)
    assert found.hausdorff_mm == pytest.approx(np.hypot(down * spacing[0], right * spacing[1]))


CASES = [
    (disc(48, 48, 20), disc(50, 47, 22), (1.0, 1.0)),
    (disc(48, 48, 20), disc(48, 48, 20), (0.308, 0.154)),
    (disc(5, 48, 20), disc(8, 50, 20), (0.5, 0.3)),
    (disc(48, 48, 30), disc(48, 48, 30) & ~disc(48, 48, 12), (0.308, 0.308)),
    (disc(20, 20, 3), disc(80, 75, 9), (0.7, 1.3)),
    (disc(48, 48, 200), disc(48, 20, 30), (1.0, 1.0)),
    (disc(48, 48, 0.5), disc(50, 48, 2), (1.0, 2.0)),
    (disc(30, 30, 10) | disc(70, 70, 6), disc(30, 31, 10), (0.4, 0.4)),
]


@pytest.mark.parametrize(("true", "predicted", "spacing"), CASES)
@pytest.mark.filterwarnings("ignore")
def test_monai_finds_the_same(true: Mask, predicted: Mask, spacing: tuple[float, float]) -> None:
    metrics = pytest.importorskip("monai.metrics", reason="MONAI is the oracle")
    torch = pytest.importorskip("torch")
    y, y_pred = (torch.from_numpy(m)[None, None].float() for m in (true, predicted))
    given_to_both = {"include_background": True, "spacing": spacing}
    found = boundary_distances(true, predicted, spacing)
    hausdorff = metrics.compute_hausdorff_distance
    assert found.hausdorff_mm == pytest.approx(float(hausdorff(y_pred, y, **given_to_both)), abs=1e-4)
    assert found.hd95_mm == pytest.approx(float(hausdorff(y_pred, y, percentile=95, **given_to_both)), abs=1e-4)
    average = metrics.compute_average_surface_distance(y_pred, y, symmetric=True, **given_to_both)
    assert found.assd_mm == pytest.approx(float(average), abs=1e-4)
    for tolerance in (0.45, 1.05, 2.15):  # between the distances that occur, where rounding cannot decide
        theirs = float(metrics.compute_surface_dice(y_pred, y, [tolerance], **given_to_both))
        assert found.nsd(tolerance) == pytest.approx(theirs, abs=1e-4)


def test_a_distance_of_exactly_the_tolerance_is_within_it_wherever_the_masks_lie() -> None:
    for left in range(20):  # 5 * 0.4 is 2.0, but 2.4 - 0.4 in floating point is not
        found = boundary_distances(rectangle(3, left, 1, 1), rectangle(3, left + 5, 1, 1), (0.4, 0.4))
        assert (found.hausdorff_mm, found.nsd(2.0)) == (2.0, 1.0)


def test_an_empty_mask_has_no_distance_and_is_named() -> None:
    with pytest.raises(DataError, match="predicted mask: content: empty"):
        boundary_distances(rectangle(1, 1, 2, 2), np.zeros((40, 40), dtype=np.bool_), PIXEL)


@pytest.mark.parametrize("spacing", [(0.0, 1.0), (float("nan"), 1.0), (1.0, float("inf"))])
def test_a_pixel_without_a_size_is_refused(spacing: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="pixel size"):
        boundary_distances(rectangle(1, 1, 2, 2), rectangle(1, 1, 2, 2), spacing)


@pytest.mark.parametrize("tolerance", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_that_is_no_distance_is_refused(tolerance: float) -> None:
    with pytest.raises(ConfigError, match="tolerance_mm"):
        boundary_distances(rectangle(1, 1, 2, 2), rectangle(1, 1, 2, 2), PIXEL).nsd(tolerance)
