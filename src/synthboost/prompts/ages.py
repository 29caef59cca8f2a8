"""An age in words, spelled as the paper's sentences spell it."""

from __future__ import annotations

from functools import cache

from num2words import num2words

from synthboost.errors import PromptError

OLDEST = 120
"""Years; the oldest verified person reached 122, and a larger number in a file is far more often a slip."""


@cache
def age_in_words(age: int) -> str:
    """Spell an age: 73 is `seventy-three`, 101 is `one hundred and one`.

    Args:
        age: whole years, 0-120.

    Raises:
        PromptError: the age is not a whole number of years from 0 to 120.
    """
    if isinstance(age, bool) or not isinstance(age, int) or not 0 <= age <= OLDEST:
        raise PromptError(
            "frame", "age", repr(age), f"a whole number of years from 0 to {OLDEST}",
            "Correct the patient's file, or leave the age out: its clause is then dropped.",
        )  # fmt: skip
    return str(num2words(age))
