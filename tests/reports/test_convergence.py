"""Convergence: epochs and images to the best and to a fixed Dice, with and without pretraining."""

from __future__ import annotations

from synthboost.evaluation.statistics.convergence import pretraining_cost
from synthboost.reports.learning import convergence_table, curves_of, histories, learning_plots
from synthboost.reports.run_facts import in_table_order


def texts(table):
    return [[cell.text for cell in line] for line in table.lines]


def test_a_fine_tuned_run_is_shown_with_and_without_its_pretraining(make_run, make_log):
    parent = make_run(log=make_log([0.4, 0.5, 0.45], 1000), spec={"name": "s", "model": "m", "strategy": "synthetic"})
    child = make_run(
        log=make_log([0.7, 0.8]),
        spec={"name": "ft", "model": "m", "strategy": "synth-PT:real-FT"},
        manifest={"parent": "s"},
    )
    assert texts(convergence_table([child, parent], 0.75, by_run=True)) == [
        ["m", "synthetic", "s", "1", "50.00", "2", "2,000", "0 of 1", *["not reached"] * 4],
        # 3 epochs and 3,000 images of the parent come on top of 2 and 200.
        ["m", "synth-PT:real-FT", "ft", "1", "80.00", "2", "200", "1 of 1", "2", "200", "5", "3,200"],
    ]


def test_a_parent_that_was_not_given_is_said_to_be_missing(make_run, make_log):
    child = make_run(log=make_log([0.8]), spec={"name": "ft", "strategy": "mixed"}, manifest={"parent": "gone"})
    assert texts(convergence_table([child], 0.75, by_run=True))[0][-2:] == ["parent run not found"] * 2


def test_parents_in_a_circle_are_not_followed_for_ever(make_run, make_log):
    run = make_run(log=make_log([0.8]), spec={"name": "a"}, manifest={"parent": "a"})
    assert pretraining_cost("a", histories([run])) is None


def test_runs_without_a_log_are_left_out(make_run):
    assert texts(convergence_table([make_run(spec={"strategy": "zero-shot"})], 0.75)) == []


def test_a_fine_tuned_curve_continues_where_its_pretraining_ended(make_run, make_log):
    parent = make_run(log=make_log([0.4, 0.5], 1000), spec={"name": "s", "strategy": "synthetic"})
    child = make_run(
        log=make_log([0.7, 0.8]), spec={"name": "ft", "strategy": "synth-PT:real-FT"}, manifest={"parent": "s"}
    )
    (curve,) = curves_of([child], [child, parent])
    assert (curve.images, curve.dice) == (((2100, 2200),), ((70.0, 80.0),))
    (plot,) = learning_plots([child, parent], 0.75)
    assert "synth-PT:real-FT 80.0 %" in plot.svg


def test_runs_of_other_settings_get_a_figure_or_a_panel_of_their_own(make_run, make_log):
    runs = [make_run(log=make_log([0.8]), spec={"name": p, "prompt_set": p, "strategy": "real"}) for p in ("P1", "P6")]
    (plot,) = learning_plots(runs, 0.75)
    assert [axes.get_title("left") for axes in plot.figure.axes[:2]] == ["P1", "P6"]
    presets = [make_run(log=make_log([0.8]), spec={"name": p, "preset": p, "strategy": "real"}) for p in ("a", "b")]
    assert [plot.caption.partition("preset ")[2][:1] for plot in learning_plots(presets, 0.75)] == ["a", "b"]


def test_the_same_runs_give_the_same_figure(make_run, make_log):
    runs = [make_run(log=make_log([0.2, 0.8]), spec={"strategy": "$\\evil$"})]
    first, second = learning_plots(runs, 0.75), learning_plots(runs, 0.75)
    assert [plot.svg for plot in first] == [plot.svg for plot in second]


def test_runs_stand_by_model_and_then_in_the_papers_order_after_the_baselines(make_run):
    kinds = [("cris", "real"), ("clipseg", "synthetic"), ("baseline", "text-blind"), ("clipseg", "real")]
    runs = [make_run(spec={"name": "".join(kind), "model": kind[0], "strategy": kind[1]}) for kind in kinds]
    assert [run.spec.name for run in in_table_order(runs)] == [
        "baselinetext-blind", "clipsegreal", "clipsegsynthetic", "crisreal",
    ]  # fmt: skip


def test_two_kinds_of_synthetic_images_have_lines_of_their_own(make_run, make_row, make_log):
    runs = [
        make_run(
            [make_row(0.8, run=kind, synthetic=kind)], make_log([0.5, 0.8], stage="synthetic"),
            spec={"name": kind, "strategy": "synthetic"},
        )
        for kind in ("diffusion", "simulated")
    ]  # fmt: skip
    (both,) = learning_plots(runs, 0.75)
    assert "synthetic, diffusion" in both.svg
    assert "synthetic, simulated" in both.svg
    (alone,) = learning_plots(runs[:1], 0.75)
    assert "diffusion" not in alone.svg
