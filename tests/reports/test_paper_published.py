"""The authors' published scores in the study's report: the paper's table 2 cell by cell, and its differences."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from synthboost.records.published import read_published
from synthboost.reports.contrasts import differences
from synthboost.reports.paper_tables import cell_table, paper_tables, reasons_against
from synthboost.reports.series import series_of

AUTHORS = os.environ.get("SYNTHBOOST_AUTHORS_METRICS")


@pytest.mark.skipif(AUTHORS is None, reason="SYNTHBOOST_AUTHORS_METRICS does not name the published metrics")
def test_the_published_scores_reproduce_table_2_cell_by_cell():
    runs = read_published(Path(str(AUTHORS)))
    (series,) = series_of(runs)
    assert reasons_against(runs) == ()
    found = {
        tuple(cell.text for cell in line[:4]): [value for cell in line[4:] for value in cell.values]
        for line in cell_table(series).lines
    }
    cells = {key: values for key, values in found.items() if key[2].endswith(" (published)") and values[8] is not None}
    assert len(cells) == 46
    for mean, sd, seeds, _, _, failed, paper_mean, paper_sd, difference in cells.values():
        assert (round(mean, 2), round(sd, 2)) == (paper_mean, paper_sd)
        assert (seeds, failed) == (1, 0)
        assert abs(difference) <= 0.005
    (table,) = paper_tables(series)
    assert "Same test patients and grid as the paper's." in table.caption
    for contrast in differences(series.arms):
        if contrast.paper is not None:
            assert contrast.points == pytest.approx(contrast.paper, abs=0.01)


def test_published_rows_stand_beside_ours_with_the_same_cell(make_study_run):
    (series,) = series_of([make_study_run([0.9]), make_study_run([0.8], model="cris (published)")])
    (table,) = paper_tables(series)
    heads = [line[0].values[0] for line in table.lines]
    assert heads.index("real, CRIS: difference") < heads.index("real, CRIS (published)")
    assert "real, CRIS (published): difference" in heads


def test_published_rows_alone_are_the_papers_own(make_study_run):
    official = {"grid": "512x512", "split": "official"}
    theirs = make_study_run([0.8] * 50, model="cris (published)", spec={"weights": "theirs"}, **official)
    assert reasons_against([theirs]) == ()
    ours = make_study_run([0.8] * 2, spec={"weights": "a"}, **official)
    assert reasons_against([theirs, ours]) == ("2 patients are tested, not 50",)
