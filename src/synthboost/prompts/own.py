"""Prompt sets of your own: a name, and a sentence with slots."""

from __future__ import annotations

import re
from collections.abc import Mapping

from synthboost.domain import PromptSet
from synthboost.errors import PromptError
from synthboost.prompts.templates import OWN_SENTENCES, PROMPT_SETS, SLOT, Attribute

SLOTS = (
    Attribute.STRUCTURE, Attribute.SHAPE, Attribute.VIEW, Attribute.PHASE, Attribute.AGE, Attribute.SEX,
    Attribute.QUALITY,
)  # fmt: skip
_PART = re.compile(r"\[([^][]*)\]")


def add_prompt_set(name: str, sentence: str) -> PromptSet:
    """Add a prompt set to this program, for `--prompts NAME` and for Python; it has one wording, no paraphrases.

    Args:
        name: with a hyphen, which the paper's have not.
        sentence: with `{structure}`, and with any of the other `SLOTS` in square brackets: what stands there is left
            out where the slot is unknown. `{view}` is two or four, `{phase}` diastole or systole.

    Raises:
        PromptError: the name is taken or has no hyphen, or a slot is unknown or stands outside the brackets.
    """
    if "-" not in name or name in list(PromptSet):
        raise PromptError("prompt set", "name", name, "a new one with a hyphen, e.g. OWN-1")
    always, all_slots = (SLOT.findall(text) for text in (_PART.sub("", sentence), sentence))
    if always != [Attribute.STRUCTURE] or not {*all_slots} <= {*SLOTS}:
        expected = f"{{structure}}, and in square brackets {', '.join(f'{{{slot}}}' for slot in SLOTS[1:])}"
        raise PromptError("prompt set", "sentence", repr(sentence), expected)
    prompt_set = PromptSet.add(name)
    OWN_SENTENCES[prompt_set] = sentence
    PROMPT_SETS[prompt_set] = frozenset(map(Attribute, all_slots))
    return prompt_set


def fill(sentence: str, words: Mapping[str, str]) -> str:
    """Put words into the slots; a part in square brackets with a slot that has none is left out."""
    kept = _PART.sub(lambda part: part[1] if {*SLOT.findall(part[1])} <= words.keys() else "", sentence)
    text = SLOT.sub(lambda slot: words.get(slot[1], ""), kept).strip()
    return f"{text[0].upper()}{text[1:]}"
