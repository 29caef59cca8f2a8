"""Sentences and flips: a stand-in for a model shows which questions are asked and that flips are undone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from synthboost.domain import PromptSet, Structure
from synthboost.errors import ConfigError, DataError
from synthboost.inference.predictor import Prediction
from synthboost.inference.uncertainty import Variations, uncertainty_of_frame, uncertainty_of_sentences

BRIGHT = np.tile(np.arange(0, 240, 40, dtype=np.uint8), (4, 1))  # six columns, brighter to the right


@dataclass
class StandIn:
    """Draws what is brighter than 100, or, if asked about the `heart` and `moody`, what is brighter than 60."""

    moody: bool = False
    blind: bool = False
    """Draws the left half, whatever the image: a mirror image then contradicts it."""
    asked: list[str] = field(default_factory=list)

    def look_at(self, images):
        return images

    def ask(self, seen, sentences):
        return [self.predict(image, own) for image, own in zip(seen, sentences, strict=True)]

    def predict(self, image, sentences):
        self.asked += sentences
        left = np.arange(image.shape[1]) < image.shape[1] // 2
        masks = [
            np.broadcast_to(left, image.shape) if self.blind else image > (60 if self.moody and "heart" in s else 100)
            for s in sentences
        ]
        return Prediction(tuple(sentences), np.stack(masks).astype(np.float32), 0.5)


def test_a_model_that_follows_the_image_agrees_with_itself():
    case = uncertainty_of_sentences(StandIn(), BRIGHT, ["Myocardium.", "The heart's muscle."])
    assert (case.agreement.masks, case.agreement.mean_dice) == (4, 1)
    assert np.array_equal(case.agreement.consensus, BRIGHT > 100)


def test_a_flip_shows_a_model_that_does_not_look():
    case = uncertainty_of_sentences(StandIn(blind=True), BRIGHT, ["Myocardium."])
    assert (case.agreement.masks, case.agreement.mean_dice) == (2, 0)


def test_another_wording_shows_a_model_that_depends_on_words():
    case = uncertainty_of_sentences(StandIn(moody=True), BRIGHT, ["Of the heart.", "Elsewhere."], flip=False)
    # Brighter than 60: 4 columns, than 100: 3 columns; Dice 6/7.
    assert case.agreement.mean_dice == pytest.approx(6 / 7)
    assert case.agreement.disagreement[0].tolist() == [0, 0, 1, 0, 0, 0]


def test_a_sentence_said_twice_is_asked_once():
    model = StandIn()
    uncertainty_of_sentences(model, BRIGHT, ["Myocardium.", "Myocardium."])
    assert model.asked == ["Myocardium.", "Myocardium."]  # once for the image, once for its mirror image


def test_one_sentence_without_a_flip_cannot_disagree():
    with pytest.raises(DataError, match="two or more"):
        uncertainty_of_sentences(StandIn(), BRIGHT, ["Myocardium."], flip=False)


def test_a_frame_is_asked_in_all_sets_and_both_paraphrases(frames):
    model = StandIn()
    found = uncertainty_of_frame(model, frames[0])
    assert set(found) == set(Structure)
    case = found[Structure.MYOCARDIUM]
    # Seven sets, two paraphrases, image and mirror image.
    assert (len(case.sentences), case.agreement.masks, case.agreement.mean_dice) == (14, 28, 1)
    assert sum("shape" in sentence for sentence in case.sentences) == 2


def test_fewer_sets_ask_less(frames):
    found = uncertainty_of_frame(StandIn(), frames[0], Variations((PromptSet.P1,), flip=False))
    assert {case.agreement.masks for case in found.values()} == {2}


def test_a_real_predictor_answers_too(predictor, frames):
    found = uncertainty_of_frame(predictor, frames[0], Variations((PromptSet.P1, PromptSet.P2)))
    for case in found.values():
        assert case.agreement.masks == 8
        assert 0 <= case.agreement.lowest_dice <= case.agreement.mean_dice <= 1


@pytest.mark.parametrize("sets", [(), (PromptSet.P0,)])
def test_sets_that_name_nothing_are_refused(sets):
    with pytest.raises(ConfigError, match="some of P1 to P7"):
        Variations(sets)
