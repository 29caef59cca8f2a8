"""Wilcoxon over pairs as the paper takes it, and the rank-biserial correlation, against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.evaluation.statistics.tests import rank_biserial, signed_rank_p


def test_five_pairs_that_all_rise_have_a_one_sided_p_of_one_in_32() -> None:
    differences = np.array([0.5, 0.6, 0.75, 0.9, 1.0]) - 0.4
    assert signed_rank_p(differences, "greater") == pytest.approx(1 / 32)
    assert signed_rank_p(differences) == pytest.approx(2 / 32)
    assert signed_rank_p(differences, "less") == pytest.approx(1.0)


def test_copies_of_the_same_pairs_make_this_test_believe_what_the_patients_do_not_say() -> None:
    differences = np.array([0.02, 0.05, -0.01, 0.07])
    once, twelve_times = (signed_rank_p(np.tile(differences, n)) for n in (1, 12))
    assert once > 0.1
    assert twelve_times < 1e-4


def test_equal_scores_have_a_p_of_one() -> None:
    assert signed_rank_p([0.0, 0.0]) == 1.0


def test_the_rank_biserial_is_the_signed_share_of_the_ranks() -> None:
    # Ranks of the sizes 1, 2, 3, 4 with the third negative: (1 + 2 - 3 + 4) / 10.
    assert rank_biserial([0.1, 0.2, -0.3, 0.4]) == pytest.approx(0.4)
    # Ties share a rank: sizes 1, 1, 2 have the ranks 1.5, 1.5, 3; zeros are left out.
    assert rank_biserial([1, -1, 2, 0]) == pytest.approx(3 / 6)
    assert (rank_biserial([1, 2]), rank_biserial([-1, -2]), rank_biserial([0, 0])) == (1, -1, 0)
