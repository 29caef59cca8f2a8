"""Breakdowns: levels in the words' order, bands at their edges, unknown levels named or left out."""

from __future__ import annotations

import pytest

from synthboost.evaluation.statistics.groups import GROUPINGS
from synthboost.records.rows import rows_frame
from synthboost.reports.arms import ordered_arms
from synthboost.reports.dice import breakdown_table, pooled_breakdown


def arms_of(rows):
    return ordered_arms(rows_frame(rows))


def cells(table, line=0):
    return {column.heading: cell.text for column, cell in zip(table.columns, table.lines[line], strict=True)}


def test_age_bands_are_columns_from_young_to_old(make_row):
    rows = [make_row(dice, age=age, frame=f"f{age}") for dice, age in ((0.6, 81), (0.8, 30), (0.9, 40), (0.7, None))]
    line = cells(breakdown_table(arms_of(rows), "age_band"))
    assert list(line)[1:] == ["under 50 (n = 2)", "80 or older (n = 1)", "unknown (n = 1)"]
    assert line["under 50 (n = 2)"] == "85.00 ± 7.07"


@pytest.mark.parametrize("by", ["sex", "age_band", "ef_class"])
def test_what_nobody_recorded_is_no_table(make_row, by):
    assert breakdown_table(arms_of([make_row(0.8)]), by).lines == ()


def test_prompt_sets_are_pooled_without_the_one_that_names_nothing(make_row):
    rows = [make_row(0.8, prompt_set="P1"), make_row(0.9, prompt_set="P6"), make_row(0.1, prompt_set="P0")]
    rows += [make_row(0.4, model="baseline", strategy="text-blind", prompt_set="P1")]
    table = pooled_breakdown(arms_of(rows), "view")
    assert [[cell.text for cell in line] for line in table.lines] == [
        ["text-blind baseline", "baseline", "trained", "40.00 ± –"],
        ["real", "tiny", "trained", "85.00 ± 7.07"],
    ]
    assert table.columns[-1].heading == "2CH (n = 1 to 2)"


def test_prompt_sets_that_only_one_strategy_has_are_not_pooled(make_row):
    rows = [make_row(0.8, prompt_set="P1"), make_row(0.9, prompt_set="P6")]
    rows += [make_row(0.7, prompt_set="P1", strategy="synthetic", synthetic="simulated")]
    table = pooled_breakdown(arms_of(rows), "view")
    assert [(cells(table, line)["strategy"], cells(table, line)["2CH (n = 1)"]) for line in (0, 1)] == [
        ("real", "80.00 ± –"),
        ("synthetic", "70.00 ± –"),
    ]
    assert "(tiny: P1)" in table.caption


def test_kinds_of_synthetic_images_and_numbers_of_patients_are_not_pooled(make_row):
    rows = [
        make_row(0.7, strategy="synthetic", synthetic=kind, frame=f"f{n}")
        for n, kind in enumerate(("diffusion", "simulated"))
    ]
    table = pooled_breakdown(arms_of(rows), "view")
    assert [cells(table, line)["synthetic images"] for line in (0, 1)] == ["diffusion", "simulated"]


def test_every_breakdown_has_a_name_of_its_own(make_row):
    names = {breakdown_table(arms_of([make_row(0.8)]), by).name for by in GROUPINGS}
    assert "dice_by_ef_class" in names
    assert len(names) == 9
