"""The paper's tables with our numbers: pooled over seeds as said, differences, dashes, and warnings."""

from __future__ import annotations

import pytest

from synthboost.records.rows import rows_frame
from synthboost.reports.paper_tables import cell_table, paper_tables, reasons_against, seed_cell
from synthboost.reports.series import series_of


def tables(*runs):
    (series,) = series_of(runs)
    return paper_tables(series)


def lines(table):
    """Line heads to cells by column."""
    return {
        line[0].values[0]: {c.heading: cell.text for c, cell in zip(table.columns[1:], line[1:], strict=True)}
        for line in table.lines
    }


def test_seeds_are_pooled_as_the_caption_says(make_row):
    rows = [make_row(d, seed=s, frame=f) for s, d, f in ((0, 0.8, "a"), (0, 0.9, "b"), (1, 0.6, "a"), (1, 0.8, "b"))]
    cell = seed_cell(rows_frame(rows))
    # Seeds' means 85 and 70; variances 50 and 200, their mean 125.
    assert cell.mean == pytest.approx(77.5)
    assert cell.seeds == pytest.approx((85, 70))
    assert cell.sd == pytest.approx(125**0.5)


def test_a_seed_with_fewer_pairs_counts_as_much_as_another(make_row):
    cell = seed_cell(rows_frame([make_row(0.8, frame="a"), make_row(0.8, frame="b"), make_row(0.5, seed=1)]))
    assert cell.mean == pytest.approx(65)


def test_failed_rows_are_counted_and_a_cell_of_failures_is_none(make_row):
    assert seed_cell(rows_frame([make_row(0.8), make_row(None, frame="b")])).failed == 1
    assert seed_cell(rows_frame([make_row(None)])) is None


def test_ours_seeds_the_papers_and_the_difference_stand_under_each_other(make_study_run):
    (table,) = tables(make_study_run([0.8, 0.9]), make_study_run([0.9, 1.0], seed=1))
    found = lines(table)
    assert found["real, CRIS"]["P1"] == "90.00 ± 7.07"
    assert found["real, CRIS: seeds"]["P1"] == "85.0 to 95.0"
    assert found["real, CRIS: paper"]["P1"] == "91.00 ± 6.34"
    assert found["real, CRIS: difference"]["P1"] == "−1.00"
    assert "Up to 2 seeds: the mean is over the seeds' means" in table.caption
    assert table.name == "paper_table_2"
    assert {table.lines[place][0].text for place in table.inset} == {"– seeds", "– paper", "– difference"}


def test_what_either_lacks_is_a_dash(make_study_run):
    (table,) = tables(make_study_run([0.8, 0.9], "synthetic", prompt_set="P7"), make_study_run([0.8]))
    found = lines(table)
    assert [column.heading for column in table.columns] == ["strategy, model", "P1", "P7"]  # what was run
    assert (found["synthetic, CRIS"]["P7"], found["synthetic, CRIS: paper"]["P7"]) == ("85.00 ± 7.07", "–")
    assert found["synthetic, CRIS"]["P1"] == "–"
    assert "synthetic, CRIS: difference" not in found
    assert found["real, CRIS: paper"]["P7"] != "–"
    assert not any(name.startswith("zero-shot") for name in found)  # nor is what was not run


def test_frozen_encoders_have_a_table_of_their_own_without_zero_shot(make_study_run):
    found = tables(make_study_run([0.8]), make_study_run([0.7], encoders="frozen"))
    assert [table.name for table in found] == ["paper_table_2", "paper_table_3"]
    assert lines(found[1])["real, CRIS: difference"]["P1"] == "−18.41"  # 70 - 88.41
    assert not any(name.startswith("zero-shot") for name in lines(found[1]))


def test_random_weights_are_not_the_papers_zero_shot(make_study_run):
    (table,) = tables(make_study_run([0.1], "zero-shot", encoders="random weights"))
    found = lines(table)
    assert found["zero-shot (random weights), CRIS"]["P1"] == "10.00 ± –"
    assert "zero-shot (random weights), CRIS: paper" not in found


def test_baselines_and_other_models_stand_below_in_the_same_table(make_study_run, make_run, make_row):
    rows = [make_row(0.4, run="b", model="baseline", strategy="text-blind", encoders="none", prompt_set="P1")]
    baseline = make_run(rows, spec={"model": "baseline", "strategy": "text-blind", "encoders": "none"}, root="runs/b")
    unet = make_study_run([0.9], model="unet")
    (table,) = tables(make_study_run([0.8]), unet, baseline)
    found = lines(table)
    assert found["text-blind, baseline"]["no sentence"] == "40.00 ± –"
    assert found["real, unet"]["no sentence"] == "90.00 ± –"
    assert list(found)[-1] == "text-blind, baseline"


def test_ways_of_training_that_the_paper_lacks_are_only_among_the_cells(make_study_run):
    (series,) = series_of([make_study_run([0.8]), make_study_run([0.7], encoders="lora-8")])
    (table,) = paper_tables(series)
    assert lines(table)["real, CRIS"]["P1"] == "80.00 ± –"
    assert ["lora-8", "real", "cris", "P1"] in [[c.text for c in line[:4]] for line in cell_table(series).lines]


def test_a_shape_word_from_the_true_mask_is_marked(make_study_run):
    (table,) = tables(make_study_run([0.8, 0.9], prompt_set="P7", uses_ground_truth=True))
    assert lines(table)["real, CRIS"]["P7"].endswith("†")
    assert any("uses ground truth" in note for note in table.notes)


def test_probes_are_not_in_the_tables(make_study_run):
    assert tables(make_study_run([0.8], probe="swapped")) == []


def test_the_papers_own_conditions_are_comparable(make_study_run):
    official = {"grid": "512x512", "split": "paper"}
    run = make_study_run([0.9] * 50, spec={"weights": "abc"}, **official)
    assert reasons_against([run]) == ()
    assert "Same test patients and grid" in tables(run)[0].caption


@pytest.mark.parametrize(
    ("other", "spec", "reason"),
    [
        ({"domain": "simulated"}, {}, "the test images are simulated"),
        ({"part": "validation"}, {}, "the validation patients of the split paper, not on the official test"),
        ({"split": "no-test"}, {}, "the official validation patients of the split no-test"),
        ({"grid": "native"}, {}, "scored on the native grid"),
        ({}, {"weights": None}, "models start from random weights"),
    ],
)
def test_whatever_is_not_as_in_the_paper_is_said_in_the_caption(make_study_run, other, spec, reason):
    official = {"grid": "512x512", "split": "paper"} | other
    run = make_study_run([0.9] * 50, spec={"weights": "abc"} | spec, **official)
    (found,) = reasons_against([run])
    assert reason in found
    assert found in tables(run)[0].caption


def test_fewer_patients_are_named_in_test_and_in_training(make_study_run):
    run = make_study_run([0.9] * 2, patients=10, spec={"weights": "abc"}, grid="512x512", split="paper")
    assert reasons_against([run]) == ("2 patients are tested, not 50", "trained on 10 real patients, not 400")


def test_the_cell_table_has_every_digit_on_one_line_per_cell(make_study_run):
    (series,) = series_of([make_study_run([0.8, 0.9]), make_study_run([0.9, 1.0], seed=1)])
    line = next(x for x in cell_table(series).lines if [c.text for c in x[:4]] == ["trained", "real", "cris", "P1"])
    values = [value for cell in line[4:] for value in cell.values]
    assert values == pytest.approx([90, 50**0.5, 2, 85, 95, 0, 91.0, 6.34, -1.0])
