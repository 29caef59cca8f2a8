"""The exponent of a power law that is known."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.errors import DataError
from synthboost.evaluation.statistics.scaling import scaling_exponent

PATIENTS = tuple(f"p{n // 2}" for n in range(40))


def test_a_known_exponent_is_found_whoever_is_drawn() -> None:
    sizes = [16, 64, 256]
    errors = np.outer(np.array(sizes) ** -0.25, np.linspace(0.1, 0.9, 40))
    found = scaling_exponent(sizes, errors, PATIENTS)
    assert (found.mean, found.low, found.high, found.n_patients) == (*[pytest.approx(0.25)] * 3, 20)


def test_the_interval_holds_the_exponent_where_patients_differ() -> None:
    rng, sizes = np.random.default_rng(0), [16, 64, 256, 1024]
    errors = np.array(sizes)[:, None] ** -0.1 * 0.5 * np.exp(rng.normal(0, 0.2, (4, 40)))
    found = scaling_exponent(sizes, errors, PATIENTS)
    assert 0.05 < found.low < 0.1 < found.high < 0.15


def test_two_numbers_make_no_law() -> None:
    with pytest.raises(DataError, match="three or more positive numbers"):
        scaling_exponent([16, 64], np.ones((2, 40)), PATIENTS)
