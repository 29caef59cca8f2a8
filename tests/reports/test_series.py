"""Series: what one table can hold stays together, what it cannot is parted, and nothing is counted twice."""

from __future__ import annotations

from synthboost.reports.series import _without_checksums, series_of


def names(series):
    return [(one.name, [run.spec.name for run in one.runs]) for one in series]


def test_models_strategies_encoders_sentences_and_seeds_are_one_series(make_study_run):
    runs = [
        make_study_run([0.8], strategy, encoders=encoders, prompt_set=prompt_set, seed=seed, model=model)
        for strategy in ("real", "synthetic") for encoders in ("trained", "frozen")
        for prompt_set in ("P1", "P2") for seed in (0, 1) for model in ("cris", "clipseg")
    ]  # fmt: skip
    (series,) = series_of(runs)
    assert (series.name, series.slug, len(series.runs)) == ("", "", 32)


def test_numbers_of_real_patients_are_parted_by_size_and_share_what_learns_from_none(make_study_run):
    runs = [make_study_run([0.8], "real", patients=count) for count in (50, 10, 400)]
    series = series_of([*runs, make_study_run([0.7], "synthetic"), make_study_run([0.1], "zero-shot")])
    assert [one.name for one in series] == [f"{count} real training patients" for count in (10, 50, 400)]
    assert series[0].slug == "10-real-training-patients"
    assert all({run.spec.strategy for run in one.runs} == {"zero-shot", "real", "synthetic"} for one in series)


def test_one_synthetic_run_under_two_names_is_one(make_study_run):
    runs = [make_study_run([0.8], strategy, patients=count) for count in (10, 50) for strategy in ("real", "synthetic")]
    first, second = series_of(runs)
    assert [run.spec.name for run in first.runs] == ["cris-real-trained-P1-0-10", "cris-synthetic-trained-P1-0-10"]
    assert [run.spec.name for run in second.runs] == ["cris-real-trained-P1-0-50", "cris-synthetic-trained-P1-0-50"]


def test_two_results_of_the_same_training_stay_for_the_tables_to_refuse(make_study_run):
    again = make_study_run([0.7], spec={"name": "again"})
    (series,) = series_of([make_study_run([0.8]), again])
    assert len(series.runs) == 2


def test_two_synthetic_sets_make_two_series_with_the_same_real_run(make_study_run):
    other = {"real": {"name": "camus", "patients": 400}, "synthetic": {"name": "simulated"}}
    runs = [
        make_study_run([0.8]),
        make_study_run([0.7], "synthetic"),
        make_study_run([0.6], "synthetic", spec={"name": "b", "data": other}),
    ]
    assert names(series_of(runs)) == [
        ("synthetic data sdm", ["cris-real-trained-P1-0-400", "cris-synthetic-trained-P1-0-400"]),
        ("synthetic data simulated", ["cris-real-trained-P1-0-400", "b"]),
    ]


def test_a_checksum_stands_in_a_heading_only_where_names_are_the_same():
    assert _without_checksums({"sdm 12ab", "simulated 34cd"}) == {"sdm 12ab": "sdm", "simulated 34cd": "simulated"}
    assert _without_checksums({"sdm 12ab", "sdm 34cd"}) == {"sdm 12ab": "sdm 12ab", "sdm 34cd": "sdm 34cd"}


def test_presets_part_runs_and_models_of_their_own_size_do_not(make_study_run):
    sizes = [make_study_run([0.8], model="cris"), make_study_run([0.8], model="clipseg", spec={"preset": "rd64"})]
    assert len(series_of(sizes)) == 1
    more = [make_study_run([0.8]), make_study_run([0.8], spec={"preset": "rn50"})]
    assert [one.name for one in series_of(more)] == ["from rn50", "from tiny"]


def test_shares_of_real_images_part_mixed_runs(make_study_run):
    runs = [make_study_run([0.8], spec={"strategy": "mixed", "real_share": share}) for share in (0.5, 0.25)]
    assert [one.name for one in series_of(runs)] == ["real share 0.25", "real share 0.5"]


def test_no_runs_are_no_series():
    assert series_of([]) == []
