"""`synthboost report`."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthboost.records.run_folder import read_run


def test_report_is_one_page_without_outside_links_and_tables_in_three_formats(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    page, tables = tmp_path / "report.html", tmp_path / "tables"
    answer = synthboost("report", trained_run, "--out", tmp_path)
    assert answer.code == 0, answer.err
    assert answer.out == f"report: {page}\n"
    text = page.read_text()
    assert trained_run.name in text
    assert 'src="http' not in text
    assert {"dice.md", "dice.tex", "dice.csv"} <= {path.name for path in tables.iterdir()}


@pytest.fixture
def evaluated(synthboost: Callable[..., Any], simulated: Path, trained_run: Path, tmp_path: Path) -> Path:
    """The run's weights judged on the validation patient."""
    out = tmp_path / "again"
    judged = ("--checkpoint", trained_run, "--part", "validation", "--probe-swapped")
    answer = synthboost("evaluate", "--data", simulated, "--out", out, *judged)
    assert answer.code == 0, answer.err
    return out


def test_a_folder_of_runs_is_reported_as_a_study_with_tables_and_figures(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained_run, tmp_path / "study" / "runs" / trained_run.name)
    broken = tmp_path / "study" / "runs" / "broken"
    broken.mkdir()
    (broken / "spec.json").write_text("{}")
    files = tmp_path / "files"
    page = files / "report.html"
    answer = synthboost("report", tmp_path / "study", "--out", files)
    assert answer.code == 0, answer.err
    text = page.read_text()
    assert "broken: not finished" in text
    assert "the test images are simulated" in text
    assert (files / "tables" / "paper_table_2.tex").is_file()
    assert (files / "figures" / "dice_by_prompt.pdf").is_file()


def test_one_run_stands_beside_the_paper(synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path) -> None:
    for name in ("report.html", "report.htm", "page.HTML"):
        answer = synthboost("report", trained_run, "--out", tmp_path / name)
        assert answer.code == 0, answer.err
        assert "Beside the paper" in (tmp_path / name).read_text()


def test_another_file_than_fidelity_json_is_refused(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    other = trained_run / "manifest.json"
    answer = synthboost("report", trained_run, other, "--out", tmp_path / "r.html")
    assert answer.code == 2
    assert f"{other}: fidelity: another content" in answer.err
    assert "expected fidelity.json of `synthboost synthesize fidelity`" in answer.err


def _dice_lines(tables: Path) -> list[dict[str, str]]:
    with (tables / "dice.csv").open() as handle:
        lines = list(csv.DictReader(handle))
    return [{name.partition(" (")[0]: value for name, value in line.items()} for line in lines]


def test_an_evaluation_stands_beside_the_run_that_it_judged(
    synthboost: Callable[..., Any], evaluated: Path, trained_run: Path, tmp_path: Path
) -> None:
    page, tables = tmp_path / "report.html", tmp_path / "tables"
    answer = synthboost("report", trained_run, evaluated, "--out", tmp_path)
    assert answer.code == 0, answer.err
    lines = _dice_lines(tables)
    assert [line["part"] for line in lines] == ["testing", "validation"]
    assert all(line["strategy"].startswith("real") for line in lines)
    text = page.read_text()
    assert "simulated target domain" in text
    record = read_run(evaluated)
    assert record.manifest.parent == trained_run.name
    assert record.spec.data["evaluation"].frames == 4
    assert {example.note for example in record.examples} == {"best", "median", "worst"}
    assert {row.seed for row in record.rows.itertuples()} == {0}
    assert {row.encoders for row in record.rows.itertuples()} == {"trained"}


def test_the_same_scores_twice_are_refused_unless_they_are_named_apart(
    synthboost: Callable[..., Any], simulated: Path, trained_run: Path, tmp_path: Path
) -> None:
    judge = ("evaluate", "--data", simulated, "--checkpoint", trained_run / "checkpoint")
    assert synthboost(*judge, "--out", tmp_path / "a").code == 0
    assert synthboost(*judge, "--out", tmp_path / "b", "--threshold", 0.4, "--label", "real, 0.4").code == 0
    page = ("--out", tmp_path)
    refused = synthboost("report", trained_run, tmp_path / "a", *page)
    assert refused.code == 2
    assert "scored twice under the same condition" in refused.err
    assert "name one apart: `synthboost evaluate --label NAME`, into a new folder." in refused.err
    assert synthboost("report", trained_run, tmp_path / "b", *page).code == 0
    assert {line["strategy"].partition(" (")[0] for line in _dice_lines(tmp_path / "tables")} == {"real", "real, 0.4"}
    assert json.loads((tmp_path / "b" / "evaluation.json").read_text())["threshold"] == 0.4


def test_masks_that_somebody_else_drew_can_be_reported(
    synthboost: Callable[..., Any], simulated: Path, evaluated: Path, trained_run: Path, tmp_path: Path
) -> None:
    masks, out = tmp_path / "theirs", tmp_path / "rival"
    shutil.copytree(evaluated / "masks", masks)
    for picture in list(masks.glob("*.png")):
        picture.rename(masks / f"x-{picture.name}")
    index = (masks / "index.csv").read_text()
    (masks / "index.csv").write_text(re.sub(r"(patient\d+_\w+\.png)", r"x-\1", index))
    part = ("--part", "validation")
    assert synthboost("evaluate", "--data", simulated, "--checkpoint", masks, "--out", out, *part).code == 0
    answer = synthboost("report", evaluated, out, "--out", tmp_path)
    assert answer.code == 0, answer.err
    lines = {line["model"]: line for line in _dice_lines(tmp_path / "tables")}
    assert lines["masks"]["strategy"].startswith("rival")
    assert lines["masks"]["Dice % mean"] == lines["clipseg"]["Dice % mean"]


def test_weights_judged_on_data_that_their_run_did_not_know_are_named_so(
    synthboost: Callable[..., Any], tiny_camus: Path, trained_run: Path, tmp_path: Path
) -> None:
    judged = ("--checkpoint", trained_run, "--out", tmp_path / "else")
    assert synthboost("evaluate", "--data", tiny_camus, *judged).code == 0
    assert {row.strategy for row in read_run(tmp_path / "else").rows.itertuples()} == {"real, on other data"}


def test_an_evaluation_that_was_broken_off_is_refused(
    synthboost: Callable[..., Any], evaluated: Path, tmp_path: Path
) -> None:
    (evaluated / "DONE").unlink()
    assert synthboost("report", evaluated, "--out", tmp_path / "report.html").code == 2


def test_a_run_that_is_not_finished_is_refused(synthboost: Callable[..., Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    answer = synthboost("report", run, "--out", tmp_path / "report.html")
    assert answer.code == 2
    assert "to resume it" in answer.err
    assert not (tmp_path / "report.html").exists()
