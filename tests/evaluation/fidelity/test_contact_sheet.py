"""Contact sheets and outlines."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import Structure
from synthboost.errors import DataError
from synthboost.evaluation.fidelity.echo_set import contact_sheet, outlined


def test_images_lie_where_row_and_column_say_and_gaps_are_white():
    dark, light = np.full((5, 7), 10, np.uint8), np.full((9, 9), 200, np.uint8)
    sheet = np.asarray(contact_sheet([[dark, light], [light]], tile=8, gap=2))
    assert sheet.shape == (22, 22, 3)
    assert (sheet[2:10, 2:10] == 10).all()
    assert (sheet[2:10, 12:20] == 200).all()
    assert (sheet[12:20, 2:10] == 200).all()
    assert (sheet[12:20, 12:20] == 255).all()  # nobody there
    assert (sheet[:2] == 255).all()


def test_an_outline_colours_the_inner_border_and_nothing_else():
    labels = np.zeros((6, 6), np.uint8)
    labels[1:5, 1:5] = 1
    picture = outlined(np.full((6, 6), 50, np.uint8), labels)
    cavity = np.array(Structure.LEFT_VENTRICULAR_CAVITY.colour)
    assert (picture[1, 1:5] == cavity).all()
    assert (picture[2:4, 2:4] == 50).all()
    assert (picture[0] == 50).all()


def test_empty_sheets_and_odd_pictures_are_refused():
    with pytest.raises(DataError, match="images: 0"):
        contact_sheet([[]])
    with pytest.raises(DataError, match=r"image 0 of row 0: float64"):
        contact_sheet([[np.zeros((3, 3))]])
    with pytest.raises(DataError, match="label map"):
        outlined(np.zeros((3, 3), np.uint8), np.zeros((3, 4), np.uint8))
