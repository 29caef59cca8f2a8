"""Tables of rows: every number worked by hand, failures shown, ground truth and simulated targets named."""

from __future__ import annotations

import pytest

from synthboost.errors import DataError
from synthboost.evaluation.statistics.groups import GROUPINGS
from synthboost.records.rows import Status, rows_frame
from synthboost.reports import content_from_runs, write_report
from synthboost.reports.arms import ordered_arms
from synthboost.reports.dice import breakdown_table, dice_table, distance_table, sentence_table
from synthboost.reports.sections import for_simulated_target


def arms_of(rows):
    return ordered_arms(rows_frame(rows))


def row_tables(rows):
    arms = arms_of(rows)
    tables = [dice_table(arms), sentence_table(rows_frame(rows)), distance_table(arms)]
    return [*tables, *(breakdown_table(arms, by) for by in GROUPINGS)]


def cells(table, line=0):
    """One line of a table by column heading."""
    return {column.heading: cell.text for column, cell in zip(table.columns, table.lines[line], strict=True)}


def test_dice_is_pooled_over_pairs_and_split_by_structure(make_row):
    rows = [
        make_row(0.8),
        make_row(0.9, structure="MYO"),
        make_row(0.6, patient="p2", frame="p2_2CH_ED"),
        make_row(0.7, patient="p2", frame="p2_2CH_ED", structure="MYO"),
    ]
    line = cells(dice_table(arms_of(rows)))
    # Mean 0.75; squares 0.05² + 0.15² + 0.15² + 0.05² = 0.05; sqrt(0.05 / 3) = 0.129099.
    assert line["Dice %"] == "75.00 ± 12.91"
    assert line["LV Dice %"] == "70.00 ± 14.14"
    assert line["MYO Dice %"] == "80.00 ± 14.14"
    assert (line["images"], line["pairs"], line["patients"]) == ("2", "4", "2")


def test_the_interval_resamples_patients_not_pairs(make_row):
    # Two patients of means 0.6 and 0.8: resampled means are 0.6, 0.7, 0.8, whatever the number of pairs.
    rows = [make_row(0.8, structure=s) for s in ("LV", "MYO", "LA")]
    rows += [make_row(0.6, patient="p2", frame="f2", structure=s) for s in ("LV", "MYO", "LA")]
    assert cells(dice_table(arms_of(rows)))["95 % interval"] == "60.00 to 80.00"


def test_one_patient_gives_no_interval(make_row):
    assert cells(dice_table(arms_of([make_row(0.8)])))["95 % interval"] == "–"


def test_failed_rows_are_counted_listed_and_left_out_of_the_mean(make_row):
    rows = [make_row(0.8), make_row(None, structure="LA", reason="mask is absent")]
    table = dice_table(arms_of(rows))
    assert cells(table)["failed"] == "1"
    assert cells(table)["Dice %"] == "80.00 ± –"
    assert cells(table)["LA Dice %"] == "–"
    assert "run-a: p1_2CH_ED LA (mask is absent)" in table.notes[-1]


def test_many_failures_are_listed_in_part_and_counted_in_full(make_row):
    table = dice_table(arms_of([make_row(None, frame=f"f{i}") for i in range(25)]))
    assert "(25)" in table.notes[-1]
    assert table.notes[-1].endswith("; and 5 more.")


def test_a_run_in_which_everything_failed_is_still_a_line(make_row):
    line = cells(dice_table(arms_of([make_row(None)])))
    assert (line["Dice %"], line["failed"], line["pairs"]) == ("–", "1", "1")


def test_an_empty_prediction_counts_with_dice_zero_and_is_counted(make_row):
    rows = [make_row(0.8), make_row(0.0, structure="LA", status=Status.EMPTY_PREDICTION)]
    line = cells(dice_table(arms_of(rows)))
    assert line["empty"] == "1"
    assert line["Dice %"].startswith("40.00")


def test_a_scored_row_without_dice_is_refused(make_row):
    with pytest.raises(DataError, match="dice"):
        arms_of([make_row(0.8), make_row(None, structure="LA", status=Status.OK)])


def test_the_same_pair_scored_twice_is_refused_and_both_runs_are_named(make_row):
    with pytest.raises(DataError, match="runs run-a and run-b"):
        arms_of([make_row(0.8), make_row(0.7, run="run-b")])


def test_two_seeds_share_a_line(make_row):
    table = dice_table(arms_of([make_row(0.8), make_row(0.6, seed=1)]))
    assert len(table.lines) == 1
    assert (cells(table)["seeds"], cells(table)["pairs"], cells(table)["Dice %"]) == ("2", "1", "70.00 ± 14.14")


def test_lines_stand_in_the_papers_order_after_the_baselines(make_row):
    strategies = ["mixed", "synth-PT:real-FT", "own", "zero-shot", "synthetic", "real"]
    rows = [make_row(0.5, strategy=name) for name in strategies]
    rows += [make_row(0.4, model="baseline", strategy="text-blind", encoders="", prompt_set="")]
    table = dice_table(arms_of(rows))
    assert [line[0].text for line in table.lines] == [
        "text-blind baseline", "zero-shot", "real", "synthetic", "synth-PT:real-FT", "mixed", "own",
    ]  # fmt: skip


