"""Pictures: contours in millimetres, closed at the image's edge; images in their true shape."""

from __future__ import annotations

import base64
import io
import re
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from synthboost.domain import Structure
from synthboost.records.examples import Example
from synthboost.reports import page
from synthboost.reports.pictures import contour_path, picture


@pytest.fixture
def example() -> Example:
    true = np.zeros((40, 20), np.uint8)
    true[10:20, 5:10] = 1
    return Example(
        frame="p1_2CH_ED",
        note="worst",
        image=np.full((40, 20), 7, np.uint8),
        true=true,
        predicted={Structure.LEFT_VENTRICULAR_CAVITY: np.zeros((40, 20), bool)},
        sentences={Structure.LEFT_VENTRICULAR_CAVITY: ""},
        dice={Structure.LEFT_VENTRICULAR_CAVITY: 0.0},
        spacing_mm=(0.5, 2.0),
    )


def points(path):
    return np.array([[float(number) for number in pair.split()] for pair in re.split("[MLZ]+", path) if pair])


def test_a_contour_lies_in_millimetres_with_rows_and_columns_apart():
    mask = np.zeros((10, 10), bool)
    mask[2:6, 3:8] = True
    found = points(contour_path(mask, (0.5, 2.0)))
    # Columns 3 to 7 cover x = 3 to 8 pixels = 6 to 16 mm; rows 2 to 5 cover y = 2 to 6 pixels = 1 to 3 mm.
    assert found.min(axis=0).tolist() == [6.0, 1.0]
    assert found.max(axis=0).tolist() == [16.0, 3.0]


def test_a_mask_that_fills_the_image_is_outlined_by_its_edge():
    found = points(contour_path(np.ones((4, 6), bool), (1.0, 1.0)))
    assert found.min(axis=0).tolist() == [0.0, 0.0]
    assert found.max(axis=0).tolist() == [6.0, 4.0]


def test_an_empty_mask_has_no_contour():
    assert contour_path(np.zeros((4, 4), bool), (1.0, 1.0)) == ""


def test_two_pieces_are_two_closed_lines():
    mask = np.zeros((5, 9), bool)
    mask[2, 2] = mask[2, 6] = True
    assert contour_path(mask, (1.0, 1.0)).count("Z") == 2


def test_the_picture_has_the_bodys_proportions_not_the_pixels(example):
    shown = picture(example, "k")
    assert (shown.width_mm, shown.height_mm) == (40.0, 20.0)


def test_an_empty_prediction_is_said_in_words(example):
    shown = picture(example, "k")
    assert shown.said == (("LV", "0.0 %", ""),)
    assert "left ventricular cavity; Dice 0.0 %. Nothing was predicted." in shown.panels[-1].alternative


def test_image_truth_and_prediction_stand_side_by_side(example):
    image, truth, prediction = picture(example, "k").panels
    assert [image.heading, truth.heading, prediction.heading] == ["image", "truth", "prediction, the truth dashed"]
    assert [image.outlines, [kind for kind, _ in truth.outlines]] == [(), ["LV"]]
    assert [kind for kind, _ in prediction.outlines] == ["true", "LV"]
    assert prediction.outlines[0][1] == truth.outlines[0][1] != ""


def test_a_dashed_outline_has_a_dark_line_under_it_so_that_one_below_does_not_fill_its_gaps(example):
    # The ventricle's outline is the inner edge of its wall: two dashed lines on one another look like a solid one.
    html = str(page._block(picture(example, "k")))
    assert re.findall(r'class="outline (\w+)"', html) == ["LV", "casing", "true", "LV"]
    css = (resources.files("synthboost.reports") / "templates" / "report.css").read_text(encoding="utf-8")
    (width,) = re.findall(r"\.outline\.casing { stroke: #000; stroke-width: ([\d.]+)px }", css)
    (dashed,) = re.findall(r"\.outline\.true { stroke: #fff; stroke-width: ([\d.]+)px; stroke-dasharray", css)
    assert float(width) > float(dashed)


def test_a_large_image_is_embedded_small():
    big = Example("f", "best", np.zeros((1000, 500), np.uint8), np.zeros((1000, 500), np.uint8), {}, {}, {}, (1.0, 1.0))
    data = picture(big, "k").image.removeprefix("data:image/png;base64,")
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (160, 320)
