"""Take sentences apart: a model's masks for every subset of P7's clauses, and for sentences that are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from synthboost.data.source import FrameSet
from synthboost.domain import STRUCTURES, Frame, PromptSet, Structure
from synthboost.inference.predict_dataset import load_frame
from synthboost.inference.predictor import Predictor
from synthboost.inference.sentences import EvaluationSentences, texts_of
from synthboost.progress import track
from synthboost.prompts import PROMPT_SETS, Attribute, build_prompt, shape_word
from synthboost.prompts.counterfactuals import Counterfactual, counterfactuals
from synthboost.records.clauses import SUBSET, ClauseRow

CLAUSES = tuple(attribute for attribute in Attribute if attribute in PROMPT_SETS[PromptSet.P7])
SHAPELESS = EvaluationSentences(PromptSet.P6)
"""For a first mask, of which the shape word of the others is."""
Asked = list[tuple[str, str, Counterfactual]]
"""Probe, clauses that are said, and the sentence."""


def probe_clauses(predictor: Predictor, frames: FrameSet) -> Iterator[ClauseRow]:
    """Predict each structure of each frame for all subsets of the clauses, then for `counterfactuals`.

    The shape word is that of the model's own mask for P6. Unreadable frames are left out; `rows.csv` lists them.

    Args:
        predictor: holds a model that was trained on P7-ANY, which knows all of these sentences but the wrong ones.
        frames: annotated.
    """
    for position in track(range(len(frames)), f"clauses of {frames.name}", len(frames), "frame"):
        frame = load_frame(frames, position)
        if isinstance(frame, Frame):
            yield from _rows(predictor, frame)


def _rows(predictor: Predictor, frame: Frame) -> Iterator[ClauseRow]:
    images = predictor.encode_images([frame.image])
    first = predictor.predict_encoded(images, [texts_of(SHAPELESS.first(frame))])[0].masks
    words = [shape_word(mask, frame.spacing_mm) if mask.any() else None for mask in first]
    known = frame.info.structures
    asked = {s: _asked(frame, s, word) for s, word in zip(STRUCTURES, words, strict=True) if s in known}
    texts = list(dict.fromkeys(text for own in asked.values() for _, _, c in own for text in (c.text, c.like)))
    size = predictor.model.output_size
    drawn = predictor.predict_encoded(replace(images, sizes=((size, size),)), [texts])[0].masks
    truth = {s: predictor.model.preprocess_mask(frame.mask(s)).numpy() > 0.5 for s in STRUCTURES}
    against = overlaps(drawn, np.stack([*truth.values(), *drawn]))
    place = {text: number for number, text in enumerate(texts)}
    for structure, own in asked.items():
        for probe, said, one in own:
            line = against[place[one.text]]
            yield ClauseRow(
                patient=str(frame.info.patient),
                frame=frame.info.name,
                structure=structure.short,
                probe=probe,
                said=said,
                sentence=one.text,
                named="" if one.named is None else one.named.short,
                dice=float(line[STRUCTURES.index(structure)]),
                dice_named=None if one.named not in known else float(line[STRUCTURES.index(one.named)]),
                unmoved=float(line[len(STRUCTURES) + place[one.like]]),
            )


def _asked(frame: Frame, structure: Structure, word: str | None) -> Asked:
    true, info = frame.mask(structure), frame.info
    subsets = chain.from_iterable(combinations(CLAUSES, count) for count in range(len(CLAUSES) + 1))
    right = build_prompt(PromptSet.P7, structure, info, shape=word).text
    asked: Asked = []
    for said in subsets:
        without = frozenset(CLAUSES).difference(said)
        text = build_prompt(PromptSet.P7, structure, info, shape=word, without=without).text
        named = structure if Attribute.STRUCTURE in said else None
        asked.append((SUBSET, " ".join(said), Counterfactual(text, named, right)))
    true_word = shape_word(true, frame.spacing_mm) if true.any() else None
    return asked + [(probe, "", one) for probe, one in counterfactuals(structure, info, word, true_word).items()]


def overlaps(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Dice (N, M) in 0-1 of each of N masks (N, H, W) with each of M; two empty masks score 1."""
    one, other = (masks.reshape(len(masks), -1).astype(np.float32) for masks in (first, second))
    common, sizes = (one @ other.T).astype(np.float64), (one.sum(1)[:, None] + other.sum(1)).astype(np.float64)
    return np.where(sizes > 0, 2 * common / np.maximum(sizes, 1), 1.0)
