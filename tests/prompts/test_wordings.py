"""People's wordings: what is drawn names what it should, slips are small, most sentences by hand are new."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from synthboost.domain import Structure
from synthboost.prompts import MAXIMUM_CHARACTERS
from synthboost.prompts.phrases import GRAMMAR, NAMES
from synthboost.prompts.wordings import CHARACTERS_PER_SLIP, _meaningful, _slip, _with_slips, draw_wording

BY_HAND = Path(__file__).with_name("sentences.csv")
LV, MYO, LA = Structure
DRAWS = 6000
"""For each structure and for none."""


@pytest.fixture(scope="module")
def drawn() -> dict[Structure | None, list[str]]:
    rng = np.random.default_rng(0)
    return {named: [draw_wording(rng, named) for _ in range(DRAWS)] for named in (LV, MYO, LA, None)}


def plain(sentence: str) -> str:
    """Letters and digits only, so that neither capitals nor stops make a sentence new."""
    return " ".join(re.findall(r"\w+", sentence.casefold()))


def by_hand() -> list[dict[str, str]]:
    with BY_HAND.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_wording_depends_on_the_generator_alone() -> None:
    one, again, other = ([draw_wording(rng, LV) for _ in range(20)] for rng in map(np.random.default_rng, (3, 3, 4)))
    assert one == again != other


def test_no_sentence_is_drawn_for_two_structures_or_for_one_and_for_none(drawn) -> None:
    sentences = {named: set(map(plain, own)) for named, own in drawn.items()}
    for named, own in sentences.items():
        for other, theirs in sentences.items():
            assert named is other or not own & theirs


def test_sentences_are_many_and_none_is_too_long(drawn) -> None:
    for own in drawn.values():
        assert len(set(own)) > 0.8 * DRAWS
        assert max(map(len, own)) <= MAXIMUM_CHARACTERS


@pytest.mark.parametrize(
    ("named", "sentences"),
    [
        (LV, ["LV", "left ventricle", "Left ventricular cavity of the heart."]),
        (MYO, ["MYO", "heart muscle", "Myocardium of the heart."]),
        (LA, ["LA", "left atrium", "Left atrium cavity in the cardiac ultrasound."]),
        (None, ["", "right ventricle", "RV"]),
    ],
)
def test_names_abbreviations_and_the_papers_sentences_are_among_them(drawn, named, sentences) -> None:
    assert set(map(plain, sentences)) <= set(map(plain, drawn[named]))


def test_every_slot_has_phrases() -> None:
    phrases = [*NAMES.values(), *(phrase for own in GRAMMAR.values() for phrase in own)]
    slots = {slot for phrase in phrases for slot in re.findall(r"\{(\w+)\}", phrase)}
    assert slots - GRAMMAR.keys() == {"it", "word", "letters"}


def test_a_slip_changes_a_letter_or_two_and_never_makes_another_word_of_the_grammar() -> None:
    rng = np.random.default_rng(0)
    for word in ("ventricle", "atrial", "wall", "left") * 100:
        slipped = _slip(rng, word)
        assert abs(len(slipped) - len(word)) <= 1
        assert slipped == word or slipped not in _meaningful()


def test_slips_are_few_and_leave_abbreviations_alone() -> None:
    rng = np.random.default_rng(0)
    sentence = "show the LV or MYO cavity area in this apical four chamber view now"
    words = sentence.split()
    for _ in range(200):
        slipped = _with_slips(rng, sentence).split()
        changed = [word for word, new in zip(words, slipped, strict=True) if word != new]
        assert len(changed) <= len(sentence) // CHARACTERS_PER_SLIP
        assert all(len(word) > 3 for word in changed)
    assert _with_slips(rng, "LV ED A4C") == "LV ED A4C"


def test_the_sentences_by_hand_are_many_and_more_than_half_are_held_out() -> None:
    rows = by_hand()
    assert len({row["sentence"] for row in rows}) == len(rows) >= 220
    held = sum(row["held_out"] == "yes" for row in rows)
    assert 0.5 < held / len(rows) < 0.65
    for half in ("yes", "no"):
        for name in ("LV", "MYO", "LA", "none"):
            assert sum(row["structure"] == name and row["held_out"] == half for row in rows) >= 25


def test_no_sentence_that_is_held_out_can_be_drawn(drawn) -> None:
    held = {plain(row["sentence"]) for row in by_hand() if row["held_out"] == "yes"}
    assert not held & {plain(sentence) for own in drawn.values() for sentence in own}
    fixed = {plain(phrase) for phrases in GRAMMAR.values() for phrase in phrases}
    assert not held & fixed
    assert not held & frames_filled_with_names()


def frames_filled_with_names() -> set[str]:
    """Every sentence around a name that has no other slot, filled with every name that has none."""
    names = [
        name for slot in ("lv", "myo", "la", "right", "anatomy", "body") for name in GRAMMAR[slot] if "{" not in name
    ]
    frames = [frame.replace("{ask}", ask) for frame in GRAMMAR["around"] for ask in GRAMMAR["ask"]]
    return {
        plain(frame.replace("{it}", name)) for frame in frames for name in names if "{" not in frame.replace("{it}", "")
    }
