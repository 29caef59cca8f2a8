"""Shapley values of games that can be worked by hand."""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np
import pytest

from synthboost.errors import DataError
from synthboost.evaluation.statistics.shapley import shapley_values


def _game(parts: str, worth) -> dict[frozenset[str], np.ndarray]:
    subsets = chain.from_iterable(combinations(parts, n) for n in range(len(parts) + 1))
    return {frozenset(s): np.array([worth(set(s)), 0.0]) for s in subsets}


def test_a_pair_of_gloves_is_shared_as_in_the_textbook() -> None:
    # One left glove (a), two right ones (b, c): a pair is worth 1.
    values = shapley_values(_game("abc", lambda s: float("a" in s and bool(s & {"b", "c"}))))
    assert {part: value.tolist() for part, value in values.items()} == {
        "a": [pytest.approx(2 / 3), 0], "b": [pytest.approx(1 / 6), 0], "c": [pytest.approx(1 / 6), 0],
    }  # fmt: skip


def test_a_part_that_changes_nothing_has_no_value_and_all_add_up_to_the_whole() -> None:
    values = shapley_values(_game("abcd", lambda s: 0.3 + 0.2 * ("a" in s) + 0.4 * (s >= {"a", "b", "c"})))
    assert values["d"][0] == pytest.approx(0, abs=1e-15)
    assert sum(value[0] for value in values.values()) == pytest.approx(0.6)


def test_a_subset_that_was_not_scored_is_named() -> None:
    game = _game("ab", len)
    del game[frozenset("a")]
    with pytest.raises(DataError, match="subsets: 3; expected all 4 of a, b"):
        shapley_values(game)
