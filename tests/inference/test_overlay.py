from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from synthboost.domain import STRUCTURES
from synthboost.inference.overlay import (
    LINE,
    MOST_LINES,
    NARROWEST,
    OTHERS,
    colours_for,
    draw_overlay,
    draw_smooth,
    paint,
    shown_area,
    shown_size,
    small,
    write_animation,
    write_overlay,
)
from synthboost.inference.predictor import Prediction
from synthboost.reports import content


def test_an_overlay_shows_pixels_square_in_millimetres(tmp_path: Path) -> None:
    image = np.full((64, 48), 100, np.uint8)
    write_overlay(tmp_path / "overlay.png", image, np.stack([image > 100, image > 50]), (0.8, 1.0))
    drawn = Image.open(tmp_path / "overlay.png")
    assert drawn.mode == "RGB"
    assert drawn.size == (600, 640)  # 48 columns of 1 mm on rows of 0.8 mm


def test_a_structure_has_one_colour_in_every_picture_wherever_its_sentence_stands() -> None:
    green, orange, blue = (structure.colour for structure in STRUCTURES)
    said = ["please outline the left atrium", "the liver", "wall of the LV", "LV", "left ventricle", "right atrium"]
    assert colours_for(said) == [blue, OTHERS[0], orange, green, OTHERS[1], OTHERS[2]]
    assert colours_for(["the bright LV", "an upright LA"]) == [green, blue]
    assert len({*colours_for(["liver"] * 7)}) == len({*colours_for(["LV"] * 7)}) == 7
    css = (Path(content.__file__).parent / "templates" / "report.css").read_text()
    for structure in STRUCTURES:
        colour = "#{:02x}{:02x}{:02x}".format(*structure.colour)
        assert f".{structure.short} {{ stroke: {colour}; background: {colour} }}" in css


def test_a_legend_below_the_picture_says_each_sentence_in_its_colour() -> None:
    image, masks = np.full((64, 64), 100, np.uint8), np.zeros((2, 64, 64), bool)
    masks[0, 10:20, 10:20] = True
    drawn = np.array(draw_overlay(image, masks, None, said=["Left atrium", "x" * 500]))
    assert drawn.shape == (640 + 2 * LINE + 4, 640, 3)
    legend = drawn[640:]
    for line, colour in enumerate(colours_for(["Left atrium", "x"])):
        own = legend[4 + LINE * line : 4 + LINE * (line + 1)]
        assert (own == colour).all(axis=2).any()
        assert (own > 150).all(axis=2).any()
    assert not legend[:, -6:].any()  # a long sentence is cut


def test_a_picture_too_narrow_for_its_legend_becomes_wider() -> None:
    image = np.full((700, 30), 100, np.uint8)
    drawn = np.array(draw_overlay(image, np.zeros((1, 700, 30), bool), None, said=["the left ventricle" * 9]))
    assert drawn.shape == (700 + LINE + 4, NARROWEST, 3)
    assert (drawn[:700, :30] == 100).all()
    assert not drawn[:700, 30:].any()


def test_of_a_long_sentence_whose_mask_is_empty_the_legend_still_says_so() -> None:
    image, mask = np.full((64, 64), 100, np.uint8), np.ones((1, 64, 64), bool)
    full, empty = (np.array(draw_overlay(image, m, None, said=["x" * 500]))[640:] for m in (mask, ~mask))
    assert not empty[:, -6:].any()
    assert (full[:, :400] == empty[:, :400]).all()
    assert (full[:, 520:] != empty[:, 520:]).any()


def test_a_legend_has_letters_for_accents_and_cyrillic() -> None:
    def letter(one: str) -> bytes:
        return np.array(draw_overlay(np.zeros((9, 9), np.uint8), np.ones((1, 9, 9), bool), None, said=[one]))[
            640:
        ].tobytes()

    assert len({letter(one) for one in "aüéжΩ\u0378"}) == 6  # the last is no letter: a box


def test_of_more_sentences_than_lines_only_the_last_line_has_no_square() -> None:
    masks, said = np.ones((14, 9, 9), bool), ["and the liver"] * 14
    legend = np.array(draw_overlay(np.zeros((9, 9), np.uint8), masks, None, said=said))[640:]
    squares = [legend[4 + LINE * n + 8, 10] for n in range(MOST_LINES)]
    assert [bool(square.any()) for square in squares] == [True] * 11 + [False]


