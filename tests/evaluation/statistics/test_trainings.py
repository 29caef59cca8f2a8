"""Variation over trainings beside variation over patients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from synthboost.errors import DataError
from synthboost.evaluation.statistics.arms import PairedArms
from synthboost.evaluation.statistics.contrast import contrast, interval_over_trainings


def test_with_one_training_per_arm_the_training_noise_is_said_not_to_be_covered() -> None:
    found = contrast(PairedArms(np.array([[0.8, 0.7]]), np.array([[0.6, 0.7]]), ("p", "q")))
    assert (found.sd_trainings, found.over_trainings, found.trainings) == ((None, None), None, (1, 1))


def test_a_single_training_in_one_arm_is_enough_to_know_nothing_of_its_noise() -> None:
    found = contrast(PairedArms(np.array([[0.8, 0.7], [0.7, 0.8]]), np.array([[0.6, 0.7]]), ("p", "q")))
    assert (found.over_trainings, found.trainings) == (None, (2, 1))


def test_the_interval_adds_the_variances_of_patients_and_of_both_arms_trainings() -> None:
    # Two patients; the first arm's trainings have means 0.70 and 0.80, the second arm's 0.50 and 0.54.
    arms = PairedArms(np.array([[0.8, 0.6], [0.9, 0.7]]), np.array([[0.5, 0.5], [0.56, 0.52]]), ("p", "q"))
    found = contrast(arms)
    assert found.sd_trainings == pytest.approx((math.sqrt(0.005), math.sqrt(0.0008)))
    # Differences by patient: 0.85 - 0.53 = 0.32 and 0.65 - 0.51 = 0.14, so their variance is 0.18^2 / 2 = 0.0162.
    parts = [0.0162 / 2, 0.005 / 2, 0.0008 / 2]
    freedom = sum(parts) ** 2 / sum(part**2 for part in parts)  # each part has one degree of freedom
    half = stats.t.ppf(0.975, freedom) * math.sqrt(sum(parts))
    interval = found.over_trainings
    assert interval is not None
    assert (found.mean, interval.low, interval.high) == pytest.approx((0.23, 0.23 - half, 0.23 + half))


def test_patients_with_more_images_count_more_but_are_still_one_patient_each() -> None:
    # Three pairs of p and one of q: the mean is over pairs (0.75), the residuals by patient are 3 x 0.25 and -0.75.
    arms = PairedArms(np.array([[1.0, 1.0, 1.0, 0.0]] * 2), np.zeros((2, 4)), ("p", "p", "p", "q"))
    interval = interval_over_trainings(arms)
    assert interval is not None
    half = stats.t.ppf(0.975, 1) * math.sqrt(2 * 0.75**2 / 4**2 * 2)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.75, 0.75 - half, 0.75 + half))


def test_trainings_that_never_differ_leave_the_interval_to_the_patients() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.7, 0.9, 20)
    patients = tuple(f"p{i}" for i in range(20))
    interval = interval_over_trainings(PairedArms(np.tile(scores, (3, 1)), np.full((3, 20), 0.5), patients))
    assert interval is not None
    low, high = stats.t.interval(0.95, 19, scores.mean() - 0.5, stats.sem(scores))
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_equal_scores_everywhere_give_a_point() -> None:
    interval = interval_over_trainings(PairedArms(np.full((2, 4), 0.8), np.full((2, 4), 0.8), ("p", "p", "q", "q")))
    assert interval is not None
    assert (interval.low, interval.high) == (0, 0)


def test_the_interval_covers_the_truth_when_trainings_vary_more_than_patients() -> None:
    rng, hits, repeats = np.random.default_rng(1), 0, 400
    patients = tuple(map(str, range(20)))
    for _ in range(repeats):
        first, second = (rng.normal(0, 0.5, (3, 1)) + rng.normal(0, 0.5, (3, 20)) for _ in range(2))
        interval = interval_over_trainings(PairedArms(first + rng.normal(0, 0.5, 20), second, patients))
        assert interval is not None
        hits += interval.low <= 0 <= interval.high
    assert hits / repeats > 0.92


def test_what_cannot_give_an_interval_is_refused() -> None:
    scores = np.array([[0.8, 0.7], [0.7, 0.8]])
    with pytest.raises(DataError, match="1; expected at least two patients"):
        interval_over_trainings(PairedArms(scores, scores / 2, ("p", "p")))
