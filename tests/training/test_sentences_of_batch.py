"""A batch has three sentences for each image, one of each structure, and as many that name none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthboost.domain import Attributes, Phase, Quality, Sex, Structure, View
from synthboost.prompts.templates import SHAPE_WORDS, STRUCTURE_NAMES
from synthboost.training import sentences_of_batch
from synthboost.training.sentences_of_batch import LONGEST, UNKNOWN, draw_sentences

INFO = replace(
    UNKNOWN, view=View.TWO_CHAMBER, phase=Phase.END_SYSTOLE, attributes=Attributes(Sex.FEMALE, 60, Quality.POOR)
)


def word(rng: np.random.Generator, structure: Structure | None) -> str:
    return f"{'none' if structure is None else structure.short} {rng.integers(1000)}"


def draw(seed: int, images: int = 50, known: bool = True) -> list[str]:
    return draw_sentences(np.random.default_rng(seed), images, (INFO,) * images if known else (), word)


def test_structures_come_in_order_image_by_image_and_then_those_that_name_none() -> None:
    sentences = draw(0)
    assert len(sentences) == 200
    for number, sentence in enumerate(sentences[:150]):
        structure = Structure(1 + number % 3)
        assert sentence.startswith((STRUCTURE_NAMES[structure], structure.short))
    assert all(sentence.startswith("none ") for sentence in sentences[150:])


def test_a_fifth_are_the_papers_with_what_is_known_of_the_frame() -> None:
    named = draw(1, images=200)[:600]
    paper = [sentence for sentence in named if sentence.endswith(".")]
    assert 80 < len(paper) < 160
    assert not any("four-chamber" in s or "diastole" in s or " male" in s for s in paper)
    assert any("two-chamber" in s for s in paper)
    assert any("sixty-year-old female with poor image quality" in s for s in paper)
    assert any(f" of {shape} shape" in s for s in paper for shape in SHAPE_WORDS)
    assert any(s in ("Myocardium of the heart.", "Myocardium in the cardiac ultrasound.") for s in paper)


def test_of_a_frame_of_which_nothing_is_known_only_the_structure_is_said() -> None:
    paper = {sentence for sentence in draw(2, images=100, known=False)[:300] if sentence.endswith(".")}
    assert len(paper) == 6  # three structures in two paraphrases


def test_a_sentence_that_is_too_long_is_drawn_again() -> None:
    def long_or_short(rng: np.random.Generator, structure: Structure | None) -> str:
        return "left " * int(rng.integers(80))

    assert max(map(len, draw_sentences(np.random.default_rng(0), 50, (), long_or_short))) <= LONGEST


def test_the_generator_decides_everything() -> None:
    assert draw(3) == draw(3)
    assert draw(3) != draw(4)


def test_the_papers_share_can_be_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences_of_batch, "PAPER_SHARE", 1.0)
    assert all(sentence.endswith(".") for sentence in draw(5)[:150])
