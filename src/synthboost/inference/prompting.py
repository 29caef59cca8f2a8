"""The sentences that frames are finally asked with: of those that hold a word from a mask, after a first answer."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.domain import STRUCTURES, Frame, Prompt, Structure
from synthboost.inference.predictor import Predictor, Seen
from synthboost.inference.sentences import EvaluationSentences


def final_prompts(
    predictor: Predictor, seen: Seen, frames: Sequence[Frame], sentences: EvaluationSentences
) -> list[dict[Structure, Prompt]]:
    """Return the sentences of each frame; where they need a prediction, the model is asked for it.

    Args:
        predictor: holds the model.
        seen: the images of `frames`, encoded.
        frames: need no annotation, unless the sentences take their shape word from the truth.
        sentences: which sentence names each structure.
    """
    prompts = [sentences.first(frame) for frame in frames]
    if not sentences.needs_prediction:
        return prompts
    answers = predictor.ask(seen, [texts_of(of_frame) for of_frame in prompts])
    return [
        sentences.second(frame, dict(zip(STRUCTURES, answer.masks, strict=True)))
        for frame, answer in zip(frames, answers, strict=True)
    ]


def texts_of(prompts: dict[Structure, Prompt]) -> tuple[str, ...]:
    """Return the sentences of a frame in the order of `STRUCTURES`."""
    return tuple(prompts[structure].text for structure in STRUCTURES)
