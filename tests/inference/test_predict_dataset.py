"""A data set is looked at once per image, however often it is asked about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthboost.data.frame_set import FrameSet
from synthboost.domain import PromptSet
from synthboost.inference.predict_dataset import predict_frames
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import EvaluationSentences
from synthboost.records.masks import read_index, read_mask


def test_an_image_is_encoded_once_for_the_first_guess_the_answer_and_the_probe(
    predictor: Predictor, frames: FrameSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    original = predictor.model.encode_image
    monkeypatch.setattr(predictor.model, "encode_image", lambda x: encoded.append(len(x)) or original(x))
    sentences = EvaluationSentences(PromptSet.P7)
    assert sentences.needs_prediction
    predict_frames(predictor, frames, sentences, tmp_path / "masks", batch_images=3, probe_swapped=True)
    assert encoded == [3, 1]


@pytest.mark.parametrize("prompt_set", [PromptSet.P1, PromptSet.P7])
def test_every_mask_is_what_its_own_sentence_draws(
    predictor: Predictor, frames: FrameSet, tmp_path: Path, prompt_set: PromptSet
) -> None:
    folder = tmp_path / "masks"
    predict_frames(predictor, frames, EvaluationSentences(prompt_set), folder, probe_swapped=True)
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