def test_what_must_not_be_shown_is_black() -> None:
    image = np.full((4, 4), 100, np.uint8)
    shown = np.zeros((4, 4), bool)
    shown[:, :2] = True
    drawn = np.array(draw_overlay(image, np.zeros((1, 4, 4), bool), None, shown))
    assert drawn.shape == (640, 640, 3)
    assert (drawn[:, :240] == 100).all()
    assert (drawn[:, 400:] == 0).all()


def test_an_animation_has_all_frames_at_their_pace(tmp_path: Path) -> None:
    images = [np.full((700, 350), 40 * n, np.uint8) for n in range(3)]
    frames = [small(draw_overlay(image, np.zeros((0, 700, 350), bool), None, side=320)) for image in images]
    write_animation(tmp_path / "a.gif", frames, 0.05)
    with Image.open(tmp_path / "a.gif") as film:
        assert (film.n_frames, film.size, film.info["duration"]) == (3, (160, 320), 50)


def test_an_outline_is_as_wide_as_the_rim_and_the_images_edge_counts_as_one() -> None:
    mask = np.zeros((11, 11), bool)
    mask[1:10, 1:10] = True
    drawn = np.array(paint(np.zeros((11, 11), np.uint8), [mask], opacity=0, rim=2))
    rim = (drawn == STRUCTURES[0].colour).all(axis=2)
    assert not rim[3:8, 3:8].any()
    assert rim.sum() == 81 - 25
    whole = np.array(paint(np.zeros((5, 5), np.uint8), [np.ones((5, 5), bool)], opacity=0))
    assert (whole == STRUCTURES[0].colour).all(axis=2).sum() == 25 - 9


def _fan() -> np.ndarray:
    row, column = np.mgrid[:200, :200].astype(float)
    inside = (np.abs(column - 100) <= 0.7 * row) & (np.hypot(row, column - 100) <= 180)
    return np.where(inside, 120, 0).astype(np.uint8)


def test_words_beside_the_sector_are_not_shown() -> None:
    image = _fan()
    image[4:12, 3:40] = 255  # where scanners burn the name in
    shown = shown_area(image)
    assert not shown[4:12, 3:40].any()
    assert shown[100, 100]
    assert shown[_fan() > 0].mean() > 0.98


def test_without_a_fan_the_largest_bright_piece_is_shown_without_holes() -> None:
    image = np.zeros((60, 60), np.uint8)
    image[20:50, 20:50] = 90
    image[30:35, 30:35] = 0
    image[2:6, 2:30] = 255
    shown = shown_area(image)
    assert shown[20:50, 20:50].all()
    assert shown.sum() == 900


def test_of_a_black_image_nothing_is_shown() -> None:
    assert not shown_area(np.zeros((9, 9), np.uint8)).any()


def test_a_small_image_is_enlarged_and_a_large_one_shrunk() -> None:
    assert shown_size((256, 256), None) == (640, 640)
    assert shown_size((2048, 1024), None) == (512, 1024)


def test_pixels_are_shown_in_their_true_shape() -> None:
    assert shown_size((100, 100), (0.5, 1.0)) == (640, 320)


def test_a_tint_is_mixed_by_the_opacity_and_its_rim_is_pure() -> None:
    image = np.full((64, 64), 100, np.uint8)
    probability = np.zeros((1, 64, 64), np.float32)
    probability[0, 16:48, 16:48] = 1
    drawn = np.asarray(draw_smooth(image, Prediction(("LV",), probability, 0.5), None, 0.5))
    assert drawn.shape == (640, 640, 3)
    assert drawn[320, 320].tolist() == [50, 129, 108]  # half of 100 and half of 0, 158, 115
    assert drawn[5, 5].tolist() == [100, 100, 100]
    assert (drawn == STRUCTURES[0].colour).all(axis=2).any()


def test_a_higher_threshold_draws_less() -> None:
    image = np.zeros((640, 640), np.uint8)
    probability = np.full((1, 640, 640), 0.6, np.float32)
    assert np.asarray(draw_smooth(image, Prediction(("it",), probability, 0.5), None, 1.0)).any()
    assert not np.asarray(draw_smooth(image, Prediction(("it",), probability, 0.7), None, 1.0)).any()
