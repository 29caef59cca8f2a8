"""Every word that the sentences can contain, for the word-level tokenizers of the small models."""

from __future__ import annotations

import re
from functools import cache

from synthboost.domain import Domain
from synthboost.prompts.ages import OLDEST, age_in_words
from synthboost.prompts.templates import (
    CHAMBERS,
    CYCLES,
    PARAPHRASES,
    QUALITIES,
    SEXES,
    SHAPE_WORDS,
    STRUCTURE_NAMES,
    domain_clause,
    person_clause,
    phase_clause,
    place_clause,
    quality_clause,
    shape_clause,
    structure_clause,
    view_clause,
)

_WORD = re.compile(r"[^\W_]+")


@cache
def vocabulary() -> tuple[str, ...]:
    """List every lower-case word of every sentence that `build_prompt` can build, ages 0-120 included, sorted."""
    clauses = [
        *map(structure_clause, STRUCTURE_NAMES),
        *map(shape_clause, SHAPE_WORDS),
        *map(view_clause, CHAMBERS),
        *map(place_clause, range(len(PARAPHRASES))),
        *map(phase_clause, CYCLES),
        *(person_clause(sex, age_in_words(age)) for sex in SEXES for age in range(OLDEST + 1)),
        *map(quality_clause, QUALITIES),
        *map(domain_clause, Domain),
    ]
    return tuple(sorted({word for clause in clauses for word in split_words(clause)}))


def split_words(sentence: str) -> tuple[str, ...]:
    """Split into lower-case words: runs of letters and digits; hyphens, stops and spaces only separate.

    `Two-chamber view.` gives `("two", "chamber", "view")`.
    """
    return tuple(_WORD.findall(sentence.lower()))
