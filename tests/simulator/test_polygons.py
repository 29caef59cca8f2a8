from __future__ import annotations

import numpy as np

from synthboost.simulator.polygons import fill_polygon


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
