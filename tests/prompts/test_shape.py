"""Shape words of ideal shapes, in millimetres."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import Mask
from synthboost.errors import PromptError
from synthboost.prompts import SHAPE_WORDS, shape_word

ROWS, COLUMNS = np.mgrid[:120, :120]


def rotated(angle_degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (down, across) around the middle of the grid, turned."""
    c, s = np.cos(np.radians(angle_degrees)), np.sin(np.radians(angle_degrees))
    down, across = ROWS - 59.5, COLUMNS - 59.5
    return c * down + s * across, -s * down + c * across


@pytest.mark.parametrize("angle", [0, 20, 45, 80])
@pytest.mark.parametrize(
    ("word", "half_height", "half_width", "kind"),
    [
        ("circle", 40, 40, "ellipse"),
        ("oval", 50, 30, "ellipse"),
        ("square", 35, 35, "box"),
        ("rectangle", 50, 25, "box"),
        ("triangle", 40, 40, "triangle"),
        ("triangle", 50, 20, "triangle"),
    ],
)
def test_an_ideal_shape_is_named_however_it_is_turned(
    word: str, half_height: float, half_width: float, kind: str, angle: float
) -> None:
    down, across = (c / h for c, h in zip(rotated(angle), (half_height, half_width), strict=True))
    inside: dict[str, Mask] = {
        "ellipse": down**2 + across**2 < 1,
        "box": np.maximum(abs(down), abs(across)) < 1,
        "triangle": (abs(down) < 1) & (abs(across) < (down + 1) / 2),
    }
    assert shape_word(inside[kind], (0.3, 0.3)) == word


def test_pixels_that_are_not_square_are_measured_in_millimetres() -> None:
    disc = (ROWS - 60) ** 2 + (COLUMNS - 60) ** 2 < 40**2
    assert shape_word(disc, (0.3, 0.3)) == "circle"
    assert shape_word(disc, (0.3, 0.6)) == "oval"


def test_specks_beside_the_structure_do_not_change_its_word() -> None:
    disc = (ROWS - 60) ** 2 + (COLUMNS - 60) ** 2 < 30**2
    disc[0, 0] = disc[119, 119] = True
    assert shape_word(disc, (1, 1)) == "circle"


def test_an_arch_is_named_by_its_outline() -> None:
    outer = (ROWS - 60) ** 2 + (COLUMNS - 60) ** 2 < 50**2
    inner = (ROWS - 60) ** 2 + (COLUMNS - 60) ** 2 < 40**2
    assert shape_word(outer & ~inner, (1, 1)) == "circle"


def test_one_pixel_is_a_square() -> None:
    mask = np.zeros((5, 5), dtype=np.bool_)
    mask[2, 2] = True
    assert shape_word(mask, (1, 1)) == "square"


def test_a_long_rectangle_has_a_word_of_the_prompt_sets() -> None:
    word = shape_word(np.ones((10, 30), dtype=np.bool_), (1, 1))
    assert word == "rectangle"
    assert word in SHAPE_WORDS


@pytest.mark.parametrize(
    ("mask", "spacing", "named"),
    [
        (np.zeros((4, 4), dtype=np.bool_), (1.0, 1.0), "empty"),
        (np.ones((4, 4), dtype=np.uint8), (1.0, 1.0), "uint8"),
        (np.ones((4, 4, 1), dtype=np.bool_), (1.0, 1.0), "4, 4, 1"),
        (np.ones((4, 4), dtype=np.bool_), (1.0, 0.0), "0.0"),
        (np.ones((4, 4), dtype=np.bool_), (float("nan"), 1.0), "nan"),
    ],
)
def test_what_has_no_shape_is_refused_and_named(mask: Mask, spacing: tuple[float, float], named: str) -> None:
    with pytest.raises(PromptError, match=named):
        shape_word(mask, spacing)
