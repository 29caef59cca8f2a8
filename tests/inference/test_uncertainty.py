"""Sentences and flips: a stand-in for a model shows which sentences it gets and that flips are undone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from synthboost.domain import PromptSet, Structure
from synthboost.errors import ConfigError, DataError
from synthboost.inference.predictor import Prediction
from synthboost.inference.uncertainty import uncertainty_of_frame, uncertainty_of_sentences, varied_sentences

BRIGHT = np.tile(np.arange(0, 240, 40, dtype=np.uint8), (4, 1))  # six columns, brighter to the right


@dataclass
class StandIn:
    """Predicts what is brighter than 100, or, of the `heart` and if `moody`, what is brighter than 60."""

    moody: bool = False
    blind: bool = False
    """Predicts the left half, whatever the image: a mirror image then contradicts it."""
    sentences: list[str] = field(default_factory=list)

    def encode_images(self, images):
        return images

    def predict_encoded(self, images, sentences):
        return [self.predict(image, own) for image, own in zip(images, sentences, strict=True)]

    def predict(self, image, sentences):
        self.sentences += sentences
        left = np.arange(image.shape[1]) < image.shape[1] // 2
        masks = [
            np.broadcast_to(left, image.shape) if self.blind else image > (60 if self.moody and "heart" in s else 100)
            for s in sentences
        ]
        return Prediction(tuple(sentences), np.stack(masks).astype(np.float32), 0.5)


def one_thing(model, image, sentences, flip=True):
    return uncertainty_of_sentences(model, image, {"it": sentences}, flip)["it"]


def test_a_model_that_follows_the_image_agrees_with_itself():
    agreement = one_thing(StandIn(), BRIGHT, ["Myocardium.", "The heart's muscle."])
    assert (agreement.masks, agreement.mean_dice) == (4, 1)
    assert np.array_equal(agreement.consensus, BRIGHT > 100)


def test_a_flip_shows_a_model_that_does_not_look():
    agreement = one_thing(StandIn(blind=True), BRIGHT, ["Myocardium."])
    assert (agreement.masks, agreement.mean_dice) == (2, 0)


def test_another_wording_shows_a_model_that_depends_on_words():
    agreement = one_thing(StandIn(moody=True), BRIGHT, ["Of the heart.", "Elsewhere."], flip=False)
    # Brighter than 60: 4 columns, than 100: 3 columns; Dice 6/7.
    assert agreement.mean_dice == pytest.approx(6 / 7)
    assert agreement.disagreement[0].tolist() == [0, 0, 1, 0, 0, 0]


def test_a_sentence_said_twice_counts_once():
    model = StandIn()
    one_thing(model, BRIGHT, ["Myocardium.", "Myocardium."])
    assert model.sentences == ["Myocardium.", "Myocardium."]  # once for the image, once for its mirror image


def test_one_sentence_without_a_flip_cannot_disagree():
    with pytest.raises(DataError, match="two or more"):
        one_thing(StandIn(), BRIGHT, ["Myocardium."], flip=False)


def test_a_frame_is_predicted_in_all_sets_and_both_paraphrases(frames):
    model = StandIn()
    found = uncertainty_of_frame(model, frames[0])
    assert set(found) == set(Structure)
    agreement = found[Structure.MYOCARDIUM]
    # Seven sets, two paraphrases, image and mirror image.
    assert (agreement.masks, agreement.mean_dice) == (28, 1)
    sentences = varied_sentences(model, [frames[0].image], frames[0])[Structure.MYOCARDIUM]
    assert len(sentences) == 14
    assert sum("shape" in sentence for sentence in sentences) == 2


def test_fewer_sets_give_fewer_masks(frames):
    found = uncertainty_of_frame(StandIn(), frames[0], (PromptSet.P1,), flip=False)
    assert {agreement.masks for agreement in found.values()} == {2}


def test_a_real_predictor_works_too(predictor, frames):
    found = uncertainty_of_frame(predictor, frames[0], (PromptSet.P1, PromptSet.P2))
    for agreement in found.values():
        assert agreement.masks == 8
        assert 0 <= agreement.lowest_dice <= agreement.mean_dice <= 1


@pytest.mark.parametrize("sets", [(), (PromptSet.P0,)])
def test_sets_that_name_nothing_are_refused(frames, sets):
    with pytest.raises(ConfigError, match="some of P1 to P7"):
        uncertainty_of_frame(StandIn(), frames[0], sets)
