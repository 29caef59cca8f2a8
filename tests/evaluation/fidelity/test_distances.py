"""Frechet and kernel distance, density and coverage, and their floor: on samples whose distance is known."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.distances import (
    against_floor,
    density_and_coverage,
    frechet_distance,
    kernel_distance,
)


def normal(n: int, d: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def own(n: int, prefix: str = "p") -> list[str]:
    return [f"{prefix}{i}" for i in range(n)]


def test_a_sample_is_at_no_frechet_distance_from_itself():
    x = normal(50, 7, 0)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_a_shift_costs_its_squared_length_and_a_stretch_its_squared_difference():
    x = normal(50, 3, 0)
    assert frechet_distance(x, x + [1.0, 2.0, 2.0]) == pytest.approx(9.0)
    one = normal(50, 1, 1)
    assert frechet_distance(one, 3 * (one - one.mean()) + one.mean()) == pytest.approx(4 * one.var(ddof=1))  # (3 - 1)^2


def test_covariances_that_do_not_commute_agree_with_scipys_root():
    from scipy.linalg import sqrtm

    x, y = normal(60, 4, 2) @ normal(4, 4, 3), normal(70, 4, 4) @ normal(4, 4, 5) + 1
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(x, y) == pytest.approx(expected)


def test_fewer_samples_than_features_still_have_a_distance():
    assert frechet_distance(normal(5, 20, 0), normal(6, 20, 1)) > 0


@pytest.mark.parametrize("bad", [np.zeros((1, 3)), np.zeros(3), np.full((4, 3), np.nan), np.zeros((4, 2))])
def test_samples_that_cannot_be_compared_are_refused(bad):
    with pytest.raises(DataError, match="second sample"):
        frechet_distance(normal(5, 3, 0), bad)


def test_the_kernel_distance_of_four_numbers_is_the_one_of_paper_and_pencil():
    # k(x, y) = (x y + 1)^3. First 0, 1: k(0, 1) = 1. Second 0, 2: k(0, 2) = 1.
    # Between: k(0, 0) = 1, k(0, 2) = 1, k(1, 0) = 1, k(1, 2) = 27: mean 7.5. So 1 + 1 - 15 = -13.
    first, second = np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])
    assert kernel_distance(first, second, own(2), own(2), seed=0, draws=10)["value"] == pytest.approx(-13)


def test_pairs_of_images_of_one_patient_do_not_count():
    # Patient a has 0 and 1, patient b has 2: within the first only k(0, 2) = 1 and k(1, 2) = 27, mean 14.
    first, second = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [0.0]])
    assert kernel_distance(first, second, ["a", "a", "b"], own(2), seed=0, draws=10)["value"] == pytest.approx(
        14 + 1 - 2
    )


def test_equal_distributions_are_at_distance_zero_within_the_interval_and_others_are_not():
    x, y = normal(200, 5, 0), normal(150, 5, 1)
    same = kernel_distance(x, y, own(200), own(150), seed=0, draws=300)
    other = kernel_distance(x, y + 0.7, own(200), own(150), seed=0, draws=300)
    assert same["low"] < 0 < same["high"]
    assert other["low"] > 0
    assert other["low"] < other["value"] < other["high"]


def test_many_images_of_few_patients_do_not_feign_a_distance():
    rng = np.random.default_rng(3)
    patients = [p for p in own(12) for _ in range(20)]

    def sample() -> np.ndarray:
        return np.repeat(rng.normal(size=(12, 4)), 20, axis=0) + 0.05 * rng.normal(size=(240, 4))

    values = [kernel_distance(sample(), sample(), patients, patients, seed=0, draws=1)["value"] for _ in range(60)]
    naive = [kernel_distance(sample(), sample(), own(240), own(240), seed=0, draws=1)["value"] for _ in range(60)]
    assert abs(np.mean(values)) < 2.5 * np.std(values) / np.sqrt(60)
    assert np.mean(naive) > 2.5 * np.std(naive) / np.sqrt(60)


def test_the_kernel_distance_needs_two_patients_and_one_name_per_row():
    with pytest.raises(DataError, match="at least two different"):
        kernel_distance(normal(3, 2, 0), normal(3, 2, 1), ["a"] * 3, own(3), seed=0)
    with pytest.raises(DataError, match="second sample: patients: 2"):
        kernel_distance(normal(3, 2, 0), normal(3, 2, 1), own(3), own(2), seed=0)


def test_density_and_coverage_of_points_on_a_line():
    # Real 0, 1, 3 with k = 1: balls of radius 1, 1, 2 around them: [-1, 1], [0, 2], [1, 5].
    real = np.array([[0.0], [1.0], [3.0]])
    density, coverage = density_and_coverage(real, np.array([[0.5], [4.0]]), neighbours=1)
    assert density == (2 + 1) / 2  # 0.5 lies in two balls, 4 in one
    assert coverage == 1.0
    assert density_and_coverage(real, np.array([[4.0], [90.0]]), neighbours=1) == (1 / 2, 1 / 3)


def test_equal_distributions_have_density_one_and_cover_nearly_all():
    density, coverage = density_and_coverage(normal(400, 3, 0), normal(400, 3, 1))
    assert density == pytest.approx(1.0, abs=0.08)
    assert coverage == pytest.approx(1 - 2**-5, abs=0.02)


def test_copies_of_one_image_are_dense_and_cover_little():
    real = normal(100, 3, 0)
    density, coverage = density_and_coverage(real, np.repeat(real[[int(np.abs(real).sum(1).argmin())]], 100, axis=0))
    assert density > 0.9
    assert coverage < 0.3


def test_neighbours_must_be_fewer_than_the_real_samples():
    with pytest.raises(DataError, match="neighbours: 5; expected 1 to 3"):
        density_and_coverage(normal(4, 2, 0), normal(9, 2, 1))


def test_the_floor_is_what_equal_distributions_reach_and_a_shift_exceeds_it():
    real, whose = normal(80, 4, 0), [f"p{i // 4}" for i in range(80)]
    same = against_floor(frechet_distance, real, normal(60, 4, 1), whose, own(60), seed=0)
    moved = against_floor(frechet_distance, real, normal(60, 4, 1) + 1, whose, own(60), seed=0)
    assert same["images"] == 40  # 10 of 20 patients with 4 images each
    assert same["floor"] == moved["floor"]
    assert same["value"] < same["floor_high"] + 0.3
    assert moved["low"] > moved["floor_high"]
    assert moved["value"] - same["value"] == pytest.approx(4, abs=1)  # four columns by one


def test_halves_share_no_patient_and_all_samples_have_one_size():
    seen = []

    def look(first: np.ndarray, second: np.ndarray) -> float:
        seen.append((set(first[:, 0] // 3), set(second[:, 0] // 3), len(first), len(second)))
        return 0.0

    rows = np.arange(30.0)[:, None]  # ten patients of three
    whose = [f"p{i // 3}" for i in range(30)]
    against_floor(look, rows, rows[:12] + 900, whose, own(12), seed=0, repeats=3)
    for first, second, n, m in seen:
        assert n == m == 12  # no more synthetic ones are there
        assert not first & second


def test_the_floor_needs_four_patients_and_a_repeat():
    with pytest.raises(DataError, match="real patients: 3"):
        against_floor(frechet_distance, normal(9, 2, 0), normal(9, 2, 1), list("aaabbbccc"), own(9), seed=0)
    with pytest.raises(ConfigError, match="repeats"):
        against_floor(frechet_distance, normal(9, 2, 0), normal(9, 2, 1), own(9), own(9), seed=0, repeats=0)
