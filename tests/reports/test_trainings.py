"""Comparisons say whether both sides were trained equally long, pretraining counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from synthboost.reports import content_from_runs, write_report
from synthboost.reports.arms import ordered_arms
from synthboost.reports.content import headline
from synthboost.reports.contrasts import STRATEGIES, difference_table, differences, family_tables
from synthboost.reports.run_facts import by_name, trainings_text
from synthboost.reports.series import rows_of_runs


@pytest.fixture
def trained(make_study_run, make_log):
    """A run of so many epochs of 100 images in batches of 30 (four steps), after its parent if it has one."""

    def make(dice, strategy, epochs, parent=None, batch=30, **other):
        run = make_study_run(dice, strategy, **other)
        stages = tuple(replace(stage, training={"batch_images": batch}) for stage in run.spec.stages)
        spec = replace(run.spec, stages=stages)
        manifest = replace(run.manifest, parent=parent and parent.spec.name)
        return replace(run, spec=spec, manifest=manifest, log=make_log([0.5] * epochs))

    return make


def text_of(first, second, *others):
    return trainings_text([([first.spec.name], [second.spec.name])], by_name([first, second, *others]))


def test_equal_steps_are_called_equal_and_unequal_ones_not(trained):
    first, second = trained([0.8], "synthetic", 5), trained([0.7], "real", 5)
    assert text_of(first, second) == "At equal steps: both sides were trained for 5 epochs, 20 optimiser steps."
    longer = trained([0.8], "synthetic", 10)
    assert text_of(longer, second) == (
        "Not at equal steps: the first side was trained for 10 epochs, 40 optimiser steps, the second for 5 epochs, "
        "20 optimiser steps."
    )


def test_pretraining_counts_and_is_missed_when_its_run_is_not_given(trained):
    parent = trained([0.8], "synthetic", 5)
    first, second = trained([0.8], "synth-PT:real-FT", 5, parent), trained([0.7], "real", 10)
    assert text_of(first, second, parent) == (
        "At equal steps: both sides were trained for 10 epochs, 40 optimiser steps."
    )
    assert text_of(first, second).endswith(
        "Pretraining whose run was not given, and does not lie beside these, is not counted."
    )
    as_long = trained([0.7], "real", 5)
    assert text_of(first, as_long).startswith(
        "Apart from pretraining, at equal steps: both sides were trained for 5 epochs"
    )
    assert "the first side was trained for 5 epochs, 20 optimiser steps" in text_of(first, second)


def test_steps_that_nobody_recorded_are_not_made_up(trained):
    first, second = trained([0.8], "synthetic", 5, batch=None), trained([0.7], "real", 3)
    assert text_of(first, second) == (
        "Whether at equal steps is not recorded: the first side was trained for 5 epochs, the second for 3 epochs."
    )


def test_what_nobody_trained_is_not_compared_in_steps(trained):
    assert text_of(trained([0.8], "zero-shot", 0), trained([0.7], "zero-shot", 0, seed=1)) == ""


def test_seeds_are_a_range(trained):
    first = [trained([0.8], "synthetic", epochs, seed=epochs) for epochs in (3, 5)]
    second = trained([0.7], "real", 4)
    found = trainings_text([([run.spec.name for run in first], [second.spec.name])], by_name([*first, second]))
    assert "first side was trained for 3 to 5 epochs, 12 to 20 optimiser steps, the second for 4 epochs, 16 " in found


def test_models_that_take_other_numbers_of_steps_are_each_compared_with_themselves(trained):
    runs = [
        trained([0.7, 0.8], strategy, epochs, model=model)
        for model, epochs in (("cris", 5), ("clipseg", 10)) for strategy in ("real", "synthetic")
    ]  # fmt: skip
    known, rows = by_name(runs), rows_of_runs(runs)
    said = "At equal steps: both sides were trained for 5 to 10 epochs, 20 to 40 optimiser steps."
    assert headline(ordered_arms(rows), differences(ordered_arms(rows)), known=known).endswith(said)
    (family,), _ = family_tables(rows, known)
    assert family.notes[0] == said


def test_headline_differences_families_and_page_say_it(trained, tmp_path):
    runs = [trained([0.7, 0.8], "real", 5), trained([0.8, 0.9], "synthetic", 10)]
    said = "Not at equal steps: the first side was trained for 10 epochs, 40 optimiser steps, the second for 5 epochs"
    arms, known = ordered_arms(rows_of_runs(runs)), by_name(runs)
    found = differences(arms)
    assert said in headline(arms, found, known=known)
    assert said in difference_table(found, STRATEGIES, known).notes[0]
    (family,), _ = family_tables(rows_of_runs(runs), known)
    assert said in family.notes[0]
    write_report(tmp_path / "r.html", runs, content_from_runs(runs))
    assert (tmp_path / "r.html").read_text(encoding="utf-8").count(said) == 3


def test_training_settings_that_were_recorded_are_shown(trained, tmp_path):
    runs = [trained([0.7, 0.8], "real", 5)]
    write_report(tmp_path / "r.html", runs, content_from_runs(runs))
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "training settings (real)</dt><dd>batch_images 30" in text
    assert "not recorded: training settings" not in text


def test_each_data_set_is_listed_once_with_its_uses(trained, tmp_path):
    run = trained([0.7, 0.8], "real", 5)
    camus = run.spec.data["real"]
    data = {"real": camus, "evaluation": replace(camus, patients=50, frames=200)}
    runs = [replace(run, spec=replace(run.spec, data=data)), trained([0.7, 0.8], "real", 5, patients=10, seed=1)]
    write_report(tmp_path / "r.html", runs, content_from_runs(runs), files=tmp_path / "files")
    assert (tmp_path / "files" / "tables" / "data.csv").read_text().splitlines() == [
        "data set,domain,used as",
        'camus,real,"real: 10 patients, 40 frames; real: 400 patients, 1,600 frames; '
        'evaluation: 50 patients, 200 frames"',
    ]


def test_validation_patients_are_never_called_test_patients(trained, tmp_path):
    runs = [trained([0.7, 0.8], "real", 5, split="no-test")]
    write_report(tmp_path / "r.html", runs, content_from_runs(runs))
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "part official validation" in text
    assert "test images" not in text
    assert "part testing" not in text
