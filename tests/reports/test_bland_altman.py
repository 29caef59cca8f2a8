"""The table and the plot of agreement."""

from __future__ import annotations

import numpy as np

from synthboost.evaluation.clinical.method_agreement import method_agreement
from synthboost.reports.bland_altman import Compared, agreement_lines, agreement_table, bland_altman_plot
from synthboost.reports.table import to_csv, to_markdown

VALUES = np.array([[52.0, 50.0], [43.0, 40.0], [31.0, 30.0]])
AGREEMENT = method_agreement(VALUES[:, 0], VALUES[:, 1])
FULL = Compared("EF", "%", "predicted", "stated", VALUES, (("patient0004", "no cavity"),), AGREEMENT)
EMPTY = Compared("LA volume", "ml", "predicted", "reference", np.zeros((0, 2)), (), None)


def test_the_table_counts_who_is_missing_and_names_them():
    table = agreement_table([FULL, EMPTY], "Agreement.")
    first, second = table.lines
    assert [cell.text for cell in first[:6]] == ["EF", "predicted", "stated", "%", "3", "1"]
    # Differences 2, 3, 1: bias 2, sd 1, t(2) = 4.303, so 2 +- 4.303 / sqrt(3) = -0.5 to 4.5.
    assert first[6].text == "+2.0 [−0.5, +4.5]"
    assert second[6].values == (None, None, None)
    text = to_markdown(table)
    assert "patient0004" in text
    assert "not a medical device" in text
    assert len(to_csv(table).splitlines()) == 3


def test_the_summary_gives_the_values_themselves_where_there_are_too_few_for_an_interval():
    one = Compared("EF", "%", "predicted", "stated", np.array([[38.2, 45.0]]), (), None)
    assert agreement_lines([one, EMPTY]) == [
        "EF: predicted - stated (%): 38.2 against 45.0 (too few patients for an interval)",
        "LA volume: predicted - reference (ml): no patient has both (too few patients for an interval)",
    ]
    assert agreement_lines([FULL])[0].startswith("EF: predicted - stated (%): bias ")


def test_the_plot_leaves_out_what_has_no_agreement_and_says_what_it_shows(tmp_path):
    plot = bland_altman_plot([FULL, EMPTY], "Agreement.")
    assert "bias 2.0, limits 0.0 to 4.0, 3 patients" in plot.alternative
    assert len(plot.figure.axes) == 1
    plot.write(tmp_path)
    svg, pdf = (tmp_path / f"{plot.name}.{suffix}" for suffix in plot.suffixes)
    assert "<svg" in svg.read_text()
    assert pdf.stat().st_size > 1000
