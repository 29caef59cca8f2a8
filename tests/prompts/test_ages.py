"""Ages in words."""

from __future__ import annotations

import pytest

from synthboost.errors import PromptError
from synthboost.prompts.ages import age_in_words


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (0, "zero"),
        (1, "one"),
        (18, "eighteen"),
        (40, "forty"),
        (73, "seventy-three"),
        (100, "one hundred"),
        (101, "one hundred and one"),
        (120, "one hundred and twenty"),
    ],
)
def test_an_age_is_spelled_with_hyphens_and_and(age: int, words: str) -> None:
    assert age_in_words(age) == words


@pytest.mark.parametrize("age", [-3, 121, 560, 56.5, True, "56", float("nan")])
def test_what_is_no_age_is_refused_and_named(age: object) -> None:
    with pytest.raises(PromptError, match=r"age: .*0 to 120"):
        age_in_words(age)  # type: ignore[arg-type]
