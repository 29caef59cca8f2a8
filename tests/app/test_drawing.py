from __future__ import annotations

import io

import numpy as np
from PIL import Image

from synthboost.app.drawing import draw, shown_size
from synthboost.inference.overlay import COLOURS
from synthboost.io.pictures import png_bytes


def test_a_small_image_is_enlarged_and_a_large_one_shrunk() -> None:
    assert shown_size((256, 256), None) == (640, 640)
    assert shown_size((2048, 1024), None) == (512, 1024)


def test_pixels_are_shown_in_their_true_shape() -> None:
    assert shown_size((100, 100), (0.5, 1.0)) == (640, 320)


def test_a_tint_is_mixed_by_the_opacity_and_its_rim_is_pure() -> None:
    image = np.full((64, 64), 100, np.uint8)
    probability = np.zeros((1, 64, 64), np.float32)
    probability[0, 16:48, 16:48] = 1
    drawn = np.asarray(draw(image, probability, None, 0.5, 0.5))
    assert drawn.shape == (640, 640, 3)
    assert drawn[320, 320].tolist() == [50, 129, 108]  # half of 100 and half of 0, 158, 115
    assert drawn[5, 5].tolist() == [100, 100, 100]
    assert (drawn == COLOURS[0]).all(axis=2).any()


def test_a_higher_threshold_draws_less() -> None:
    image = np.zeros((640, 640), np.uint8)
    probability = np.full((1, 640, 640), 0.6, np.float32)
    assert np.asarray(draw(image, probability, None, 1.0, 0.5)).any()
    assert not np.asarray(draw(image, probability, None, 1.0, 0.7)).any()


def test_the_picture_says_nothing_beside_its_pixels() -> None:
    picture = Image.new("L", (2, 2))
    picture.info["who"] = "somebody"
    with Image.open(io.BytesIO(png_bytes(np.asarray(picture)))) as read:
        assert read.info == {}
