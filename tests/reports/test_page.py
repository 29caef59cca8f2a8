"""The page: self-contained, escaped, complete with little data, and plain about a simulated target."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from synthboost.domain import Structure
from synthboost.errors import ConfigError, OutputError
from synthboost.records.examples import Example
from synthboost.reports import ReportContent, content_from_runs, write_report

VOID = {"meta", "image", "use", "path", "br", "link", "img"}


class Outline(HTMLParser):
    """Checks that elements nest, and collects ids, resource references and words."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.note(tag, attributes)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)
        self.note(tag, attributes)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, self.getpos()

    def note(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "srcset", "data") and tag != "a":
                self.references.append(value)


def render(runs, content):
    with TemporaryDirectory() as folder:
        write_report(Path(folder) / "report.html", runs, content)
        return (Path(folder) / "report.html").read_text(encoding="utf-8")


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    assert parser.open == []
    return parser


@pytest.fixture
def runs(make_run, make_row, make_log):
    example = Example(
        "p1_2CH_ED", "best", np.zeros((16, 16), np.uint8), np.eye(16, dtype=np.uint8),
        {Structure(1): np.eye(16, dtype=bool)}, {Structure(1): "<script>alert(1)</script>"}, {Structure(1): 0.9},
        (1.0, 1.0),
    )  # fmt: skip
    spec = {
        "name": "real-s0", "model": "tiny", "strategy": "real", "encoders": "trained", "prompt_set": "P6", "seed": 0,
        "stages": [{"role": "real", "training": {"epochs": 2}}],
        "data": {"real": {"name": "camus", "domain": "real", "patients": 400, "frames": 1600}},
    }  # fmt: skip
    manifest = {
        "parent": None, "versions": {"synthboost": "1", "python": "3", "packages": {"torch": "2"}, "commit": None},
        "wall_seconds": 3900.0,
        "parameters": {"total": 1000, "trained": 10}, "data": {"real": "sha256:1"},
    }  # fmt: skip
    rows = [
        make_row(0.8, sentence="<script>alert(1)</script>"),
        make_row(None, structure="LA", reason="<b>broken</b>"),
        make_row(0.7, patient="p2", frame="f2"),
    ]
    return [
        make_run(rows, make_log([0.5, 0.8]), [example], spec, manifest),
        make_run([make_row(0.4, model="baseline", strategy="text-blind", run="base")], root="runs/base"),
    ]


def test_the_page_nests_and_names_nothing_twice(runs):
    found = outline(render(runs, content_from_runs(runs)))
    own = [name for name in found.ids if not re.match(r"(DejaVu|m[0-9a-f]|p[0-9a-f]|figure|axes|patch|line|text|xtick"
                                                      r"|ytick|matplotlib|legend)", name)]  # fmt: skip
    assert len(own) == len(set(own))
    assert {"about", "runs", "dice", "sentence", "learning", "pictures", "provenance", "limits"} <= set(own)


def test_nothing_is_loaded_from_elsewhere(runs):
    text = render(runs, content_from_runs(runs))
    found = outline(text)
    assert all(value.startswith(("#", "data:image/png")) for value in found.references)
    assert not {"link", "iframe", "object"} & found.tags
    (script,) = re.findall("<script[^>]*>(.*?)</script>", text, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'\"" in text
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_what_data_say_is_shown_not_run(runs):
    text = render(runs, content_from_runs(runs))
    assert text.count("<script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "&lt;b&gt;broken&lt;/b&gt;" in text


def test_failed_rows_stand_on_the_page(runs):
    assert "Failed, without a score, and left out of the means (1)" in render(runs, content_from_runs(runs))


def test_what_was_not_recorded_is_said_so(runs):
    text = render(runs, content_from_runs(runs))
    assert ">not recorded</th>" in text
    assert "1 h 5 min" in text
    assert "10 of 1,000" in text


def test_a_simulated_target_is_in_title_headings_captions_and_a_warning(runs):
    text = render(runs, ReportContent(title="A test", target_is_simulated=True))
    assert "<title>A test (simulated target domain)</title>" in text
    assert "strategy (&quot;real&quot; = simulated target domain)" in text
    assert "not from patients" in text
    assert "real (simulated target domain)" in text


def test_a_simulated_target_is_recognised_from_rows_or_spec(make_run, make_row):
    assert content_from_runs([make_run([make_row(0.8, domain="simulated")])]).target_is_simulated
    assert content_from_runs([make_run(spec={"data": {"real": {"domain": "simulated"}}})]).target_is_simulated
    assert not content_from_runs([make_run([make_row(0.8)])]).target_is_simulated


def test_the_commands_and_sentences_that_are_given_are_shown(runs):
    content = ReportContent(
        title="t", commands=(("Train:", "synthboost a < b"),), sentences=(("P0", ""), ("P1", "LV."))
    )
    text = render(runs, content)
    assert "synthboost a &lt; b" in text
    assert "the empty sentence" in text


def test_a_report_of_no_runs_says_so(tmp_path):
    write_report(tmp_path / "empty.html", [], content_from_runs([]))
    text = (tmp_path / "empty.html").read_text(encoding="utf-8")
    outline(text)
    assert "No finished run was given." in text


def test_a_run_of_which_nothing_is_recorded_has_a_page(make_run):
    text = render([make_run()], content_from_runs([make_run()]))
    outline(text)
    assert "not recorded" in text


def test_every_page_says_that_it_is_no_medical_device(make_run):
    assert "Research software, not a medical device." in render([make_run()], ReportContent(title="t"))


def test_the_same_runs_give_the_same_page(runs):
    content = content_from_runs(runs)
    assert render(runs, content) == render(runs, content)


@pytest.mark.parametrize(("field", "value"), [("title", " "), ("fixed_dice", 75.0)])
def test_content_that_cannot_work_is_refused(field, value):
    with pytest.raises(ConfigError, match=field):
        ReportContent(**({"title": "t"} | {field: value}))


def test_a_file_that_is_no_report_is_not_overwritten_and_an_older_report_is(tmp_path, runs):
    page, content = tmp_path / "thesis.html", content_from_runs(runs)
    page.write_text("<html>my thesis</html>")
    with pytest.raises(OutputError, match="a file that is no report"):
        write_report(page, runs, content, files=tmp_path / "files")
    assert (page.read_text(), list(tmp_path.iterdir())) == ("<html>my thesis</html>", [page])
    page.unlink()
    (tmp_path / "files" / "tables").mkdir(parents=True)
    (tmp_path / "files" / "tables" / "dice.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"dice\.csv: file: not written by a report"):
        write_report(page, runs, content, files=tmp_path / "files")
    assert not page.exists()
    (tmp_path / "files" / "tables" / "dice.csv").unlink()
    for _ in range(2):
        write_report(page, runs, content, files=tmp_path / "files")
    assert (tmp_path / "files" / "tables" / "dice.csv").read_text() != "mine"


def test_no_name_turns_the_letters_of_a_page_around_or_moves_a_cursor(make_row, make_run):
    name = "a\u202eb\x1b[2J<script>"
    run = make_run([make_row(0.5, run=name, strategy=name, sentence=name)], spec={"name": name, "model": name})
    text = render([run], content_from_runs([run]))
    assert not {"\u202e", "\x1b"} & set(text)
    assert text.count("<script") == 1  # the page's own


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path, runs):
    folder = tmp_path / "report.html"
    folder.mkdir()
    with pytest.raises(OutputError):
        write_report(folder, runs, content_from_runs(runs))
    assert list(tmp_path.iterdir()) == [folder]
