"""What speaks against a heart, in images and probabilities drawn by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synthboost.domain import STRUCTURES
from synthboost.evaluation.clinical.plausibility import check_frame
from synthboost.inference.doubts import (
    HOLED,
    IN_WORDS,
    NO_SECTOR,
    UNCLEAR,
    doubts_about,
    mirror_odds,
    orientation_note,
    reasons_against_heart,
    unclarity,
)
from synthboost.inference.predictor import Prediction

SIZE = 96
SURE = 0.97


def _heart(sure: float = SURE) -> np.ndarray:
    """A cavity in a wall that is open below, and an atrium under it; (3, 96, 96)."""
    row, column = np.mgrid[:SIZE, :SIZE]
    radius = np.hypot((row - 40) / 1.5, column - 48)
    cavity = (radius < 14) & (row < 55)
    wall = (radius < 20) & (row < 55) & ~cavity
    atrium = (np.hypot(row - 66, column - 48) < 12) & (row >= 55)
    return np.where(np.stack([cavity, wall, atrium]), sure, 1 - SURE).astype(np.float32)


def _image() -> np.ndarray:
    """The heart in a fan: chambers dark, the wall bright."""
    row, column = np.mgrid[:SIZE, :SIZE]
    fan = (np.abs(column - 48) <= 0.7 * row) & (np.hypot(row, column - 48) <= 90)
    grey = np.select(list(_heart() > 0.5), [30, 160, 30], 80)
    return np.where(fan, grey, 0).astype(np.uint8)


def test_a_heart_is_not_doubted_at_any_size() -> None:
    assert reasons_against_heart(_image(), _heart()) == ()
    larger, sharper = _image().repeat(5, axis=0).repeat(5, axis=1), _heart().repeat(5, axis=1).repeat(5, axis=2)
    assert reasons_against_heart(larger, sharper) == ()


def test_nothing_at_all_lacks_every_structure() -> None:
    black = np.zeros((20, 30), np.uint8)
    assert reasons_against_heart(black, np.zeros((3, 20, 30), np.float32)) == (
        NO_SECTOR, "no left ventricle was found", "no myocardium was found", "no left atrium was found", UNCLEAR,
    )  # fmt: skip


def test_a_picture_without_a_fan_or_with_the_probe_below_has_no_sector() -> None:
    upside_down = np.ascontiguousarray(_image()[::-1])
    for image in (upside_down, np.full((SIZE, SIZE), 90, np.uint8)):
        assert NO_SECTOR in reasons_against_heart(image, _heart())


def test_a_heart_without_an_atrium_says_so() -> None:
    probability = _heart()
    probability[2] = 0
    assert reasons_against_heart(_image(), probability) == ("no left atrium was found",)


def test_an_atrium_away_from_the_ventricle_is_no_heart() -> None:
    probability = _heart()
    probability[2] = np.roll(probability[2], 15, axis=0)
    assert reasons_against_heart(_image(), probability) == ("the left atrium is apart from the left ventricle",)


@pytest.mark.parametrize(
    ("columns", "reasons"), [(13, ()), (14, ("a second piece of the myocardium apart from the first",))]
)
def test_a_second_piece_of_a_structure_is_doubted_if_it_is_no_speck(columns: int, reasons: tuple[str, ...]) -> None:
    probability = _heart()
    wall = np.count_nonzero(probability[1] > 0.5)
    assert 10 * 13 < wall / 5 < 10 * 14
    probability[1, 80:90, 2 : 2 + columns] = SURE
    assert reasons_against_heart(_image(), probability) == reasons


@pytest.mark.parametrize(("columns", "reasons"), [(3, ()), (5, (HOLED,))])
def test_a_hole_in_the_wall_is_doubted_if_it_is_no_speck(columns: int, reasons: tuple[str, ...]) -> None:
    probability = _heart()
    assert 5 * 3 < 0.03 * np.count_nonzero(probability[1] > 0.5) < 5 * 5
    probability[1, 12:17, 46 : 46 + columns] = 0.4  # muscle rather than blood
    assert reasons_against_heart(_image(), probability) == reasons


@pytest.mark.parametrize(
    ("columns", "reasons"), [(4, ()), (8, ("a second piece of the left ventricle apart from the first",))]
)
def test_specks_of_the_ventricle_beside_the_heart_are_doubted(columns: int, reasons: tuple[str, ...]) -> None:
    probability = _heart()
    assert 4 * 4 < 0.02 * np.count_nonzero(probability[0] > 0.5) < 4 * 8
    probability[0, [[40], [41], [50], [51]], 75 : 75 + columns] = SURE
    assert reasons_against_heart(_image(), probability) == reasons


def test_a_wall_beside_the_cavity_is_no_heart() -> None:
    probability = _heart()
    probability[1] = np.roll(probability[1], 40, axis=1)
    assert IN_WORDS["LV open contour"] in reasons_against_heart(_image(), probability)


def test_unclear_is_what_is_undecided_or_torn_by_more_than_the_wall_is_brighter() -> None:
    image, probability = _image(), _heart()
    inside = np.count_nonzero(probability.max(axis=0) > 0.5)
    assert unclarity(image, probability) == pytest.approx(-1, abs=0.1)  # nothing undecided, full contrast
    assert unclarity(np.full_like(image, 90), probability) == pytest.approx(-0.5)  # blood and muscle alike
    assert unclarity(255 - image, probability) == pytest.approx(0, abs=0.1)  # the wall darker than blood
    assert unclarity(np.full_like(image, 90), _heart(sure=0.75)) == pytest.approx(0.5)  # all of it undecided
    probability[0, :10, :30] = SURE
    assert unclarity(np.full_like(image, 90), probability) == pytest.approx(-0.5 + 300 / inside)
    weak = _heart()
    weak[:2] = _heart(sure=0.75)[:2]
    assert reasons_against_heart(image, weak) == ()  # undecided, but the image agrees
    assert reasons_against_heart(np.full_like(image, 90), _heart(sure=0.75)) == (NO_SECTOR, UNCLEAR)


def test_every_check_that_no_heart_fails_has_words_without_the_signs_that_part_them() -> None:
    checks = check_frame((_heart() > 0.5).argmax(axis=0).astype(np.uint8) + 1, None)
    assert {check.name for check in checks if check.rule.severity == "implausible"} <= IN_WORDS.keys()
    assert not any(sign in text for text in (*IN_WORDS.values(), NO_SECTOR, HOLED, UNCLEAR) for sign in ",;")


@pytest.mark.parametrize(
    ("rows", "doubts"), [(3, ()), (9, ("colour was removed: more than 1 % of the sector",)),
                         (30, ("colour was removed: more than 5 % of the sector",))],
)  # fmt: skip
def test_colour_that_was_removed_within_the_sector_is_doubted(rows: int, doubts: tuple[str, ...]) -> None:
    structures, prediction = list(STRUCTURES), Prediction(("a", "b", "c"), _heart(), 0.5)
    coloured = np.zeros((SIZE, SIZE), bool)
    coloured[60 : 60 + rows, 44:54] = True  # of some 5,000 pixels
    coloured[:30, :10] = True  # a mark beside the sector
    assert doubts_about(_image(), prediction, structures, coloured) == doubts
    assert doubts_about(_image(), prediction, structures[:2], coloured) is None


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_structures_are_found_among_the_sentences(order: tuple[int, ...]) -> None:
    probability = np.concatenate([_heart()[list(order)], np.full((1, SIZE, SIZE), 0.5, np.float32)])
    prediction = Prediction(("a", "b", "c", "d"), probability, 0.5)
    structures = [*(STRUCTURES[number] for number in order), None]
    assert doubts_about(_image(), prediction, structures) == ()
    assert doubts_about(_image(), prediction, [None, *structures[1:]]) is None


class ExpectsLeft:
    """A stand-in that finds the heart only where the image's left half is the brighter one."""

    def predict(self, image: np.ndarray, sentences: list[str]) -> Prediction:
        found = image[:, :48].mean() > image[:, 48:].mean() - 1
        return Prediction(tuple(sentences), _heart() if found else np.full_like(_heart(), 0.5), 0.5)


