from __future__ import annotations

import numpy as np
import pytest

from synthboost.simulator.priors import stream, truncated_normal


def test_a_stream_is_repeatable_and_differs_by_seed_patient_and_name() -> None:
    first = stream(7, 12, "pose", "4CH").random(3)
    assert np.array_equal(first, stream(7, 12, "pose", "4CH").random(3))
    for other in (stream(8, 12, "pose", "4CH"), stream(7, 13, "pose", "4CH"), stream(7, 12, "pose", "2CH")):
        assert not np.array_equal(first, other.random(3))


def test_truncated_draws_stay_in_bounds_without_a_heap_at_the_ends() -> None:
    rng = stream(0, 0, "test")
    draws = np.array([truncated_normal(rng, 0.0, 1.0, -1.0, 1.0) for _ in range(200)])
    assert np.abs(draws).max() < 1.0
    # Sd of a standard normal cut at +-1 is 0.54.
    assert draws.std() == pytest.approx(0.54, abs=0.06)
