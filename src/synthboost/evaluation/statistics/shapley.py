"""Shapley values: what each of several parts contributes to a score, on average over the orders in which they join."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError


def shapley_values(scores: Mapping[frozenset[str], NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Return each part's value, of the shape of the scores; together they are what all parts gain over none.

    Shapley, Contributions to the Theory of Games 2:307, 1953: a part's gain, averaged over the subsets of the other
    parts so that each size of subset has the same weight.

    Args:
        scores: of every subset of the parts, the empty one included.

    Raises:
        DataError: a subset is absent.
    """
    parts = sorted(frozenset().union(*scores))
    if len(scores) != 2 ** len(parts):
        raise DataError("Shapley values", "subsets", len(scores), f"all {2 ** len(parts)} of {', '.join(parts)}")
    values = {}
    for part in parts:
        without = [subset for subset in scores if part not in subset]
        gains = [(scores[s | {part}] - scores[s]) / (len(parts) * comb(len(parts) - 1, len(s))) for s in without]
        values[part] = np.sum(gains, axis=0)
    return values