def test_images_in_whose_mirror_images_the_model_is_surer_look_mirrored() -> None:
    left = _image()
    left[:, :48][left[:, :48] > 0] += 20
    right, names = np.ascontiguousarray(left[:, ::-1]), ["ventricle", "wall", "atrium"]
    predictor: Any = ExpectsLeft()
    assert mirror_odds(predictor, left, names) == -mirror_odds(predictor, right, names) < -2
    assert orientation_note(predictor, _named([left] * 8), names) == orientation_note(predictor, {}, names) == ""
    note = orientation_note(predictor, _named([right] * 8), names)
    assert "in these images left and right look exchanged" in note
    assert "--mirrored" in orientation_note(predictor, _named([right]), names)


def _named(images: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"i{number}": image for number, image in enumerate(images)}


def test_of_mixed_orientations_each_is_counted_and_the_exchanged_ones_are_named() -> None:
    left, even, names = _image(), _image(), ["ventricle", "wall", "atrium"]
    no_heart = np.zeros((SIZE, SIZE), np.uint8)
    left[:, :48][left[:, :48] > 0] += 20
    right = np.ascontiguousarray(left[:, ::-1])
    note = orientation_note(ExpectsLeft(), _named([left, right, left, even, right, left, no_heart]), names)  # type: ignore[arg-type]
    assert note.startswith(
        "of 6 images that were tried, left and right look exchanged in 2 (i1, i4), as expected in 3, and 1 is not sure"
    )


class Undecided(ExpectsLeft):
    """As sure either way."""

    def predict(self, image, sentences):
        return Prediction(tuple(sentences), _heart(), 0.5)


def test_a_single_image_that_does_not_tell_its_orientation_says_so() -> None:
    image, names, predictor = _image(), ["ventricle", "wall", "atrium"], Undecided()
    darker = image.copy()
    darker[:, 49:][image[:, 49:] == 160] = 120
    assert "that is not sure" in orientation_note(predictor, {"a": darker}, names)  # type: ignore[arg-type]
    brighter = image.copy()
    brighter[:, 49:][image[:, 49:] == 160] = 211  # by 51 of 255: odds of 2 x 2.6 x 0.2
    assert mirror_odds(predictor, brighter, names) == pytest.approx(1.04, abs=0.1)  # type: ignore[arg-type]
    assert "may be exchanged" in orientation_note(predictor, {"a": brighter}, names)  # type: ignore[arg-type]
    both = orientation_note(predictor, {"a": darker, "b": brighter, "c": darker}, names)  # type: ignore[arg-type]
    assert "look as expected, but that is not sure (not in b: look at it): the right" in both
