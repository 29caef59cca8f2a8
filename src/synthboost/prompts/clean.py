"""Make a sentence that a person typed safe to tokenize, store and show."""

from __future__ import annotations

import unicodedata

from synthboost.errors import PromptError

MAXIMUM_CHARACTERS = 1000
"""A guess that is generous: the paper's longest sentence has about 190, and CLIP reads 77 tokens."""

_INVISIBLE = ("Cc", "Cf")
_LONE_SURROGATE = "Cs"


def clean_sentence(text: str) -> str:
    """Normalise a sentence: NFKC, no control or format characters, single spaces, no space at either end.

    Line breaks and tabs count as spaces. Zero-width characters and changes of writing direction (RTL override)
    vanish. A sentence of this package comes back unchanged. Nothing is ever cut off.

    Raises:
        PromptError: nothing visible is left, the sentence is longer than `MAXIMUM_CHARACTERS`, or it holds half of a
            surrogate pair, which no file could store.
    """
    _require_length(text)
    spaced = " ".join(text.split())
    visible = "".join(c for c in spaced if unicodedata.category(c) not in _INVISIBLE)
    sentence = " ".join(unicodedata.normalize("NFKC", visible).split())
    _require_length(sentence)
    if not sentence:
        raise PromptError(
            "prompt", "text", ascii(text), "a sentence with at least one visible character",
            "To run without a sentence on purpose, choose prompt set P0.",
        )  # fmt: skip
    if any(unicodedata.category(c) == _LONE_SURROGATE for c in sentence):
        raise PromptError("prompt", "text", ascii(text), "valid Unicode", "Remove the half surrogate pair.")
    return sentence


def _require_length(text: str) -> None:
    if len(text) > MAXIMUM_CHARACTERS:
        raise PromptError(
            "prompt", "length", f"{len(text)} characters", f"at most {MAXIMUM_CHARACTERS}", "Shorten the sentence."
        )
