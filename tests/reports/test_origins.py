"""What was pretrained on what is said from spec and nothing else."""

from __future__ import annotations

from synthboost.reports.run_facts import origin_statement, origin_table, runs_table


def test_runs_of_one_origin_share_a_line_and_stages_stand_in_order(make_study_run):
    runs = [make_study_run([0.8], "synth-PT:real-FT", seed=seed, prompt_set=p) for seed in (0, 1) for p in ("P1", "P6")]
    (line,) = origin_table(runs).lines
    assert [cell.text for cell in line] == [
        "synth-PT:real-FT", "cris", "trained", "random weights (preset tiny)",
        "synthetic: sdm (diffusion; 5 patients, 20 frames) → real: camus (real; 400 patients, 1,600 frames)",
        "P1, P6", "0, 1", "4",
    ]  # fmt: skip


def test_random_weights_are_said_to_have_seen_no_natural_images(make_study_run):
    text = origin_statement([make_study_run([0.8])])
    assert text.startswith("Every model began with random weights: cris (tiny). None of these had seen natural images")


def test_given_weights_are_named_and_unknown_ones_counted(make_study_run, make_run):
    given = make_study_run([0.8], spec={"weights": "CIDAS/clipseg"})
    text = origin_statement([given, make_run(spec={"model": "cris"})])
    assert text == (
        "Weights from outside the study: cris CIDAS/clipseg. 1 runs do not record the weights they began with."
    )


def test_a_baseline_began_with_nothing(make_run):
    run = make_run(spec={"model": "baseline", "strategy": "text-blind"})
    assert [cell.text for cell in origin_table([run]).lines[0][3:5]] == ["nothing", "its label maps"]
    assert origin_statement([run]) == ""


def test_a_baseline_has_no_preset_and_given_weights_show_theirs(make_run, make_study_run):
    given = make_study_run([0.8], spec={"weights": "CIDAS/clipseg"})
    runs = [make_run(spec={"model": "baseline"}), make_run(spec={"model": "cris"}), given]
    table = runs_table(runs)
    places = {column.heading: place for place, column in enumerate(table.columns)}
    preset, trained = ([line[places[name]].text for line in table.lines] for name in ("preset", "trained parameters"))
    assert preset == ["–", "not recorded", "tiny"]
    assert trained == ["–", "not recorded", "not recorded"]
    assert origin_table([given]).lines[0][3].text == "weights CIDAS/clipseg (preset tiny)"
