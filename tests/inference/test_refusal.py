"""A sentence that names no structure gets an empty mask and a reason, alone and among others."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from refusing import refusing_model

from synthboost.app.controller import Controller, Display, Screen
from synthboost.app.images import OpenedImage, Uploads
from synthboost.app.sentences import NO_WORDS
from synthboost.errors import PromptError
from synthboost.inference.predict_folder import predict_folder
from synthboost.inference.predictor import REFUSED, Predictor
from synthboost.inference.sentences import sentence_targets
from synthboost.prompts import clean_sentence

NAMED = ["left ventricle", "heart muscle", "LA"]
OTHERS = ["liver", "the mitral valve", ""]
IMAGE = np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8)


@pytest.fixture
def predictor() -> Predictor:
    # So low a threshold that a model with random weights draws something.
    return Predictor(refusing_model(OTHERS, NAMED), "cpu", threshold=1e-6)


def test_what_names_no_structure_has_no_probability_and_the_others_are_as_without_it(predictor: Predictor) -> None:
    found = predictor.predict(IMAGE, ["liver", NAMED[0], "", NAMED[2]])
    assert found.refused == ("liver", "")
    assert not found.probability[[0, 2]].any()
    assert not found.masks[[0, 2]].any()
    alone = predictor.predict(IMAGE, [NAMED[0], NAMED[2]])
    assert alone.refused == ()
    assert alone.masks.any(axis=(1, 2)).all()
    np.testing.assert_allclose(found.probability[[1, 3]], alone.probability, atol=1e-6)


def test_each_image_of_a_batch_has_its_own_refusals(predictor: Predictor) -> None:
    one, other = predictor.predict_batch([IMAGE, IMAGE], [["liver", NAMED[1]], [NAMED[1]]])
    assert (one.refused, other.refused) == (("liver",), ())
    assert predictor.refused([*NAMED, *OTHERS]) == tuple(OTHERS)


def test_no_pixel_of_a_label_map_is_of_a_refused_sentence(predictor: Predictor) -> None:
    label_map = predictor.predict(IMAGE, ["liver", NAMED[0]]).label_map([7, 8])
    assert set(np.unique(label_map)) == {0, 8} or (label_map == 8).all()


def test_the_rows_of_a_folder_say_why_a_mask_is_empty(predictor: Predictor, tmp_path: Path) -> None:
    path, out = tmp_path / "echo.png", tmp_path / "out"
    Image.fromarray(IMAGE).save(path)
    targets = sentence_targets(["liver", NAMED[0]])
    for _ in range(2):  # made, and found
        (outcome,) = predict_folder(predictor, "tiny", "w", path, [path], out, targets)
        assert outcome.reason == ""
        with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
            liver, ventricle = csv.DictReader(file)
        assert (liver["pixels"], liver["reason"]) == ("0", REFUSED)
        assert int(ventricle["pixels"]) > 0
        assert ventricle["reason"] == ""


def test_the_page_names_the_refused_sentences(predictor: Predictor) -> None:
    with Uploads() as uploads:
        controller = Controller(predictor, uploads)
        lines = f"liver\n{NO_WORDS}\nLA"
        screen = controller.open("visitor", OpenedImage("echo.png", (IMAGE,), None), lines, Display())
        again = controller.predict("visitor", "LA", Display())
    assert isinstance(screen, Screen)
    assert isinstance(again, Screen)
    assert f"No mask: {REFUSED}: liver; {NO_WORDS}." in screen.message
    assert "No mask" not in again.message


def test_an_empty_sentence_that_a_person_typed_stays_an_error() -> None:
    with pytest.raises(PromptError, match="at least one visible character"):
        clean_sentence(" ")
