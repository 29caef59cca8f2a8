"""One label map from overlapping answers, whichever way they come."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import PromptSet, Structure
from synthboost.errors import DataError
from synthboost.inference.label_maps import painted, predicted_maps, stored_maps, true_maps
from synthboost.inference.outputs.label_map import whole_heart
from synthboost.inference.sentences import EvaluationSentences

LV, MYO, LA = Structure


def test_the_ventricle_lies_over_its_wall_and_the_wall_over_the_atrium():
    masks = {
        LV: np.array([[1, 0, 0, 0]], bool),
        MYO: np.array([[1, 1, 0, 0]], bool),
        LA: np.array([[1, 1, 1, 0]], bool),
    }
    assert painted(masks).tolist() == [[1, 2, 3, 0]]


def test_masks_of_two_sizes_are_refused():
    with pytest.raises(DataError, match="one shape"):
        painted({LV: np.zeros((2, 2), bool), LA: np.zeros((2, 3), bool)})


def test_true_maps_are_the_annotation(frames):
    for found, frame in zip(true_maps(frames), frames, strict=True):
        assert np.array_equal(found.label_map, frame.label_map)


def test_a_prediction_agrees_with_its_own_masks_wherever_they_do_not_overlap(predictor, frames):
    for found in predicted_maps(predictor, frames, EvaluationSentences(PromptSet.P1)):
        masks = predictor.predict(found.frame.image, found.sentences).masks
        alone = masks.sum(axis=0) == 1
        assert np.array_equal(found.label_map > 0, masks.any(axis=0))
        assert np.array_equal(found.label_map[alone], masks.argmax(axis=0)[alone] + 1)


def test_a_mended_prediction_is_the_heart_that_its_probabilities_make(predictor, frames):
    sentences = EvaluationSentences(PromptSet.P1)
    for found in predicted_maps(predictor, frames, sentences, mend=True):
        probability = predictor.predict(found.frame.image, found.sentences).probability
        assert np.array_equal(found.label_map, whole_heart(probability, predictor.threshold))


def test_the_shape_word_of_p7_is_asked_for_first(predictor, frames):
    found = next(predicted_maps(predictor, frames, EvaluationSentences(PromptSet.P7)))
    assert all("quality" in sentence for sentence in found.sentences)
    assert any(" shape" in sentence for sentence in found.sentences)


def test_stored_masks_are_painted_and_a_lost_one_has_its_reason(masks, frames):
    name = frames.infos[0].name
    (masks / f"{name}_MYO.png").unlink()
    first, *others = stored_maps(masks, frames)
    assert first.label_map is None
    assert f"{name}_MYO.png" in first.reason
    assert all(other.label_map is not None and len(other.sentences) == 3 for other in others)
