from __future__ import annotations

from synthboost.data.frame_set import FrameSet
from synthboost.domain import STRUCTURES, PromptSet
from synthboost.inference.predictor import Predictor
from synthboost.inference.prompting import final_prompts, texts_of
from synthboost.inference.sentences import EvaluationSentences


def test_sentences_without_a_word_from_a_mask_ask_the_model_nothing(predictor: Predictor, frames: FrameSet) -> None:
    batch = [frames[0], frames[1]]
    seen = predictor.look_at([frame.image for frame in batch])
    predictor.ask = None  # type: ignore[assignment, method-assign]
    sentences = EvaluationSentences(PromptSet.P2)
    assert final_prompts(predictor, seen, batch, sentences) == [sentences.first(frame) for frame in batch]


def test_a_shape_word_comes_from_the_mask_that_the_first_sentences_draw(predictor: Predictor, frames: FrameSet) -> None:
    batch = [frames[0], frames[1]]
    seen = predictor.look_at([frame.image for frame in batch])
    sentences = EvaluationSentences(PromptSet.P7)
    first = [sentences.first(frame) for frame in batch]
    answers = predictor.ask(seen, [texts_of(prompts) for prompts in first])
    wanted = [
        sentences.second(frame, dict(zip(STRUCTURES, answer.masks, strict=True)))
        for frame, answer in zip(batch, answers, strict=True)
    ]
    assert final_prompts(predictor, seen, batch, sentences) == wanted


def test_texts_stand_in_the_order_of_the_structures(frames: FrameSet) -> None:
    prompts = EvaluationSentences(PromptSet.P1).first(frames[0])
    backwards = dict(reversed(prompts.items()))
    assert texts_of(backwards) == tuple(prompts[structure].text for structure in STRUCTURES)
