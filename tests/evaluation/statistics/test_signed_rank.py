"""Wilcoxon over pairs as the paper takes it, and the rank-biserial correlation, against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.errors import DataError
from synthboost.evaluation.statistics.signed_rank import rank_biserial, wilcoxon_over_pairs


def test_five_pairs_that_all_rise_have_a_one_sided_p_of_one_in_32() -> None:
    first, second = [0.5, 0.6, 0.75, 0.9, 1.0], [0.4, 0.4, 0.4, 0.4, 0.4]
    assert wilcoxon_over_pairs(first, second, "greater") == pytest.approx(1 / 32)
    assert wilcoxon_over_pairs(first, second) == pytest.approx(2 / 32)
    assert wilcoxon_over_pairs(first, second, "less") == pytest.approx(1.0)


def test_copies_of_the_same_pairs_make_this_test_believe_what_the_patients_do_not_say() -> None:
    first, second = np.array([0.52, 0.55, 0.49, 0.57]), np.array([0.5, 0.5, 0.5, 0.5])
    once, twelve_times = (wilcoxon_over_pairs(np.tile(first, n), np.tile(second, n)) for n in (1, 12))
    assert once > 0.1
    assert twelve_times < 1e-4


def test_equal_scores_have_a_p_of_one() -> None:
    assert wilcoxon_over_pairs([0.5, 0.6], [0.5, 0.6]) == 1.0


def test_scores_of_different_pairs_are_refused() -> None:
    with pytest.raises(DataError, match="2 and 3; expected two scores for every pair"):
        wilcoxon_over_pairs([0.5, 0.6], [0.5, 0.6, 0.7])


def test_the_rank_biserial_is_the_signed_share_of_the_ranks() -> None:
    # Ranks of the sizes 1, 2, 3, 4 with the third negative: (1 + 2 - 3 + 4) / 10.
    assert rank_biserial([0.1, 0.2, -0.3, 0.4]) == pytest.approx(0.4)
    # Ties share a rank: sizes 1, 1, 2 have the ranks 1.5, 1.5, 3; zeros are left out.
    assert rank_biserial([1, -1, 2, 0]) == pytest.approx(3 / 6)
    assert (rank_biserial([1, 2]), rank_biserial([-1, -2]), rank_biserial([0, 0])) == (1, -1, 0)
