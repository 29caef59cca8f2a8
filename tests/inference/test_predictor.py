from __future__ import annotations

import numpy as np
import pytest

from synthboost.data.sector import Sector
from synthboost.errors import ConfigError, DataError, PromptError
from synthboost.inference.predictor import Predictor
from synthboost.models.clipseg.model import ClipSeg

SENTENCES = ["Left ventricular cavity of the heart.", "Myocardium of the heart."]


def _image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (7, 200), (64, 48), (333, 401)])
def test_masks_come_at_the_images_own_size(predictor: Predictor, size: tuple[int, int]) -> None:
    prediction = predictor.predict(_image(*size), SENTENCES)
    assert prediction.probability.shape == prediction.masks.shape == (2, *size)
    assert prediction.masks.dtype == np.bool_
    assert 0 <= prediction.probability.min() <= prediction.probability.max() <= 1


def test_images_of_several_sizes_and_sentences_in_one_batch_equal_each_alone(predictor: Predictor) -> None:
    images = [_image(40, 50, 1), _image(64, 30, 2), _image(90, 91, 3)]
    asked = [SENTENCES, SENTENCES[:1], SENTENCES[::-1]]
    together = predictor.predict_batch(images, asked)
    for image, sentences, found in zip(images, asked, together, strict=True):
        alone = predictor.predict(image, sentences)
        assert found.sentences == tuple(sentences)
        np.testing.assert_allclose(found.probability, alone.probability, atol=1e-5)


def test_each_image_and_each_distinct_sentence_is_encoded_once(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = []
    images, text = predictor.model.encode_image, predictor.model.encode_text
    monkeypatch.setattr(predictor.model, "encode_image", lambda x: encoded.append(("images", len(x))) or images(x))
    monkeypatch.setattr(predictor.model, "encode_text", lambda x: encoded.append(("sentences", len(x))) or text(x))
    predictor.predict_batch([_image(8, 8), _image(9, 9)], [SENTENCES, SENTENCES])
    assert sorted(encoded) == [("images", 2), ("sentences", 2)]


def test_words_and_bars_beside_the_sector_change_nothing(predictor: Predictor) -> None:
    fan = Sector(apex=(4.0, 88.0), slopes=(-0.55, 0.6), radii=(180.0, 150.0)).mask((200, 180))
    plain = np.where(fan, _image(200, 180) // 2 + 60, 0).astype(np.uint8)
    screen = plain.copy()
    screen[5:11, 5:30] = screen[60:140, 2:12] = 255
    found = [predictor.predict(image, SENTENCES).probability for image in (plain, screen)]
    assert np.array_equal(*found)


def _decoded(predictor: Predictor, monkeypatch: pytest.MonkeyPatch, at_once: int) -> tuple[list, list[tuple[int, int]]]:
    lots: list[tuple[int, int]] = []
    decode = predictor.model.decode

    def seen(features, text, image_index):
        lots.append((len(features[0]), len(image_index)))
        return decode(features, text, image_index)

    monkeypatch.setattr(type(predictor.model), "cpu_pairs", at_once)
    monkeypatch.setattr(predictor.model, "decode", seen)
    images = [_image(40, 50, 1), _image(64, 30, 2), _image(90, 91, 3)]
    answers = predictor.predict_batch(images, [SENTENCES, SENTENCES[:1], SENTENCES[::-1]])
    monkeypatch.undo()
    return answers, lots


@pytest.mark.parametrize(
    ("at_once", "expected"),
    [
        (1, [(1, 1)] * 5),
        (2, [(1, 2), (2, 2), (1, 1)]),  # the second lot is about the second image and the third
        (48, [(3, 5)]),
    ],
)
def test_a_lot_of_pairs_gets_only_its_own_images_and_no_answer_changes(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, at_once: int, expected: list[tuple[int, int]]
) -> None:
    whole, _ = _decoded(predictor, monkeypatch, 48)
    parts, lots = _decoded(predictor, monkeypatch, at_once)
    assert lots == expected  # (images, pairs) of each lot
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one.probability, other.probability, atol=1e-6)
        np.testing.assert_array_equal(one.masks, other.masks)


def test_the_threshold_decides_what_is_inside(tiny_model: ClipSeg) -> None:
    low, high = (Predictor(tiny_model, "cpu", t).predict(_image(32, 32), SENTENCES) for t in (0.1, 0.9))
    np.testing.assert_array_equal(low.probability, high.probability)
    np.testing.assert_array_equal(low.masks, low.probability > 0.1)
    assert low.masks.sum() > high.masks.sum()


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0, float("nan")])
def test_a_threshold_that_decides_nothing_is_refused(tiny_model: ClipSeg, threshold: float) -> None:
    with pytest.raises(ConfigError, match="threshold"):
        Predictor(tiny_model, "cpu", threshold)


def test_a_device_that_is_not_there_is_refused(tiny_model: ClipSeg) -> None:
    with pytest.raises(ConfigError, match="warp drive"):
        Predictor(tiny_model, "warp drive")


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8)]
)
def test_what_is_not_a_grey_image_is_refused(predictor: Predictor, image: np.ndarray) -> None:
    with pytest.raises(DataError, match="uint8 of shape"):
        predictor.predict(image, SENTENCES)


@pytest.mark.parametrize("sentences", ["Myocardium of the heart.", "", [], ()])
def test_a_bare_string_or_no_sentence_is_refused(predictor: Predictor, sentences: object) -> None:
    with pytest.raises(PromptError, match="expected a list of one or more sentences"):
        predictor.predict(_image(8, 8), sentences)  # type: ignore[arg-type]
    with pytest.raises(PromptError, match="expected a list of one or more sentences"):
        predictor.predict_batch([_image(8, 8), _image(8, 8)], [SENTENCES, sentences])  # type: ignore[list-item]


def test_the_empty_sentence_of_p0_is_a_sentence(predictor: Predictor) -> None:
    alone = predictor.predict(_image(8, 8), [""])
    beside = predictor.predict(_image(8, 8), ["", *SENTENCES])
    np.testing.assert_allclose(alone.probability[0], beside.probability[0], atol=1e-5)


def test_a_sentence_that_is_too_long_is_refused_not_cut(predictor: Predictor) -> None:
    with pytest.raises(PromptError, match="at most"):
        predictor.predict(_image(8, 8), ["heart " * 200])


def test_mirrored_images_are_predicted_in_their_mirror_images(predictor: Predictor, tiny_model: ClipSeg) -> None:
    image = np.random.default_rng(0).integers(0, 255, (20, 30), dtype=np.uint8)
    found = Predictor(tiny_model, "cpu", mirrored=True).predict(image, ["Myocardium of the heart."]).probability
    other = predictor.predict(np.ascontiguousarray(image[:, ::-1]), ["Myocardium of the heart."]).probability
    np.testing.assert_array_equal(found, other[..., ::-1])
