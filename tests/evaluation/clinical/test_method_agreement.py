"""The published example of Bland and Altman, and small cases by hand."""

from __future__ import annotations

import pytest

from synthboost.errors import DataError
from synthboost.evaluation.clinical.method_agreement import method_agreement

# Peak expiratory flow, first measurement with either meter: Bland and Altman, Lancet 327:307-310, 1986, table 1.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_the_published_limits_are_found():
    found = method_agreement(LARGE, MINI)
    assert found.n == 17
    # The paper: mean -2.1, sd 38.8, 95 % CI -22.0 to 17.8; with 2 sd limits -79.7 and 75.5 (1.96 sd: -78.1 and 73.9).
    assert found.bias.value == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert (found.bias.low, found.bias.high) == pytest.approx((-22.0, 17.8), abs=0.1)
    assert (found.lower_limit.value, found.upper_limit.value) == pytest.approx((-78.1, 73.9), abs=0.1)
    # The paper's interval of a limit is +- 34.6 from sqrt(3 s2 / n); the unrounded factor gives 34.8.
    assert found.upper_limit.high - found.upper_limit.value == pytest.approx(34.8, abs=0.2)
    assert found.pearson == pytest.approx(0.943, abs=0.001)


def test_a_constant_shift_is_all_bias():
    found = method_agreement([1.0, 2.0, 4.0], [0.0, 1.0, 3.0])
    assert (found.bias.value, found.sd, found.mean_absolute_error) == (1, 0, 1)
    assert (found.bias.low, found.upper_limit.high) == (1, 1)
    assert (found.pearson, found.spearman) == pytest.approx((1, 1))


def test_errors_of_both_signs_cancel_in_the_bias_only():
    found = method_agreement([2.0, 0.0, 3.0, 3.0], [1.0, 1.0, 2.0, 4.0])
    assert (found.bias.value, found.mean_absolute_error) == (0, 1)
    assert found.sd == pytest.approx((4 / 3) ** 0.5)


def test_a_constant_method_has_no_correlation():
    found = method_agreement([5.0, 5.0, 5.0], [1.0, 2.0, 3.0])
    assert (found.pearson, found.spearman) == (None, None)


def test_rounding_is_no_variation_and_breaks_no_tie():
    # .1 + .2 is .3 but for 6e-17, so the second method is constant, or has a tie.
    constant, tied = [0.3, 0.1 + 0.2, 0.3, 0.1 + 0.2], [0.3, 0.1 + 0.2, 0.5, 0.6]
    assert method_agreement([1.0, 2.0, 3.0, 4.0], constant).pearson is None
    # Ranks 1 2 3 4 against 1.5 1.5 3 4: r = 4.5 / sqrt(5 * 4.5).
    assert method_agreement([1.0, 2.0, 3.0, 4.0], tied).spearman == pytest.approx(4.5 / (5 * 4.5) ** 0.5)


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ([1.0, 2.0], [1.0, 2.0], "patients: 2"),
        ([1.0] * 3, [1.0] * 4, "3 and 4"),
        ([1.0, 2.0, float("nan")], [1.0] * 3, "finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(first, second, named):
    with pytest.raises(DataError, match=named):
        method_agreement(first, second)
