"""One label map from overlapping masks, whichever way they come."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import PromptSet, Structure
from synthboost.errors import DataError
from synthboost.inference.dataset_label_maps import (
    MOST_PROBABLE,
    PAINTED,
    predicted_label_maps,
    resolved_by,
    stored_label_maps,
    true_label_maps,
)
from synthboost.inference.label_map import painted, whole_heart
from synthboost.inference.predict_dataset import write_predictions
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
    for found, frame in zip(true_label_maps(frames), frames, strict=True):
        assert np.array_equal(found.label_map, frame.label_map)


def test_a_prediction_agrees_with_its_own_masks_wherever_they_do_not_overlap(predictor, frames):
    for found in predicted_label_maps(predictor, frames, EvaluationSentences(PromptSet.P1)):
        masks = predictor.predict(found.frame.image, SENTENCES).masks
        alone = masks.sum(axis=0) == 1
        assert np.array_equal(found.label_map > 0, masks.any(axis=0))
        assert np.array_equal(found.label_map[alone], masks.argmax(axis=0)[alone] + 1)


def test_a_repaired_prediction_is_the_heart_that_its_probabilities_make(predictor, frames):
    sentences = EvaluationSentences(PromptSet.P1)
    for found in predicted_label_maps(predictor, frames, sentences, one_heart=True):
        probability = predictor.predict(found.frame.image, SENTENCES).probability
        assert np.array_equal(found.label_map, whole_heart(probability, predictor.threshold))


@pytest.mark.parametrize("prompt_set", [PromptSet.P1, PromptSet.P7])
def test_a_folder_of_predictions_gives_the_label_maps_of_its_model(predictor, frames, tmp_path, prompt_set):
    sentences = EvaluationSentences(prompt_set)
    write_predictions(predictor, frames, sentences, tmp_path / "masks")
    overlapping = 0
    predicted = predicted_label_maps(predictor, frames, sentences)
    for stored, found in zip(stored_label_maps(tmp_path / "masks", frames), predicted, strict=True):
        np.testing.assert_array_equal(stored.label_map, found.label_map)
        masks = [read_mask(tmp_path / "masks" / f"{found.info.name}_{s.short}.png") for s in Structure]
        overlapping += int((painted(dict(zip(Structure, masks, strict=True))) != found.label_map).sum())
    assert overlapping, "painting would have given the same label maps: this test tests nothing"
    assert resolved_by(tmp_path / "masks") == MOST_PROBABLE


def test_masks_without_label_maps_are_painted(masks, frames):
    for info in frames.infos:
        (masks / label_map_name(info.name)).unlink()
    for found in stored_label_maps(masks, frames):
        of_structure = {s: read_mask(masks / f"{found.info.name}_{s.short}.png") for s in Structure}
        np.testing.assert_array_equal(found.label_map, painted(of_structure))
    assert resolved_by(masks) == PAINTED


def test_a_lost_mask_has_its_reason(masks, frames):
    name = frames.infos[0].name
    (masks / f"{name}_MYO.png").unlink()
    first, *others = stored_label_maps(masks, frames)
    assert first.label_map is None
    assert f"{name}_MYO.png" in first.reason
    assert all(other.label_map is not None for other in others)


def test_a_label_map_of_other_masks_is_refused(masks, frames):
    path = masks / label_map_name(frames.infos[0].name)
    write_png(path, 0 * read_labels_png(path))
    first, *_ = stored_label_maps(masks, frames)
    assert first.label_map is None
    assert "does not cover what the masks cover" in first.reason
