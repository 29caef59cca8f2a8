"""Contrasts: over the same pairs, seeds averaged first, patients resampled, the paper's difference beside."""

from __future__ import annotations

import csv
import io

import pytest

from synthboost.reports.arms import ordered_arms
from synthboost.reports.bars import encoder_bars, series_bars, strategy_bars
from synthboost.reports.contrasts import ENCODERS, STRATEGIES, difference_table, differences
from synthboost.reports.series import rows_of_runs
from synthboost.reports.table import to_csv


def of(*runs):
    return differences(ordered_arms(rows_of_runs(runs)))


def test_a_difference_is_the_mean_over_pairs_with_its_interval_over_patients(make_study_run):
    (found,) = of(make_study_run([0.8] * 6), make_study_run([0.7, 0.9] * 3, "synthetic"))
    # Patients differ by -10 and +10: resampled means are -10, -6.7, ..., 10.
    assert found.name == "synthetic − real"
    assert found.points == pytest.approx(0)
    assert found.bounds == pytest.approx((-20 / 3, 20 / 3))
    assert (found.found.patients, found.found.patients_higher, found.found.pairs, found.reading) == (
        6,
        3,
        6,
        "not told apart",
    )
    assert found.paper == pytest.approx(84.72 - 91.00)


def test_seeds_are_averaged_pair_by_pair_and_shown_apart(make_study_run):
    (found,) = of(
        make_study_run([0.6, 0.8] * 3), make_study_run([0.8, 0.6] * 3, seed=1),
        make_study_run([0.7, 0.9] * 3, "synth-PT:real-FT"), make_study_run([0.9] * 6, "synth-PT:real-FT", seed=1),
    )  # fmt: skip
    # Patients: mean 0.8 - 0.7 and 0.9 - 0.7. Seeds: 10 and 20.
    assert found.by_seed == pytest.approx((10, 20))
    assert found.points == pytest.approx(15)
    assert found.bounds == pytest.approx((35 / 3, 55 / 3))  # one patient of one kind, five of the other
    assert found.reading == "higher"


def test_only_pairs_that_both_sides_scored_count(make_study_run):
    (found,) = of(make_study_run([0.8, 0.8, 0.8]), make_study_run([0.7, None, 0.7], "synthetic"))
    assert (found.found.pairs, found.points) == (2, pytest.approx(-10))


def test_sides_without_a_pair_in_common_give_no_contrast(make_study_run):
    assert of(make_study_run([0.8], frame="x"), make_study_run([0.7], "synthetic", frame="y")) == []


def test_sides_with_other_numbers_of_real_patients_are_not_compared(make_study_run):
    assert of(make_study_run([0.8], patients=10), make_study_run([0.9], "synth-PT:real-FT", patients=50)) == []


def test_frozen_is_compared_with_trained_under_the_same_strategy(make_study_run):
    (found,) = of(make_study_run([0.8, 0.8]), make_study_run([0.7, 0.7], encoders="frozen"))
    assert (found.name, found.encoders, found.points) == ("real", "frozen − trained", pytest.approx(-10))
    assert found.paper == pytest.approx(88.41 - 91.00)


def test_every_other_policy_is_compared_with_trained_encoders(make_study_run):
    policies = {"frozen": 0.7, "vision=trained,text=lora-8": 0.75}
    found = of(make_study_run([0.8, 0.8]), *(make_study_run([d, d], encoders=name) for name, d in policies.items()))
    table = difference_table(found, ENCODERS)
    assert [[line[n].text for n in (0, 2, 4)] for line in table.lines] == [
        ["real", "frozen − trained", "−10.00"],
        ["real", "vision=trained,text=lora-8 − trained", "−5.00"],
    ]
    [plot] = encoder_bars(found)
    assert plot.name == "encoders-minus-trained"
    assert "cris real vision=trained text=lora-8, P1 -5.0" in plot.alternative


def test_one_patient_gives_no_interval_and_no_reading(make_study_run):
    (found,) = of(make_study_run([0.8]), make_study_run([0.7], "synthetic"))
    assert (found.bounds, found.reading) == (None, "too few patients to tell")


def test_below_six_patients_no_test_can_reach_005_and_nothing_is_read(make_study_run):
    readings = []
    for patients in (5, 6):
        (found,) = of(make_study_run([0.8] * patients), make_study_run([0.7] * patients, "synthetic"))
        readings.append((found.found.p_value < 0.05, found.bounds, found.reading))
    told = pytest.approx((-10, -10))
    assert readings == [(False, told, "too few patients to tell"), (True, told, "lower")]


def test_csv_names_every_column_once_and_clearly(make_study_run):
    found = of(make_study_run([0.8, 0.8]), make_study_run([0.7, 0.9], "synthetic"))
    header, line = csv.reader(io.StringIO(to_csv(difference_table(found, STRATEGIES))))
    assert header[4:] == [
        "difference", "95 % interval low", "95 % interval high", "reading", "patients higher", "patients", "pairs",
        "seeds", "lowest seed", "highest seed", "paper's difference",
    ]  # fmt: skip
    assert (line[4], line[8], line[9], line[-1]) == ("0.0", "1", "2", "-6.28")


def test_the_table_has_a_line_per_contrast_in_the_papers_order(make_study_run):
    found = of(
        make_study_run([0.8, 0.8]), make_study_run([0.7, 0.7], "synthetic"),
        make_study_run([0.9, 0.9], "synth-PT:real-FT"),
    )  # fmt: skip
    table = difference_table(found, STRATEGIES)
    assert [[cell.text for cell in line[:6]] for line in table.lines] == [
        ["synthetic − real", "CRIS", "trained", "P1", "−10.00", "−10.00 to −10.00"],
        ["synth-PT:real-FT − real", "CRIS", "trained", "P1", "+10.00", "+10.00 to +10.00"],
    ]


def test_figures_are_drawn_per_encoders_and_over_series(make_study_run):
    found = of(
        make_study_run([0.8, 0.8]), make_study_run([0.7, 0.7], "synthetic"),
        make_study_run([0.7, 0.8], encoders="frozen"), make_study_run([0.6, 0.7], "synthetic", encoders="frozen"),
    )  # fmt: skip
    plots = strategy_bars(found)
    assert [plot.name for plot in plots] == ["strategy-differences_trained", "strategy-differences_frozen"]
    assert "cris synthetic − real P1 -10.0" in plots[0].svg
    assert [plot.name for plot in encoder_bars(found)] == ["frozen-minus-trained"]
    assert series_bars({"10 patients": found}) == []
    assert len(series_bars({"10 patients": found, "50 patients": found})) == 2


def test_no_contrast_is_no_figure():
    assert strategy_bars([]) == encoder_bars([]) == []
