"""The study's page: whole, self-contained, the same each time; long tables folded, and every table also a file."""

from __future__ import annotations

import csv
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from synthboost.domain import Structure
from synthboost.records.examples import Example
from synthboost.reports import content_from_runs, write_report
from synthboost.reports.page import LONG, folded
from synthboost.reports.table import Column, Table, words


class Outline(HTMLParser):
    """Collects headings' places, resource references and tags, and checks that elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sections: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "image", "use", "path", "br", "link", "img"):
            self.open.append(tag)
        self.note(tag, dict(attributes))

    def handle_startendtag(self, tag, attributes):
        self.note(tag, dict(attributes))

    def handle_endtag(self, tag):
        if tag not in ("meta", "image", "use", "path", "br", "link", "img"):
            assert self.open.pop() == tag, self.getpos()

    def note(self, tag, attributes):
        if tag == "section":
            self.sections.append(attributes["id"])
        assert tag not in ("link", "iframe", "object")
        self.references += [v for k, v in attributes.items() if k in ("src", "href", "xlink:href") and tag != "a"]


def page(runs, **known):
    with TemporaryDirectory() as folder:
        write_report(Path(folder) / "report.html", runs, content_from_runs(runs, **known))
        text = (Path(folder) / "report.html").read_text(encoding="utf-8")
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    assert all(value.startswith(("#", "data:image/png")) for value in outline.references)
    return text, outline


@pytest.fixture(scope="module")
def runs(make_study_run):
    mask = np.eye(16, dtype=bool)
    example = Example("p1_2CH_ED", "worst", np.zeros((16, 16), np.uint8), mask.astype(np.uint8),
                      {Structure(1): mask}, {Structure(1): "<script>x</script>"}, {Structure(1): 0.3},
                      (1.0, 1.0))  # fmt: skip
    real = replace(make_study_run([0.7, 0.8] * 3, model="clipseg"), examples=[example])
    return [
        real, make_study_run([0.8, 0.9] * 3, "synth-PT:real-FT", model="clipseg"),
        make_study_run([0.6, 0.8] * 3, "synthetic", model="clipseg"),
        make_study_run([0.6, 0.7] * 3, model="clipseg", encoders="frozen"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def plain(runs):
    return page(runs)


def test_every_section_is_there_and_nests(plain):
    text, outline = plain
    assert outline.sections == [
        "about", "runs", "paper", "strategies", "encoders", "dice", "sentence", "learning", "breakdown",
        "distances", "pictures", "deviations", "sentences", "provenance", "limits",
    ]  # fmt: skip
    assert text.count("<script") == 1
    assert "raised mean Dice by 10.0" in text
    assert "keep it as confidential as the data set" in text


def test_that_numbers_are_not_comparable_stands_above_the_papers_tables(plain):
    text, _ = plain
    assert "These numbers are not comparable with the paper's" in text
    assert text.index("6 patients are tested, not 50") < text.index("as table 2 of arXiv")
    assert "Every model began with random weights: clipseg (tiny)" in text


def test_what_the_caller_knows_is_shown_escaped(runs):
    text, _ = page(
        runs, deviations=("The threshold is <0.5>.",), recipe=(("rate <a> b", "2e-3", "1e-3"),),
        unfinished=(("run-x", "disk full"),), commands=(("Again:", "synthboost report runs"),),
    )  # fmt: skip
    assert "The threshold is &lt;0.5&gt;." in text
    assert "rate &lt;a&gt; b" in text
    assert "run-x: disk full" in text
    assert '<td class="words">2e-3</td>' in text
    assert "synthboost report runs" in text


def test_several_series_have_a_heading_each_and_a_figure_over_them(make_study_run):
    found = [
        make_study_run(dice, strategy, patients=count)
        for count in (10, 50) for strategy, dice in (("real", [0.6, 0.7]), ("synth-PT:real-FT", [0.8, 0.9]))
    ]  # fmt: skip
    text, _ = page(found)
    assert text.count('<h3 class="series">10 real training patients</h3>') >= 4
    assert "in every series" in text


def test_whose_annotations_the_synthetic_images_carry_stands_at_the_origins_and_where_their_worth_is_shown(
    make_study_run,
):
    found = [
        make_study_run(dice, strategy, patients=count)
        for count in (3, 10) for strategy, dice in (("real", [0.6, 0.7]), ("synth-PT:real-FT", [0.8, 0.9]))
    ]  # fmt: skip
    text, _ = page(found)
    said = "“3 real patients” is therefore not 3 annotated patients."  # the set of 5 patients
    assert text.count(said) == 3  # at the origins, and under the figure and the table of what annotation is worth
    assert "“10 real patients”" not in text
    text, _ = page(found[:2])  # no such figure and table: the section says it itself
    assert text.count(f"{said}</p>") == 2


def test_a_study_of_no_runs_says_so():
    text, _ = page([])
    assert "No finished run was given." in text


def test_long_tables_are_folded_and_short_ones_are_not(plain):
    text, _ = plain
    assert "<summary>The runs (4 lines)</summary>" in text  # folded whatever its length
    assert "<summary>Differences between strategies" not in text
    lines = tuple((words(str(number)),) for number in range(LONG + 1))
    table = Table("long", "What <it> is: more. And more.", (Column("n", is_text=True),), lines)
    assert f"<summary>What &lt;it&gt; is ({LONG + 1} lines)</summary>" in folded(table)
    assert "<details>" not in folded(replace(table, lines=lines[:LONG]))


def test_the_same_runs_in_any_order_give_the_same_page(runs, plain):
    assert page(runs[::-1])[0] == plain[0]


def test_a_hundred_runs_are_a_megabyte_or_two_in_seconds(make_study_run):
    found = [
        make_study_run([0.7 + seed / 100, 0.8, 0.9], strategy, model=model, seed=seed, prompt_set=f"P{k}")
        for strategy in ("real", "synthetic", "synth-PT:real-FT") for model in ("clipseg", "cris")
        for seed in range(2) for k in range(8)
    ]  # fmt: skip
    began = time.process_time()
    text, _ = page(found)
    assert time.process_time() - began < 30
    assert len(text) < 2e6


def test_tables_and_figures_are_files(runs, tmp_path):
    write_report(tmp_path / "r.html", runs, content_from_runs(runs), files=tmp_path / "files")
    assert (tmp_path / "r.html").is_file()
    names = {path.relative_to(tmp_path / "files").as_posix() for path in tmp_path.glob("files/*/*")}
    assert {f"tables/paper_table_2.{suffix}" for suffix in ("md", "tex", "csv", "html")} <= names
    assert {"figures/strategy-differences_trained.pdf", "figures/strategy-differences_trained.svg"} <= names
    assert (tmp_path / "files/figures/frozen-minus-trained.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (tmp_path / "files/figures/dice_by_prompt.svg").read_text(encoding="utf-8")
    with (tmp_path / "files/tables/paper_cells.csv").open(encoding="utf-8") as handle:
        cells = {(line["encoders"], line["strategy"], line["model"], line["sentences"]): line
                 for line in csv.DictReader(handle)}  # fmt: skip
    assert float(cells["trained", "real", "clipseg", "P1"]["difference"]) == pytest.approx(75 - 88.53)

    for path in tmp_path.glob("files/tables/**/*.csv"):
        header, *lines = csv.reader(path.read_text(encoding="utf-8").splitlines())
        assert len({*header}) == len(header), path
        assert not [cell for line in lines for cell in line if re.fullmatch(r"-?\d+\.\d{8,}", cell)], path

    text = (tmp_path / "files/tables/paper_table_2.tex").read_text(encoding="utf-8")  # balanced, 2 cells a line
    assert text.count("{") == text.count("}")
    assert text.count("$") % 2 == 0
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {1}
