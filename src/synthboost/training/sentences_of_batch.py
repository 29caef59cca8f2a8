"""The sentences of a batch: four for each image, one of each structure, and one that names none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from synthboost.domain import STRUCTURES, FrameInfo, PatientId, Phase, PromptSet, Structure, View
from synthboost.prompts import build_prompt
from synthboost.prompts.templates import PARAPHRASES, SHAPE_WORDS
from synthboost.prompts.wordings import draw_wording

DrawWording: TypeAlias = Callable[[np.random.Generator, Structure | None], str]
PAPER_SHARE = 0.2
"""Of sentences that are the paper's, word for word; the others name the structure in any words."""
SHAPE_SHARE = 0.5
"""Of P7's sentences that name a shape. It is drawn at random: to be understood, and not to be relied on."""
LONGEST = 200
"""Characters; a wording that is longer is drawn again, since all sentences of a batch are padded to the longest."""
NAMING_SETS = tuple(PromptSet(f"P{number}") for number in range(1, 8))
"""P0, the empty sentence, names no structure."""
UNKNOWN = FrameInfo(PatientId("unknown", "unknown", "unknown"), View.FOUR_CHAMBER, Phase.END_DIASTOLE)
"""Stands for a frame of which nothing is known: its sentences are P1's."""


def draw_sentences(
    rng: np.random.Generator, images: int, infos: tuple[FrameInfo, ...], draw: DrawWording = draw_wording
) -> list[str]:
    """Return 4 `images` sentences: of LV, myocardium and LA for the first image, for the second, ..., then none's.

    Args:
        rng: decides everything.
        images: B, of the batch.
        infos: of each image, for the paper's sentences; when empty, these say nothing but the structure (P1).
        draw: gives a sentence that names a structure, or none, in any words.
    """
    named = [
        _paper_sentence(rng, structure, infos[image] if infos else None)
        if rng.random() < PAPER_SHARE
        else _any_words(rng, structure, draw)
        for image in range(images)
        for structure in STRUCTURES
    ]
    return named + [_any_words(rng, None, draw) for _ in range(images)]


def _paper_sentence(rng: np.random.Generator, structure: Structure, info: FrameInfo | None) -> str:
    prompt_set = PromptSet.P1 if info is None else NAMING_SETS[rng.integers(len(NAMING_SETS))]
    shape = str(rng.choice(SHAPE_WORDS)) if rng.random() < SHAPE_SHARE else None
    paraphrase = int(rng.integers(len(PARAPHRASES)))
    return build_prompt(prompt_set, structure, info or UNKNOWN, shape=shape, paraphrase=paraphrase).text


def _any_words(rng: np.random.Generator, structure: Structure | None, draw: DrawWording) -> str:
    while len(sentence := draw(rng, structure)) > LONGEST:
        pass
    return sentence
