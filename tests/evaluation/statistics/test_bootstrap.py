"""The cluster bootstrap, against scipy where there is one value per patient, and against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.statistics.bootstrap import _bca_tails, bootstrap_mean


def names(n: int) -> list[str]:
    return [f"patient{i:04}" for i in range(n)]


def test_scipy_finds_the_same_interval_for_one_value_per_patient() -> None:
    values = np.random.default_rng(1).exponential(size=40)
    ours = bootstrap_mean(values, names(40), seed=0)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=10_000, method="bca", rng=np.random.default_rng(2))
    width = ours.high - ours.low
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.04 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.04 * width)


def test_a_bias_of_half_a_standard_deviation_moves_both_tails_by_one() -> None:
    # 69.15 % of the draws lie below the mean: bias 0.5. Sums -1, 0, 1 are symmetric: acceleration 0. The tails are
    # then Phi(2 * 0.5 -+ 1.96).
    draws = np.concatenate([np.full(6915, -1.0), np.full(3085, 1.0)])
    tails = _bca_tails(np.array([0.025, 0.975]), 0.0, draws, np.array([-1.0, 0.0, 1.0]), np.array([1, 1, 1]))
    np.testing.assert_allclose(tails, [stats.norm.cdf(-0.96), stats.norm.cdf(2.96)], atol=1e-4)


def test_copies_of_an_image_add_no_certainty() -> None:
    values = np.random.default_rng(1).normal(size=30)
    once = bootstrap_mean(values, names(30), seed=0)
    often = bootstrap_mean(np.repeat(values, 12), [p for p in names(30) for _ in range(12)], seed=0)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    as_if_independent = bootstrap_mean(np.repeat(values, 12), names(360), seed=0)
    assert as_if_independent.high - as_if_independent.low < 0.4 * (once.high - once.low)


def test_the_interval_of_a_normal_sample_is_two_standard_errors_wide_each_way() -> None:
    values = np.random.default_rng(5).normal(size=400)
    found = bootstrap_mean(values, names(400), seed=0)
    half = 1.96 * values.std(ddof=1) / 20
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)
    assert found.n_patients == 400


def test_the_mean_is_over_images_even_when_patients_differ_in_number() -> None:
    assert bootstrap_mean([1, 1, 1, 5], ["a", "a", "a", "b"], seed=0).mean == 2


def test_the_same_seed_gives_the_same_interval_and_leaves_numpys_own_generator_alone() -> None:
    values = np.random.default_rng(1).normal(size=20)
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]  # noqa: NPY002
    first, second = (bootstrap_mean(values, names(20), seed=3) for _ in range(2))
    after = np.random.get_state()[1]  # type: ignore[index]  # noqa: NPY002
    assert first == second
    assert first != bootstrap_mean(values, names(20), seed=4)
    np.testing.assert_array_equal(before, after)


def test_patients_that_all_agree_give_a_point() -> None:
    found = bootstrap_mean([0.25] * 6, ["a", "a", "b", "b", "c", "c"], seed=0)
    assert (found.low, found.mean, found.high) == (0.25, 0.25, 0.25)


def test_one_patient_is_too_few() -> None:
    with pytest.raises(DataError, match="at least two patients"):
        bootstrap_mean([0.1, 0.2], ["a", "a"], seed=0)


def test_an_interval_without_patients_is_refused() -> None:
    with pytest.raises(DataError, match="patient column"):
        bootstrap_mean([0.1, 0.2], [], seed=0)


def test_too_few_draws_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="draws"):
        bootstrap_mean([0.1, 0.2], ["a", "b"], seed=0, draws=10)