def test_what_differs_is_a_column_and_what_does_not_is_in_the_caption(make_row):
    table = dice_table(arms_of([make_row(0.8), make_row(0.7, prompt_set="P1")]))
    assert [cells(table, line)["sentences"] for line in (0, 1)] == ["P1", "P6"]
    assert "Model tiny, encoders trained, tested on real, part testing, grid native." in table.caption


def test_a_sentence_that_uses_ground_truth_is_marked_and_explained(make_row):
    table = dice_table(arms_of([make_row(0.8, uses_ground_truth=True)]))
    assert cells(table)["strategy"] == "real †"
    assert "Uses ground truth" in table.caption
    assert "uses ground truth" in table.notes[0]


def test_a_simulated_target_is_called_so_in_heading_and_caption(make_row):
    rows = [make_row(0.8), make_row(0.3, probe="swapped")]
    for table in map(for_simulated_target, (table for table in row_tables(rows) if table.lines)):
        assert table.columns[0].heading == 'strategy ("real" = simulated target domain)'
        assert '"real" is a simulated target domain here' in table.caption


def test_a_real_target_is_not_called_simulated(make_row):
    assert not any("simulated" in table.caption for table in row_tables([make_row(0.8)]))


def test_distances_are_in_millimetres_with_the_median_beside_the_mean(make_row):
    rows = [
        make_row(0.8, hd95_mm=2.0),
        make_row(0.8, structure="MYO", hd95_mm=3.0),
        make_row(0.8, structure="LA", hd95_mm=10.0),
    ]
    line = cells(distance_table(arms_of(rows)))
    # Mean 5; squares 9 + 4 + 25 = 38; sqrt(38 / 2) = 4.358899.
    assert line["HD95 mm"] == "5.00 ± 4.36"
    assert line["median HD95 mm"] == "3.00"
    assert line["NSD %"] == "80.00 ± 0.00"


def test_distances_that_no_row_has_are_not_recorded(make_row):
    table = distance_table(arms_of([make_row(0.8, nsd=None, hd95_mm=None, assd_mm=None)]))
    assert cells(table)["HD95 mm"] == "not recorded"


def test_distances_that_only_some_rows_have_are_refused(make_row):
    with pytest.raises(DataError, match="hd95_mm: absent for p1_2CH_ED LA"):
        distance_table(arms_of([make_row(0.8), make_row(0.8, structure="LA", hd95_mm=None)]))


def test_a_breakdown_has_a_column_per_value_in_the_words_order(make_row):
    rows = [
        make_row(0.6, quality="Poor"),
        make_row(0.8, frame="f2", quality="Good"),
        make_row(0.7, frame="f3", quality=None),
        make_row(0.9, frame="f4", quality="Good"),
    ]
    line = cells(breakdown_table(arms_of(rows), "quality"))
    assert list(line)[1:] == ["Good (n = 2)", "Poor (n = 1)", "unknown (n = 1)"]
    assert line["Good (n = 2)"] == "85.00 ± 7.07"


def test_a_wrong_sentence_is_compared_over_the_same_pairs(make_row):
    rows = [
        make_row(dice - loss, patient=f"p{n}", frame=f"f{n}", probe=probe)
        for n, dice in enumerate([0.9, 0.7] * 3)
        for probe, loss in (("", 0), ("swapped", 0.4))
    ]
    rows.append(make_row(0.1, patient="other", frame="other"))
    line = cells(sentence_table(rows_frame(rows)))
    # All patients lose 0.4, so every resampled mean is 0.4; the last patient was not probed. 0.4 / 0.8 = 50 %.
    # SD: sqrt(6 * 0.1^2 / 5) = 0.1095.
    assert line["right sentence"] == "80.00 ± 10.95"
    assert line["another structure's sentence"] == "40.00 ± 10.95"
    assert line["loss, points"] == "+40.00"
    assert line["95 % interval of the loss"] == "+40.00 to +40.00"
    assert line["pairs"] == "6"
    assert line["reading"] == "used: a wrong sentence loses 50 % of the Dice"
    few = cells(sentence_table(rows_frame(rows[:10])))
    assert (few["95 % interval of the loss"], few["reading"]) == ("+40.00 to +40.00", "too few patients to tell")


def test_a_model_that_does_not_read_is_said_not_to(make_row):
    rows = [make_row(0.8, patient=p, probe=probe) for p in "abcdef" for probe in ("", "swapped")]
    line = cells(sentence_table(rows_frame(rows)))
    assert (line["loss, points"], line["reading"]) == ("0.00", "no sign that it is used")


def test_probes_never_enter_the_ordinary_tables(make_row):
    assert cells(dice_table(arms_of([make_row(0.8), make_row(0.2, probe="swapped")])))["Dice %"] == "80.00 ± –"


def test_no_rows_give_tables_without_lines():
    assert [len(table.lines) for table in row_tables([])] == [0] * 12


def test_tables_are_written_in_four_formats(make_row, make_run, tmp_path):
    runs = [make_run([make_row(0.8), make_row(0.3, probe="swapped")])]
    write_report(tmp_path / "report.html", runs, content_from_runs(runs), files=tmp_path)
    names = {path.name for path in tmp_path.glob("tables/*")}
    known = [table.name for table in row_tables([make_row(0.8), make_row(0.3, probe="swapped")]) if table.lines]
    assert {f"{name}.{suffix}" for name in known for suffix in ("md", "tex", "csv", "html")} <= names
    assert "80.00 ± –" in (tmp_path / "tables" / "dice.md").read_text(encoding="utf-8")
