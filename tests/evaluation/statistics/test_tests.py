"""Summaries, effect sizes and corrections, by hand and against the published files."""

from __future__ import annotations

import math

import numpy as np
import pytest

from synthboost.errors import DataError
from synthboost.evaluation.statistics.tests import cliffs_delta, holm, mean_and_sd, patient_means, signed_rank_p

# Model, prompt set, two-sided patient-level Wilcoxon p, its Holm correction over these fourteen: synthetic pre-training
# with real fine-tuning against real only, recomputed from the per-image scores that the authors of arXiv 2309.12829
# published (50 test patients).
PAPER_FAMILY = [
    ("CLIPSeg", "P1", 0.533571, 1.0),
    ("CLIPSeg", "P2", 2.08107e-05, 0.000208107),
    ("CLIPSeg", "P3", 3.25671e-07, 3.90806e-06),
    ("CLIPSeg", "P4", 0.752153, 1.0),
    ("CLIPSeg", "P5", 0.135498, 0.782754),
    ("CLIPSeg", "P6", 8.23784e-07, 9.06163e-06),
    ("CLIPSeg", "P7", 1.049e-07, 1.36371e-06),
    ("CRIS", "P1", 0.0951333, 0.665933),
    ("CRIS", "P2", 0.00243994, 0.0219594),
    ("CRIS", "P3", 1.44921e-09, 2.0289e-08),
    ("CRIS", "P4", 0.388178, 1.0),
    ("CRIS", "P5", 0.0483095, 0.386476),
    ("CRIS", "P6", 0.130459, 0.782754),
    ("CRIS", "P7", 0.160017, 0.782754),
]


def test_holm_over_the_papers_fourteen_comparisons_leaves_six() -> None:
    corrected = holm([p for _, _, p, _ in PAPER_FAMILY])
    np.testing.assert_allclose(corrected, [h for *_, h in PAPER_FAMILY], rtol=1e-4)
    assert (corrected < 0.05).sum() == 6


def test_holm_multiplies_by_what_is_left_and_never_steps_down() -> None:
    # Sorted 0.01, 0.02, 0.03 times 3, 2, 1: 0.03, 0.04, then 0.03 lifted to 0.04.
    np.testing.assert_allclose(holm([0.03, 0.01, 0.02]), [0.04, 0.03, 0.04])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])


@pytest.mark.parametrize("p", [[-0.1], [1.1], [float("nan")], []])
def test_what_is_no_p_value_is_refused(p: list[float]) -> None:
    with pytest.raises(DataError, match="p-values"):
        holm(p)


def test_the_deviation_has_n_minus_one_below_and_one_value_has_none() -> None:
    assert mean_and_sd([0.9, 0.8]) == pytest.approx((0.85, math.sqrt(0.005)))
    assert mean_and_sd([0.5]) == (0.5, None)


@pytest.mark.parametrize("scores", [[0.9, float("nan")], [0.9, None], [], [[0.9]], ["x"], [float("inf")]])
def test_a_missing_score_is_never_skipped(scores: list[object]) -> None:
    with pytest.raises(DataError, match="scores"):
        mean_and_sd(scores)  # type: ignore[arg-type]


def test_cliffs_delta_counts_pairs() -> None:
    # Of six pairs three are won (2>1, 3>1, 3>2), one is lost (1<2), two are ties.
    assert cliffs_delta([1, 2, 3], [1, 2]) == pytest.approx(2 / 6)
    assert cliffs_delta([1, 2], [1, 2, 3]) == pytest.approx(-2 / 6)
    assert (cliffs_delta([5, 6], [1, 2]), cliffs_delta([1], [1])) == (1, 0)


def test_patients_are_averaged_before_they_are_tested() -> None:
    np.testing.assert_allclose(patient_means([1, 3, 10], ["b", "b", "a"]), [10, 2])


def test_five_patients_that_all_improve_have_the_smallest_p_that_five_allow() -> None:
    # Two of the 32 sign patterns are as extreme: p = 2/32, however many images each patient has.
    values = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    assert signed_rank_p(patient_means(values, list("abcde"))) == pytest.approx(2 / 32)
    twelve_each = [p for p in "abcde" for _ in range(12)]
    assert signed_rank_p(patient_means(np.repeat(values, 12), twelve_each)) == pytest.approx(2 / 32)


def test_no_difference_at_all_has_a_p_of_one() -> None:
    assert signed_rank_p(patient_means([0.0, 0.0, 0.0], ["a", "a", "b"])) == 1.0


@pytest.mark.parametrize("patients", [[], ["a"], ["a", ""], ["a", None]])
def test_a_test_without_the_patients_is_refused(patients: list[str]) -> None:
    with pytest.raises(DataError, match="patient column"):
        patient_means([0.1, 0.2], patients)
