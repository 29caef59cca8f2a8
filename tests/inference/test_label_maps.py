"""One label map from overlapping masks, whichever way they come."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import STRUCTURES, PromptSet, Structure
from synthboost.errors import DataError
from synthboost.inference.predict_dataset import (
    MOST_PROBABLE,
    PAINTED,
    painted,
    predicted_label_maps,
    resolved_by,
    stored_label_maps,
    true_label_maps,
    write_predictions,
)
from synthboost.inference.predictor import resolve, whole_heart
from synthboost.inference.sentences import EvaluationSentences, structure_targets
from synthboost.io.pictures import read_labels_png, write_png
from synthboost.records.masks import label_map_name, read_mask

LV, MYO, LA = Structure
SENTENCES = [target.sentence for target in structure_targets()]


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
    for (_, _, label_map), frame in zip(true_label_maps(frames), frames, strict=True):
        assert np.array_equal(label_map, frame.label_map)


def test_a_prediction_agrees_with_its_own_masks_wherever_they_do_not_overlap(predictor, frames):
    for _, frame, label_map in predicted_label_maps(predictor, frames, EvaluationSentences(PromptSet.P1)):
        masks = predictor.predict(frame.image, SENTENCES).masks
        alone = masks.sum(axis=0) == 1
        assert np.array_equal(label_map > 0, masks.any(axis=0))
        assert np.array_equal(label_map[alone], masks.argmax(axis=0)[alone] + 1)


def test_a_repaired_prediction_is_the_heart_that_its_probabilities_make(predictor, frames):
    sentences = EvaluationSentences(PromptSet.P1)
    for _, frame, label_map in predicted_label_maps(predictor, frames, sentences, one_heart=True):
        probability = predictor.predict(frame.image, SENTENCES).probability
        assert np.array_equal(label_map, whole_heart(probability, predictor.threshold))


@pytest.mark.parametrize("prompt_set", [PromptSet.P1, PromptSet.P7])
def test_a_folder_of_predictions_gives_the_label_maps_of_its_model(predictor, frames, tmp_path, prompt_set):
    sentences = EvaluationSentences(prompt_set)
    write_predictions(predictor, frames, sentences, tmp_path / "masks")
    overlapping = 0
    predicted = predicted_label_maps(predictor, frames, sentences)
    for (_, _, stored), (info, _, found) in zip(stored_label_maps(tmp_path / "masks", frames), predicted, strict=True):
        np.testing.assert_array_equal(stored, found)
        masks = [read_mask(tmp_path / "masks" / f"{info.name}_{s.short}.png") for s in Structure]
        overlapping += int((painted(dict(zip(Structure, masks, strict=True))) != found).sum())
    assert overlapping, "painting would have given the same label maps: this test tests nothing"
    assert resolved_by(tmp_path / "masks") == MOST_PROBABLE


def test_masks_without_label_maps_are_painted(masks, frames):
    for info in frames.infos:
        (masks / label_map_name(info.name)).unlink()
    for info, _, label_map in stored_label_maps(masks, frames):
        of_structure = {s: read_mask(masks / f"{info.name}_{s.short}.png") for s in Structure}
        np.testing.assert_array_equal(label_map, painted(of_structure))
    assert resolved_by(masks) == PAINTED


def test_a_lost_mask_has_its_reason(masks, frames):
    name = frames.infos[0].name
    (masks / f"{name}_MYO.png").unlink()
    (_, _, reason), *others = stored_label_maps(masks, frames)
    assert f"{name}_MYO.png" in reason
    assert all(isinstance(label_map, np.ndarray) for _, _, label_map in others)


def test_a_label_map_of_other_masks_is_refused(masks, frames):
    path = masks / label_map_name(frames.infos[0].name)
    write_png(path, 0 * read_labels_png(path))
    (_, _, reason), *_ = stored_label_maps(masks, frames)
    assert "does not cover what the masks cover" in reason


def test_every_pixel_gets_the_largest_probability_above_the_threshold_or_nothing():
    probability = np.array([[[0.9, 0.6, 0.4, 0.7]], [[0.8, 0.7, 0.3, 0.7]]], dtype=np.float32)
    assert resolve(probability, [3, 1], 0.5).tolist() == [[3, 1, 0, 3]]


def test_the_labels_together_cover_what_the_masks_together_cover():
    probability = np.random.default_rng(0).random((3, 20, 20), dtype=np.float32)
    labels = resolve(probability, [1, 2, 3], 0.8)
    np.testing.assert_array_equal(labels > 0, (probability > np.float32(0.8)).any(axis=0))


def test_the_most_probable_structure_above_the_threshold_wins():
    probability = np.array([[[0.9, 0.6, 0.4, 0.5]], [[0.8, 0.7, 0.3, 0.2]], [[0.1, 0.65, 0.45, 0.1]]], np.float32)
    assert resolve(probability, STRUCTURES, 0.5).tolist() == [[1, 2, 0, 0]]
    assert resolve(probability, STRUCTURES, 0.42).tolist() == [[1, 2, 3, 1]]


def test_each_pixel_belongs_to_its_likeliest_sentence_or_to_none():
    probability = np.array([[[0.9, 0.6, 0.1]], [[0.8, 0.7, 0.2]]], np.float32)
    assert resolve(probability, [1, 3], 0.5).tolist() == [[1, 3, 0]]
