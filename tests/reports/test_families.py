"""Families: one per contrast over all settings that both sides have, P0 left out; what cannot be tested says why."""

from __future__ import annotations

from synthboost.reports.contrasts import family_tables
from synthboost.reports.series import rows_of_runs


def rows(*runs):
    return rows_of_runs(runs)


def test_a_contrast_is_one_family_over_models_and_prompt_sets_without_p0(make_study_run):
    runs = [
        make_study_run(dice, strategy, model=model, prompt_set=prompt_set)
        for strategy, dice in (("real", [0.6, 0.7, 0.8]), ("synth-PT:real-FT", [0.7, 0.8, 0.9]))
        for model in ("cris", "clipseg") for prompt_set in ("P0", "P1", "P6")
    ]  # fmt: skip
    (table,), reasons = family_tables(rows(*runs))
    assert table.name == "family_synth-PT-real-FT-minus-real"
    assert "covers: 4 comparisons" in table.caption
    assert {line[-4].text for line in table.lines} == {"1, 1"}  # trainings
    # Three patients, all better: p = 2 / 2^3, corrected over four to 1.
    assert {(line[-3].text, line[-2].text) for line in table.lines} == {("0.25", "1")}
    assert reasons == []


def test_a_prompt_set_that_one_side_lacks_is_left_out(make_study_run):
    runs = [make_study_run([0.6, 0.7], prompt_set=name) for name in ("P1", "P7")]
    (table,), _ = family_tables(rows(*runs, make_study_run([0.5, 0.6], "synthetic")))
    assert "covers: 1 comparison." in table.caption


def test_frozen_and_trained_encoders_are_a_family_under_each_strategy(make_study_run):
    runs = [make_study_run([0.6, 0.7], encoders=encoders) for encoders in ("trained", "frozen")]
    (table,), _ = family_tables(rows(*runs))
    assert table.name == "family_frozen-minus-trained-real"


def test_failed_rows_are_a_reason_not_to_test(make_study_run):
    tables, (reason,) = family_tables(rows(make_study_run([0.6, None]), make_study_run([0.5, 0.6], "synthetic")))
    assert tables == []
    assert reason.startswith("synthetic minus real: not tested, because")


def test_no_rows_are_no_family():
    assert family_tables(rows()) == ([], [])
