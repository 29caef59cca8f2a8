"""Sums in another order, and averages over other numbers of seeds, make no difference where there is none.

A thousand small samples with ties and zeros, each worked in floats and in fractions.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from synthboost.evaluation.statistics.arms import PairedArms
from synthboost.evaluation.statistics.contrast import contrast
from synthboost.evaluation.statistics.tests import holm, rank_biserial, signed_rank_p

SAMPLES = 1000


def mean(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def signed_ranks(differences: list[Fraction]) -> list[tuple[Fraction, bool]]:
    """The rank of the size of each difference that is not 0, ties sharing theirs, and whether it is above 0."""
    sizes = sorted(abs(d) for d in differences if d)
    rank = {size: Fraction(2 * sizes.index(size) + sizes.count(size) + 1, 2) for size in sizes}
    return [(rank[abs(d)], d > 0) for d in differences if d]


def exact_p(differences: list[Fraction]) -> Fraction:
    """Two-sided p of the signed-rank test: the share of all sign patterns that are as extreme, doubled."""
    ranks = signed_ranks(differences)
    if not ranks:
        return Fraction(1)
    found = sum(rank for rank, above in ranks if above)
    sums = [sum(r for (r, _), s in zip(ranks, signs, strict=True) if s) for signs in product((0, 1), repeat=len(ranks))]
    tails = sum(s >= found for s in sums), sum(s <= found for s in sums)
    return min(Fraction(1), Fraction(2 * min(tails), len(sums)))


def exact_holm(p_values: list[Fraction]) -> list[Fraction]:
    order, corrected, highest = sorted(range(len(p_values)), key=p_values.__getitem__), {}, Fraction(0)
    for place, index in enumerate(order):
        highest = max(highest, min(Fraction(1), p_values[index] * (len(p_values) - place)))
        corrected[index] = highest
    return [corrected[index] for index in range(len(p_values))]


def sample(rng: np.random.Generator) -> tuple[list[list[Fraction]], list[list[Fraction]], list[int]]:
    """Scores of the trainings of two arms, few values so that many are equal, and the patient of each pair."""
    patients = [p for p in range(rng.integers(2, 8)) for _ in range(rng.integers(1, 4))]
    denominator = int(rng.choice([3, 7, 10]))
    sides = [
        [[Fraction(int(k), denominator) for k in rng.integers(0, 4, len(patients))] for _ in range(rng.integers(1, 4))]
        for _ in range(2)
    ]
    return sides[0], sides[1], patients


def test_a_thousand_small_samples_agree_with_exact_arithmetic() -> None:
    rng = np.random.default_rng(15)
    exact, ours = [], []
    for number in range(SAMPLES):
        first, second, patients = sample(rng)
        averages = [[mean(list(scores)) for scores in zip(*side, strict=True)] for side in (first, second)]
        differences = [a - b for a, b in zip(*averages, strict=True)]
        own = [mean([d for d, q in zip(differences, patients, strict=True) if q == p]) for p in sorted(set(patients))]
        arrays = [np.array([[float(score) for score in scores] for scores in side]) for side in (first, second)]
        found = contrast(PairedArms(arrays[0], arrays[1], tuple(f"p{p}" for p in patients)), draws=100)

        ranks = signed_ranks(own)
        total, wins = sum(rank for rank, _ in ranks), sum(rank for rank, above in ranks if above)
        assert found.rank_biserial == pytest.approx(float((2 * wins - total) / total) if total else 0, abs=1e-12), (
            number
        )
        assert found.patients_higher == sum(d > 0 for d in own), number
        pairs = [(a > b) - (a < b) for a in averages[0] for b in averages[1]]
        assert found.cliffs_delta == pytest.approx(sum(pairs) / len(pairs), abs=1e-12), number
        assert found.over_patients is not None
        if not any(own):
            assert (found.mean, found.over_patients.low, found.over_patients.high) == (0, 0, 0), number
        exact.append(exact_p(own))
        ours.append(found.p_value)
        assert found.p_value == pytest.approx(float(exact[-1]), abs=1e-12), number
    assert sum(p == 1 for p in exact) > SAMPLES / 20
    for start in range(0, SAMPLES, 10):
        family = [float(p) for p in exact_holm(exact[start : start + 10])]
        np.testing.assert_allclose(holm(ours[start : start + 10]), family, atol=1e-12)


def test_the_order_of_pairs_and_seeds_moves_no_end_of_an_interval() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        first, second, patients = sample(rng)
        arrays = [np.array([[float(score) for score in scores] for scores in side]) for side in (first, second)]
        pairs, seeds = rng.permutation(len(patients)), [rng.permutation(len(array)) for array in arrays]
        names = np.array([f"p{p}" for p in patients])
        one = contrast(PairedArms(arrays[0], arrays[1], tuple(names)), draws=200)
        turned = [array[order][:, pairs] for array, order in zip(arrays, seeds, strict=True)]
        other = contrast(PairedArms(turned[0], turned[1], tuple(names[pairs])), draws=200)
        assert (one.mean, one.over_patients, one.p_value) == (other.mean, other.over_patients, other.p_value)


def test_scores_in_tenths_say_the_same_as_whole_numbers() -> None:
    # Each of six patients gains .1 + .2 - .3 = 0, which floats do not.
    patients = tuple(f"p{place // 3}" for place in range(18))
    for scale in (1, 10):
        first, second = (np.round(scale * np.array([six * 6]), 1) for six in ([0.6, 0.7, 0.5], [0.5, 0.5, 0.8]))
        found = contrast(PairedArms(first, second, patients))
        assert (found.p_value, found.rank_biserial, found.patients_higher, found.mean) == (1, 0, 0, 0)
        assert found.over_patients is not None
        assert (found.over_patients.low, found.over_patients.high) == (0, 0)


def test_ties_in_size_are_ties_whatever_their_sign() -> None:
    # .3 - .1 and .1 - .3 against .2: three ranks of 2, signs + - +.
    differences = [0.3 - 0.1, 0.1 - 0.3, 0.2]
    assert rank_biserial(differences) == pytest.approx(1 / 3)
    assert signed_rank_p(differences) == 1.0
