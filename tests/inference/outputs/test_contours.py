from __future__ import annotations

import numpy as np

from synthboost.inference.outputs.contours import contours_of


def test_the_outline_of_a_rectangle_runs_half_a_pixel_outside_in_columns_and_rows() -> None:
    mask = np.zeros((8, 9), bool)
    mask[2:5, 3:8] = True  # rows 2-4, columns 3-7
    (outline,) = contours_of(mask, (0.5, 2.0))
    points = np.array(outline["pixels"])
    assert points.min(axis=0).tolist() == [2.5, 1.5]
    assert points.max(axis=0).tolist() == [7.5, 4.5]
    np.testing.assert_allclose(np.array(outline["mm"]), points * [2.0, 0.5])
    assert points[0].tolist() == points[-1].tolist()


def test_a_mask_at_the_border_is_closed_and_an_empty_one_has_no_outline() -> None:
    (outline,) = contours_of(np.ones((3, 3), bool), None)
    assert "mm" not in outline
    assert outline["pixels"][0] == outline["pixels"][-1]
    assert contours_of(np.zeros((3, 3), bool), None) == []
