"""All that a model without a text encoder understands of a sentence: which structure it names."""

from __future__ import annotations

from collections.abc import Iterable

from synthboost.domain import Structure
from synthboost.errors import PromptError
from synthboost.prompts import split_words
from synthboost.prompts.templates import STRUCTURE_NAMES

ALL = 0
"""Stands for the empty sentence (P0): all structures together. The structures have their labels, 1-3."""


def named_structure(sentence: str) -> int:
    """Return the label of the structure that a sentence names anywhere, in capitals or not; `ALL` when it is empty.

    Raises:
        PromptError: a sentence names no structure, or more than one; guessing would draw the wrong one in silence.
    """
    words = split_words(sentence)
    found = [structure for structure, name in STRUCTURE_NAMES.items() if _holds(words, split_words(name))]
    if len(found) == 1:
        return int(found[0])
    if not sentence.strip():
        return ALL
    raise PromptError(
        "sentence", "structure", f"{_listed(found) or 'none'} in {sentence[:80]!r}",
        f"the name of one structure: {_listed(STRUCTURE_NAMES)}",
        "A model without a text encoder understands nothing else.",
    )  # fmt: skip


def _holds(words: tuple[str, ...], name: tuple[str, ...]) -> bool:
    return any(words[first : first + len(name)] == name for first in range(len(words) - len(name) + 1))


def _listed(structures: Iterable[Structure]) -> str:
    return ", ".join(STRUCTURE_NAMES[structure] for structure in structures)
