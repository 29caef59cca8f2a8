from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from synthboost.inference.overlay import draw_overlay, small, write_animation, write_overlay


def test_an_overlay_shows_pixels_square_in_millimetres(tmp_path: Path) -> None:
    image = np.full((64, 48), 100, np.uint8)
    write_overlay(tmp_path / "overlay.png", image, np.stack([image > 100, image > 50]), (0.8, 1.0))
    drawn = Image.open(tmp_path / "overlay.png")
    assert drawn.mode == "RGB"
    assert drawn.size == (60, 64)  # 48 columns of 1 mm on rows of 0.8 mm


def test_what_must_not_be_shown_is_black() -> None:
    image = np.full((4, 4), 100, np.uint8)
    shown = np.zeros((4, 4), bool)
    shown[:, :2] = True
    drawn = np.array(draw_overlay(image, np.zeros((1, 4, 4), bool), None, shown))
    assert (drawn[:, :2] == 100).all()
    assert (drawn[:, 2:] == 0).all()


def test_an_animation_has_all_frames_at_their_pace(tmp_path: Path) -> None:
    images = [np.full((700, 350), 40 * n, np.uint8) for n in range(3)]
    frames = [small(draw_overlay(image, np.zeros((0, 700, 350), bool), None)) for image in images]
    write_animation(tmp_path / "a.gif", frames, 0.05)
    with Image.open(tmp_path / "a.gif") as film:
        assert (film.n_frames, film.size, film.info["duration"]) == (3, (160, 320), 50)
