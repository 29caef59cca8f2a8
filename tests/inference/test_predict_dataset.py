"""A data set is encoded once per image; its sentences, its masks and its label maps on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthboost.data.source import FrameSet
from synthboost.domain import STRUCTURES, PromptSet
from synthboost.inference.predict_dataset import PredictedFrame, final_prompts, predict_frames, write_predictions
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import EvaluationSentences, texts_of
from synthboost.records.masks import read_index, read_mask


def test_an_image_is_encoded_once_for_the_first_masks_the_final_ones_and_the_probe(
    predictor: Predictor, frames: FrameSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    original = predictor.model.encode_image
    monkeypatch.setattr(predictor.model, "encode_image", lambda x: encoded.append(len(x)) or original(x))
    sentences = EvaluationSentences(PromptSet.P7)
    assert sentences.needs_prediction
    write_predictions(predictor, frames, sentences, tmp_path / "masks", batch_images=3, probe_swapped=True)
    assert encoded == [3, 1]


@pytest.mark.parametrize("prompt_set", [PromptSet.P1, PromptSet.P7])
def test_every_mask_is_what_its_own_sentence_gives(
    predictor: Predictor, frames: FrameSet, tmp_path: Path, prompt_set: PromptSet
) -> None:
    folder = tmp_path / "masks"
    write_predictions(predictor, frames, EvaluationSentences(prompt_set), folder, probe_swapped=True)
    image = {frame.info.name: frame.image for frame in frames}
    index = read_index(folder)
    assert len(index) == 4 * 3 * 2
    sentence = {(entry.frame, entry.probe, entry.structure): entry.sentence for entry in index}
    for entry in index:
        [expected] = predictor.predict(image[entry.frame], [entry.sentence]).masks
        np.testing.assert_array_equal(read_mask(folder / entry.file), expected)
        following = {"LV": "MYO", "MYO": "LA", "LA": "LV"}[entry.structure]
        if entry.probe:
            assert entry.sentence == sentence[entry.frame, "", following]


def test_sentences_without_a_word_from_a_mask_cost_no_prediction(predictor: Predictor, frames: FrameSet) -> None:
    batch = [frames[0], frames[1]]
    images = predictor.encode_images([frame.image for frame in batch])
    predictor.predict_encoded = None  # type: ignore[assignment, method-assign]
    sentences = EvaluationSentences(PromptSet.P2)
    assert final_prompts(predictor, images, batch, sentences) == [sentences.first(frame) for frame in batch]


def test_a_shape_word_comes_from_the_mask_that_the_first_sentences_give(predictor: Predictor, frames: FrameSet) -> None:
    batch = [frames[0], frames[1]]
    images = predictor.encode_images([frame.image for frame in batch])
    sentences = EvaluationSentences(PromptSet.P7)
    first = [sentences.first(frame) for frame in batch]
    predictions = predictor.predict_encoded(images, [texts_of(prompts) for prompts in first])
    wanted = [
        sentences.second(frame, dict(zip(STRUCTURES, prediction.masks, strict=True)))
        for frame, prediction in zip(batch, predictions, strict=True)
    ]
    assert final_prompts(predictor, images, batch, sentences) == wanted


def test_the_sentences_of_p7_end_with_the_shape_and_without_a_mask_without_it(
    predictor: Predictor, frames: FrameSet
) -> None:
    _, found = next(predict_frames(predictor, frames, EvaluationSentences(PromptSet.P7)))
    assert isinstance(found, PredictedFrame)
    assert found.prediction.sentences == texts_of(found.prompts)
    assert all("quality" in sentence for sentence in found.prediction.sentences)
    assert any(" shape" in sentence for sentence in found.prediction.sentences)
