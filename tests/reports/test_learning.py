"""Learning over seeds: mean and range to the last common epoch, medians over the seeds that arrived."""

from __future__ import annotations

from dataclasses import replace

import pytest

from synthboost.reports.learning import convergence_table, curves_of, learning_plots


def cells(table, line=0):
    return {column.heading: cell.text for column, cell in zip(table.columns, table.lines[line], strict=True)}


def seeds(make_run, make_log, *dice, strategy="real", **spec):
    return [
        make_run(
            log=make_log(values),
            spec={"name": f"{strategy}{k}", "model": "cris", "strategy": strategy, "encoders": "trained",
                  "prompt_set": "P1", "seed": k} | spec,
        )
        for k, values in enumerate(dice)
    ]  # fmt: skip


def test_a_band_reaches_to_the_last_epoch_that_all_seeds_have(make_run, make_log):
    runs = seeds(make_run, make_log, [0.2, 0.6, 0.9], [0.4, 0.8])
    (group,) = curves_of(runs, runs)
    low, mean, high = group.over_seeds()
    assert (low, mean, high) == (pytest.approx([20, 60]), pytest.approx([30, 70]), pytest.approx([40, 80]))
    assert (group.common, group.images) == (2, ((100, 200, 300), (100, 200)))


def test_convergence_is_the_median_over_the_seeds_with_those_that_never_arrived_as_the_slowest(make_run, make_log):
    line = cells(convergence_table(seeds(make_run, make_log, [0.8], [0.5, 0.76], [0.1, 0.2, 0.3]), 0.75))
    assert line["seeds to Dice 75 %"] == "2 of 3"
    assert line["epochs to Dice 75 %"] == "2 (1 to not reached)"
    assert line["images to Dice 75 %"] == "200 (100 to not reached)"
    assert line["best validation Dice %"] == "76.00 (30.00 to 80.00)"


def test_pretraining_is_counted_or_said_to_be_missing(make_run, make_log, make_manifest):
    (parent,) = seeds(make_run, make_log, [0.5, 0.6], strategy="synthetic")
    (child,) = seeds(make_run, make_log, [0.8], strategy="synth-PT:real-FT")
    child = replace(child, manifest=make_manifest(parent="synthetic0"))
    line = cells(convergence_table([child, parent], 0.75), 1)
    assert line["images to Dice 75 % with pretraining"] == "300"
    line = cells(convergence_table([child], 0.75))
    assert line["images to Dice 75 % with pretraining"] == "parent run not found"


def test_what_no_seed_reached_is_said_so(make_run, make_log):
    line = cells(convergence_table(seeds(make_run, make_log, [0.1]), 0.75))
    assert line["epochs to Dice 75 %"] == line["images to Dice 75 % with pretraining"] == "not reached"


def test_many_runs_are_one_figure_per_model_and_encoders_with_a_panel_per_prompt_set(make_run, make_log):
    runs = seeds(make_run, make_log, [0.2, 0.4], [0.3]) + seeds(make_run, make_log, [0.2], prompt_set="P6")
    (plot,) = learning_plots(runs, 0.75)
    assert plot.name == "learning_cris_trained"
    assert len([axes for axes in plot.figure.axes if axes.get_title("left") in ("P1", "P6")]) == 2
    assert plot.alternative == "Highest mean validation Dice: P1 real 25.0 %; P6 real 20.0 %."


def test_nothing_trained_is_no_figure(make_run):
    assert learning_plots([make_run()], 0.75) == []
