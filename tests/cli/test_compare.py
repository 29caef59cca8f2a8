"""`synthboost compare`: runs against runs, and the published scores."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synthboost.io.typed_json import read_record, write_record
from synthboost.records.published import read_published
from synthboost.records.run_folder import EpochLog, RunPaths, write_log
from synthboost.records.run_record import Evaluation, Manifest, Spec, Stage, Versions
from synthboost.studies.results import write_result


@pytest.fixture
def runs(published_scores: Path, tmp_path: Path) -> dict[str, Path]:
    """Finished runs with known scores, by name; the fine-tuned ones with two seeds."""
    found = {}
    for record in read_published(published_scores):
        for seed in (0, 1) if "PT" in record.spec.name else (0,):
            name = f"{record.spec.name}-{seed}"
            paths = RunPaths(tmp_path / "runs" / name)
            spec = replace(record.spec, name=name, seed=seed)
            manifest = Manifest(Versions("1", "3", {}, None), 1, "CPU", "", 0.0, "", seed, {}, None)
            write_result(paths, spec, manifest, Evaluation(), record.rows.assign(run=name, seed=seed))
            found[name] = paths.root
    return found


def test_runs_are_compared_with_their_partners_and_corrected_together(
    synthboost: Callable[..., Any], runs: dict[str, Path], tmp_path: Path
) -> None:
    first = [runs[f"published-cris-synth-PT-real-FT-{p}-{seed}"] for p in ("P1", "P2") for seed in (0, 1)]
    second = [runs[f"published-cris-real-{p}-0"] for p in ("P1", "P2")]
    answer = synthboost("compare", *first, "--with", *second, "--out", tmp_path / "tables", "--draws", 200)
    assert answer.code == 0, answer.err
    assert "strategy synth-PT:real-FT minus real" in answer.out
    assert "covers: 2 comparisons" in " ".join(answer.out.split())
    assert "training noise not covered" in answer.out
    with (tmp_path / "tables" / "comparison.csv").open() as handle:
        lines = list(csv.DictReader(handle))
    # P1: the shift of 1.1 (against 0.1) times 1 + 0.1 x patient 0 to 3, so 1.15 on average.
    assert float(lines[0]["difference"]) == pytest.approx(1.15, abs=1e-3)
    assert [(line["trainings first"], line["trainings second"]) for line in lines] == [("2", "1")] * 2
    assert float(lines[0]["p by patient"]) == 0.125
    assert float(lines[0]["p Holm"]) == 0.25


def test_a_side_without_runs_and_runs_without_partners_are_refused(
    synthboost: Callable[..., Any], runs: dict[str, Path]
) -> None:
    first = runs["published-cris-synth-PT-real-FT-P1-0"]
    answer = synthboost("compare", first)
    assert (answer.code, "1 and 0 folders" in answer.err) == (2, True)
    assert "published scores are in the clone's folder `metrics`" in answer.err
    answer = synthboost(
        "compare", first, "--with", runs["published-clipseg-real-P2-0"], runs["published-cris-real-P1-0"]
    )
    assert (answer.code, "on one side only" in answer.err) == (2, True)
    answer = synthboost("compare", first, "--with", first)
    said = "sides: both model cris (published), strategy synth-PT:real-FT, encoders trained, synthetic diffusion, "
    assert (answer.code, said + "real_patients 400, prompt_set P1;" in answer.err) == (2, True)
    real = runs["published-cris-real-P1-0"]
    answer = synthboost("compare", real, "--with", real)
    assert "encoders trained, real_patients 400, prompt_set P1;" in answer.err


def test_unequal_trainings_are_told(synthboost: Callable[..., Any], runs: dict[str, Path]) -> None:
    sides = [runs["published-cris-synthetic-P1-0"], runs["published-cris-real-P1-0"]]
    for run, epochs in zip(sides, (10, 5), strict=True):
        paths = RunPaths(run)
        write_record(paths.spec, replace(read_record(paths.spec, Spec), stages=(Stage("real", {"batch_images": 8}),)))
        write_log(paths.log, [EpochLog("real", n, 20 * n, 0.5, 0.5, 0.5, 1e-3, 1.0) for n in range(1, epochs + 1)])
    answer = synthboost("compare", sides[0], "--with", sides[1], "--draws", 100)
    assert answer.code == 0, answer.err
    # Three batches hold 20 images.
    assert (
        "Not at equal steps: the first side was trained for 10 epochs, 30 optimiser steps, the second for 5 epochs, 15 "
        "optimiser steps." in " ".join(answer.out.split())
    )


def test_pretraining_counts_where_its_run_lies_beside(synthboost: Callable[..., Any], runs: dict[str, Path]) -> None:
    tuned, real = runs["published-cris-synth-PT-real-FT-P1-0"], runs["published-cris-real-P1-0"]
    parent = runs["published-cris-synthetic-P1-0"]
    for run, epochs in ((tuned, 5), (real, 5), (parent, 10)):
        paths = RunPaths(run)
        write_record(paths.spec, replace(read_record(paths.spec, Spec), stages=(Stage("real", {"batch_images": 8}),)))
        write_log(paths.log, [EpochLog("real", n, 20 * n, 0.5, 0.5, 0.5, 1e-3, 1.0) for n in range(1, epochs + 1)])
    manifest = RunPaths(tuned).manifest
    write_record(manifest, replace(read_record(manifest, Manifest), parent=parent.name))

    def said() -> str:
        answer = synthboost("compare", tuned, "--with", real, "--draws", 100)
        assert answer.code == 0, answer.err
        return " ".join(answer.out.split())

    assert (
        "Not at equal steps: the first side was trained for 15 epochs, 45 optimiser steps, the second for 5 epochs, 15 "
        "optimiser steps. Over patients" in said()
    )
    RunPaths(parent).done.unlink()  # it is being evaluated again
    assert (
        "Apart from pretraining, at equal steps: both sides were trained for 5 epochs, 15 optimiser steps. Pretraining "
        "whose run was not given, and does not lie beside these, is not counted." in said()
    )


def test_the_published_scores_are_summarised(
    synthboost: Callable[..., Any], published_scores: Path, tmp_path: Path
) -> None:
    answer = synthboost("compare", published_scores, "--out", tmp_path / "tables", "--draws", 100)
    assert answer.code == 0, answer.err
    assert "published-" not in answer.out
    assert "-5.19, p = 8.8e-73" in answer.out
    assert {path.name for path in (tmp_path / "tables").glob("*.csv")} == {
        "published_dice.csv",
        "published_p_values.csv",
        "published_synthetic_minus_real.csv",
        "published_synth-PT-real-FT_minus_real.csv",
        "published_synth-PT-real-FT_minus_synthetic.csv",
    }
