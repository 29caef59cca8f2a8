"""What is typed or chosen on the page, as sentences."""

from __future__ import annotations

from collections.abc import Sequence

from synthboost.domain import FrameInfo, PromptSet, Structure
from synthboost.errors import PromptError
from synthboost.prompts import build_prompt, clean_sentence
from synthboost.prompts.templates import STRUCTURE_NAMES

NO_WORDS = "(no words)"
"""Stands for the empty sentence of P0, which nobody could see."""
MAX_SENTENCES = 7
"""As many as there are colours that can be told apart."""


def sentences_of(
    structures: Sequence[Structure], prompt_set: PromptSet, info: FrameInfo, shape: str | None, name_domain: bool
) -> tuple[str, ...]:
    """Build one sentence per structure; `NO_WORDS` for P0, once.

    Args:
        structures, prompt_set, info: what the page's menus say, `info` of the image.
        shape: the word of P7 and P6-SDM.
        name_domain: end each sentence with the image's domain, for models that were trained so.

    Raises:
        PromptError: no structure is chosen, or an attribute is out of range.
    """
    if not structures:
        raise PromptError("sentences", "structures", "none", "one or more structures")
    prompts = (build_prompt(prompt_set, s, info, shape=shape, name_domain=name_domain).text for s in structures)
    return tuple(dict.fromkeys(text or NO_WORDS for text in prompts))


def read_lines(text: str) -> tuple[str, ...]:
    """Read one sentence per line; empty lines and repetitions do not count, `NO_WORDS` means the empty sentence.

    Raises:
        PromptError: there is none, there are more than `MAX_SENTENCES`, or one is too long.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise PromptError("sentences", "text", "nothing", "one sentence per line", "Type one, or choose attributes.")
    if len(lines) > MAX_SENTENCES:
        raise PromptError("sentences", "lines", len(lines), f"at most {MAX_SENTENCES}")
    return tuple(dict.fromkeys("" if line.strip() == NO_WORDS else clean_sentence(line) for line in lines))


def structure_named(sentence: str) -> Structure | None:
    """Return the structure whose name begins the sentence, if one does."""
    return next((s for s, name in STRUCTURE_NAMES.items() if sentence.lower().startswith(name.lower())), None)


def file_name_of(sentence: str, number: int) -> str:
    """A name for a mask's file: its number, and the structure if the sentence begins with one; never typed words."""
    structure = structure_named(sentence)
    return f"mask{number}" if structure is None else f"mask{number}_{structure.short}"
