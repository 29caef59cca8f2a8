"""How fast an error falls with the number of examples: the exponent of a power law."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synthboost.errors import DataError
from synthboost.evaluation.statistics.bootstrap import TAILS, Interval
from synthboost.evaluation.statistics.tests import patient_sums

DRAWS = 2000


def scaling_exponent(amounts: ArrayLike, errors: NDArray[np.float64], patients: Sequence[str]) -> Interval:
    """Fit error = a amount^-b by least squares on logarithms; return b and its 95 % interval over patients.

    The interval is the plain bootstrap's: patients are drawn with all their pairs, and the law is fitted anew.

    Args:
        amounts: (levels,) of examples, positive.
        errors: (levels, pairs) e.g. 1 - Dice, of the same pairs at each level.
        patients: (pairs,) whose each pair is.

    Raises:
        DataError: fewer than three levels, amounts that are not positive, or a level without an error.
    """
    sizes = np.asarray(amounts, dtype=np.float64)
    if sizes.size < 3 or sizes.min() <= 0 or sizes.size != len(errors):
        raise DataError("scaling curve", "amounts", sizes.tolist(), "three or more positive numbers, one per level")
    sums, counts = zip(*(patient_sums(own, patients) for own in errors), strict=True)
    by_level, pairs = np.stack(sums), counts[0]
    number = len(pairs)
    times = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), size=DRAWS)
    means = np.vstack([by_level.sum(1) / pairs.sum(), (times @ by_level.T) / (times @ pairs)[:, None]])
    if means.min() <= 0:
        raise DataError("scaling curve", "errors", 0.0, "an error above 0 at each level")
    x = np.log(sizes) - np.log(sizes).mean()
    slopes = -(np.log(means) @ x) / (x @ x)
    low, high = np.quantile(slopes[1:], TAILS).tolist()
    return Interval(float(slopes[0]), low, high, number)
