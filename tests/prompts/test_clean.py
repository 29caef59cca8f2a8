"""Typed sentences made safe, without changing what can be read."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthboost.errors import PromptError
from synthboost.prompts import MAXIMUM_CHARACTERS, clean_sentence


def test_a_sentence_of_the_paper_comes_back_unchanged() -> None:
    sentence = "Myocardium of triangle shape in four-chamber view of the heart at end of the systole cycle of a male."
    assert clean_sentence(sentence) == sentence


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        ("  Left\tatrium\r\ncavity ", "Left atrium cavity"),
        ("Myo\u200bcardium", "Myocardium"),
        ("\u202eMyocardium\u202c", "Myocardium"),
        ("Left\u00a0atrium", "Left atrium"),
        ("Ｌｅｆｔ ａｔｒｉｕｍ", "Left atrium"),
        ("e\u200b\u0301", "\u00e9"),
        ("My\x00o\x1b[31m", "Myo[31m"),
        ("<b>$HOME</b>", "<b>$HOME</b>"),
    ],
)
def test_what_cannot_be_seen_is_removed_and_the_rest_stays(typed: str, clean: str) -> None:
    assert clean_sentence(typed) == clean


@pytest.mark.parametrize("typed", ["", "   ", "\n\t", "\u200b\u200d", "\x00\x07", "\u202e \u2066"])
def test_a_sentence_without_anything_visible_is_refused_and_p0_offered(typed: str) -> None:
    with pytest.raises(PromptError, match="P0"):
        clean_sentence(typed)


def test_a_megabyte_is_refused_before_any_work() -> None:
    with pytest.raises(PromptError, match="1000000 characters"):
        clean_sentence("a" * 1_000_000)


def test_a_ligature_that_grows_when_normalised_is_measured_after_growing() -> None:
    with pytest.raises(PromptError, match="length"):
        clean_sentence("\ufdfa" * 100)  # one character that NFKC spells with 18
    assert len(clean_sentence("a" * MAXIMUM_CHARACTERS)) == MAXIMUM_CHARACTERS


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(PromptError, match="Unicode"):
        clean_sentence("heart \ud800")


@given(st.text(max_size=60))
def test_cleaning_twice_is_cleaning_once_and_leaves_nothing_invisible(typed: str) -> None:
    try:
        clean = clean_sentence(typed)
    except PromptError:
        return
    assert clean_sentence(clean) == clean
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in clean)
    assert clean == clean.strip()
