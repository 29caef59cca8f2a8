"""Cells print means, deviations, intervals and signs as the tables need them."""

from __future__ import annotations

from synthboost.reports.table import absent, count, fixed, interval, mean_sd, signed


def test_a_mean_and_its_sample_deviation_are_printed_in_percent_with_two_decimals():
    # Mean of 0.8 and 0.9 is 0.85; deviations are 0.05 each; sqrt(2 * 0.0025 / 1) = 0.070711.
    assert mean_sd([0.8, 0.9], scale=100).text == "85.00 ± 7.07"


def test_one_value_has_no_deviation():
    cell = mean_sd([0.8], scale=100)
    assert cell.text == "80.00 ± –"
    assert cell.values == (80.0, None)


def test_no_value_is_a_dash_and_keeps_the_number_of_parts():
    assert mean_sd([]).text == "–"
    assert mean_sd([]).values == (None, None)
    assert absent().values == (None,)


def test_an_interval_keeps_its_order_and_its_signs():
    assert interval((-0.01, 0.02), scale=100, sign=True).text == "−1.00 to +2.00"
    assert interval(None).text == "–"


def test_there_is_no_negative_zero():
    assert fixed(-0.001, 2) == "0.00"
    assert signed(-0.00001, scale=100).text == "0.00"


def test_thousands_are_separated():
    assert count(12345).text == "12,345"
