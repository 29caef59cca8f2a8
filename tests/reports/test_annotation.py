from __future__ import annotations

import pytest
from scipy import stats

from synthboost.records.run_folder import RunRecord
from synthboost.reports.annotation import (
    REAL_ONLY,
    Setting,
    annotation_plot,
    annotation_points,
    annotation_table,
    gain,
)
from synthboost.reports.series import rows_of_runs

SETTING = Setting("cris", "trained", "P1")
ARM = "diffusion images, then real"


@pytest.fixture
def runs(make_study_run) -> list[RunRecord]:
    made = [make_study_run([0.2, 0.4], "synthetic")]
    for patients, alone, after in ((10, (0.5, 0.7), (0.8, 0.8)), (50, (0.8, 0.8), (0.8, 0.9))):
        for seed in (0, 1):
            made.append(make_study_run(list(alone), "real", patients=patients, seed=seed))
            made.append(make_study_run(list(after), "synth-PT:real-FT", patients=patients, seed=seed))
    return made


def test_points_are_sorted_by_arm_and_by_the_number_of_annotated_patients(runs: list[RunRecord]) -> None:
    [(setting, points)] = annotation_points(rows_of_runs(runs)).items()
    assert setting == SETTING
    assert [(p.arm, p.patients, p.seeds) for p in points] == [
        (REAL_ONLY, 10, 2), (REAL_ONLY, 50, 2), (ARM, 0, 1), (ARM, 10, 2), (ARM, 50, 2),
    ]  # fmt: skip


def test_one_number_of_patients_is_no_question_of_annotation(make_study_run) -> None:
    runs = [make_study_run([0.5, 0.6], strategy) for strategy in ("real", "synth-PT:real-FT")]
    assert annotation_points(rows_of_runs(runs)) == {}


def test_the_gain_is_the_difference_to_as_many_real_patients_alone(runs: list[RunRecord]) -> None:
    points = annotation_points(rows_of_runs(runs))[SETTING]
    alone, _, nobody, ten, _ = points
    found = gain(ten, points)
    assert found is not None
    # (0.3 + 0.1) / 2 over two patients; both seeds scored the same, so that patients alone vary.
    assert found.mean == pytest.approx(0.2)
    assert found.over_trainings is not None
    half = stats.t.ppf(0.975, 1) * 0.1
    assert (found.over_trainings.low, found.over_trainings.high) == pytest.approx((0.2 - half, 0.2 + half))
    assert gain(alone, points) is None
    assert gain(nobody, points) is None, "nothing real stands beside no patient"


def test_the_table_says_what_annotation_is_worth(runs: list[RunRecord]) -> None:
    table = annotation_table(SETTING, annotation_points(rows_of_runs(runs))[SETTING])
    text = [[cell.text for cell in line] for line in table.lines]
    assert [line[:4] for line in text] == [
        [REAL_ONLY, "10", "2", "60.00"],
        [REAL_ONLY, "50", "2", "80.00"],
        ["diffusion images", "0", "1", "30.00"],
        [ARM, "10", "2", "80.00"],
        [ARM, "50", "2", "85.00"],
    ]
    assert [line[5] for line in text] == ["–", "–", "–", "+20.00", "+5.00"]


def test_the_figure_says_its_numbers_in_words(runs: list[RunRecord]) -> None:
    plot = annotation_plot(SETTING, annotation_points(rows_of_runs(runs))[SETTING])
    assert plot.alternative == (
        "real only: 60.0 % with 10, 80.0 % with 50; "
        "diffusion images, then real: 30.0 % with 0, 80.0 % with 10, 85.0 % with 50"
    )
    assert [label.get_text() for label in plot.figure.axes[0].get_xticklabels()] == ["0", "10", "50"]


def test_what_no_interval_can_be_formed_of_is_left_to_the_other_tables(make_study_run) -> None:
    def study(dice: list, seeds: tuple[int, int] = (0, 1)) -> list[RunRecord]:
        return [make_study_run(dice, "real", patients=n, seed=seed) for n in (10, 50) for seed in seeds]

    assert annotation_points(rows_of_runs(study([0.5]))) == {}, "one judged patient"
    assert annotation_points(rows_of_runs(study([0.5, None]))) == {}, "a pair that was not scored"
    assert annotation_points(rows_of_runs(study([0.5, 0.6]))) != {}
