"""A model on another data set: the plan, the runs, and the table of them."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from synthboost.cli.report import Report
from synthboost.data.source import Source
from synthboost.domain import Strategy
from synthboost.errors import SplitError
from synthboost.records.run_folder import read_run
from synthboost.studies import study_run
from synthboost.studies import transfer as of_transfer
from synthboost.studies.executors.base import JobQueue
from synthboost.studies.recipes import choose_study, ours, smoke
from synthboost.studies.spec import RunSpec
from synthboost.studies.study import Study, with_weights
from synthboost.studies.study_estimate import Estimate
from synthboost.studies.study_run import run_study
from synthboost.studies.study_text import plan_text
from synthboost.studies.transfer import Transfer, transfers


class Here:
    """Carries out runs in this process."""

    def run(self, jobs, work, report):
        queue = JobQueue(jobs)
        while (job := queue.take()) is not None:
            for outcome in queue.ended(work(job.name)):
                report(outcome)


@pytest.fixture
def study(sources: tuple[Source, Source], smallest: str) -> Study:
    own, other = sources
    preset = choose_study("transfer", smoke())
    preset = replace(
        preset, grid=replace(preset.grid, models=("clipseg",)), architectures={"clipseg": smallest}, images_per_stage=8
    )
    return Study("transfer", ours(), with_weights(preset, {}), own, (), others=(other,))


def test_every_set_is_trained_on_and_every_model_goes_to_the_others(study: Study) -> None:
    assert choose_study("transfer", smoke()).grid.strategies == (Strategy.REAL,)
    works = [run.work for run in study.runs]
    assert [type(work).__name__ for work in works] == ["Baseline"] * 4 + ["RunSpec"] * 2 + ["Transfer"] * 2
    first, second = (work for work in works if isinstance(work, RunSpec))
    one, other = (work for work in works if isinstance(work, Transfer))
    assert (one.parent, other.parent) == (first, second)
    assert one.record.strategy == "real, on synthetic-data"
    assert (one.record.data["real"], one.record.data["evaluation"].name) == (
        first.record.data["real"],
        "synthetic-data",
    )
    assert [run.needs for run in study.runs][-2:] == [(first.name,), (second.name,)]


def test_the_plan_names_all_sets_and_those_of_each_run(study: Study, tmp_path: Path) -> None:
    text = plan_text(study, Estimate({run.name: 1.0 for run in study.runs}, 1, ()), tmp_path, 1)
    for source in (study.real, *study.others):
        assert f"real data: {source.dataset.root} (official split)\n" in text
    lines = {line.partition(":")[0].strip(): line for line in text.split("\n\n")[1].splitlines()}
    ends = [lines[run.name].partition(", starts")[0].partition(", trained on ")[2] for run in study.runs[-4:]]
    assert ends == [
        "real-data", "synthetic-data", "real-data, evaluated on synthetic-data",
        "synthetic-data, evaluated on real-data",
    ]  # fmt: skip


def test_only_a_textunet_is_adapted_too(study: Study) -> None:
    specs = [replace(run.work, model="textunet", preset="tiny") for run in study.runs if isinstance(run.work, RunSpec)]
    assert [one.adapted for one in transfers(specs)] == [False, True, False, True]
    assert [one.record.strategy for one in transfers(specs)][1] == "real, on synthetic-data, adapted"


def test_one_persons_images_do_not_train_here_and_test_there(study: Study) -> None:
    first, _ = (run.work for run in study.runs if isinstance(run.work, RunSpec))
    [(role, own)] = first.sources.items()
    parts = dict(zip(own.split.parts, reversed(list(own.split.parts.values())), strict=True))
    with pytest.raises(SplitError, match="people whom split"):
        list(transfers([first, replace(first, sources={role: replace(own, split=replace(own.split, parts=parts))})]))


def test_the_study_runs_and_its_table_is_that_of_the_rows(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not run_study(tmp_path / "study", study, Here())
    with (tmp_path / "study" / "results" / "tables" / "transfer.csv").open(encoding="utf-8", newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert [(line["trained on"], line["evaluated on"]) for line in lines] == [
        ("real-data", "synthetic-data"), ("synthetic-data", "real-data")
    ]  # fmt: skip
    runs = {run.work.record.strategy: read_run(tmp_path / "study" / "runs" / run.name) for run in study.runs[-2:]}
    rows = runs["real, on synthetic-data"].rows
    assert {*rows.patient} == {"camus-nifti/database_nifti/patient0014"}
    assert lines[0]["Dice"] == str(round(100 * rows.dice.mean(), 2))  # as printed
    Report((tmp_path / "study",), tmp_path / "again").run()
    tables = [tmp_path / "study" / "results" / "tables", tmp_path / "again" / "tables"]
    own, again = ({path.name: path.read_text() for path in folder.glob("*.csv")} for folder in tables)
    assert again == own
    assert {"transfer.csv", "recipe.csv"} <= {*own}
    monkeypatch.setattr(study_run, "write_results", lambda root, failures: None)  # two reports are enough
    assert not run_study(tmp_path / "study", study, Here())  # finished runs are not repeated


def test_the_adapted_weights_are_evaluated(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {}

    def adapt(source, settings, out, workers):
        given.update(source=source.dataset.root.name, settings=settings)
        shutil.copytree(settings.checkpoint, out / "checkpoint")

    monkeypatch.setattr(of_transfer, "adapt", adapt)
    plain = study.runs[-2]
    adapted = replace(plain.work, adapted=True)
    paths = adapted.execute(tmp_path / "runs", plain.evaluation)
    assert given["source"] == "synthetic-data"
    assert (given["settings"].patients, Path(given["settings"].checkpoint).parent.name) == (0, plain.work.parent.name)
    assert paths.done.is_file()
    assert {*read_run(paths.root).rows.strategy} == {"real, on synthetic-data, adapted"}
