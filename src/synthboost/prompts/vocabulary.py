"""Every word that the sentences can contain, for the word-level tokenizers of the small models."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from itertools import product

from synthboost.domain import Domain, PromptSet, Quality
from synthboost.prompts import templates
from synthboost.prompts.templates import OLDEST, PARAPHRASES, PROMPT_SETS, SHAPE_WORDS, Attribute, Degree, age_in_words

_WORD = re.compile(r"[^\W_]+")


def vocabulary(prompt_sets: Collection[PromptSet] = ()) -> tuple[str, ...]:
    """List every lower-case word of the paper's sentences, sorted, then those that `prompt_sets` say beyond them.

    Ages 0-120 and the domain are among the first. The small models' tokenizers, and with them their random weights,
    begin with that list: it stays as it is.
    """
    asked = frozenset[Attribute]().union(*(PROMPT_SETS[prompt_set] for prompt_set in prompt_sets))
    if not asked & {Attribute.EJECTION_FRACTION, Attribute.WALL}:
        return _paper_words()
    said = _words_of(templates.function_clause(fraction, wall) for fraction, wall in product(Degree, repeat=2))
    return (*_paper_words(), *sorted(said - set(_paper_words())))


def split_words(sentence: str) -> tuple[str, ...]:
    """Split into lower-case words: runs of letters and digits; hyphens, stops and spaces only separate.

    `Two-chamber view.` gives `("two", "chamber", "view")`.
    """
    return tuple(_WORD.findall(sentence.lower()))


@cache
def _paper_words() -> tuple[str, ...]:
    clauses = [
        *templates.STRUCTURE_NAMES.values(),
        *map(templates.shape_clause, SHAPE_WORDS),
        *map(templates.view_clause, templates.CHAMBERS),
        *PARAPHRASES,
        *map(templates.phase_clause, templates.CYCLES),
        *(templates.person_clause(sex, age_in_words(age)) for sex in templates.SEXES for age in range(OLDEST + 1)),
        *map(templates.quality_clause, Quality),
        *map(templates.domain_clause, Domain),
    ]
    return tuple(sorted(_words_of(clauses)))


def _words_of(clauses: Iterable[str]) -> set[str]:
    return {word for clause in clauses for word in split_words(clause)}
