"""The page: one self-contained HTML file with results, pictures and provenance of finished runs; and its files."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from synthboost import __version__
from synthboost.errors import OutputError, printable
from synthboost.io.atomic import output_errors, write_text
from synthboost.records.run_folder import RunRecord
from synthboost.records.run_record import BASE
from synthboost.reports.content import SIMULATED_TARGET, TARGET_NOTE, ReportContent, answer, headline, weakest_group
from synthboost.reports.figure import Plot
from synthboost.reports.pictures import Picture
from synthboost.reports.run_facts import with_ancestors
from synthboost.reports.sections import Block, Section, sections_of
from synthboost.reports.series import Series, series_of
from synthboost.reports.table import Table, claim_files, to_html

FIGURES, TABLES = "figures", "tables"
SCRIPT = "sort.js"
"""The one script of the page; its checksum is the only one that the page lets a browser run."""
GENERATOR = '<meta name="generator" content="synthboost">'
"""Stands in the head of every page."""
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What turns letters around, moves a cursor or is no HTML at all."""
LONG = 26
"""Lines above which a table is folded, so that the page can be scrolled (a guess)."""


def write_report(out: Path, runs: Sequence[RunRecord], content: ReportContent, files: Path | None = None) -> None:
    """Write the report of finished runs to the HTML file `out`, whole or not at all.

    Args:
        out: the page.
        runs: in any order.
        content: the words.
        files: also write every table as `tables/*.md, .tex, .csv, .html` and every figure as `figures/*.svg, .pdf`
            there; those of a series in a folder of its name when there are several.

    Raises:
        DataError: rows contradict each other, see `ordered_arms`.
        OutputError: a file cannot be written, or one of other origin is in the way.
    """
    # What differs from the base in one thing has a section of its own; a series for each would be a book.
    series = series_of([run for run in runs if BASE in content.levels.get(run.spec.name, (BASE,))])
    sections = sections_of(runs, series, content)
    page = render(series, sections, content)
    _require_own(out)
    folders = {} if files is None else _by_folder(files, sections)
    for folder, items in folders.items():
        claim_files(folder, (f"{item.name}.{suffix}" for item in items for suffix in item.suffixes))
    write_text(out, page)
    for folder, items in folders.items():
        for item in items:
            item.write(folder)


def _by_folder(files: Path, sections: Sequence[Section]) -> dict[Path, list[Table | Plot]]:
    """The tables and figures of a report by the folders that they go to."""
    found: dict[Path, list[Table | Plot]] = {}
    for section in sections:
        for series, blocks in section.parts:
            for block in blocks:
                if isinstance(block, Plot) or (isinstance(block, Table) and block.lines):
                    kind = TABLES if isinstance(block, Table) else FIGURES
                    found.setdefault(files / kind / (series.slug if series else ""), []).append(block)
    return found


def _require_own(page: Path) -> None:
    """Refuse to overwrite what is no report."""
    with output_errors(page):
        head = page.read_bytes()[:2000] if page.is_file() else b""
    if head and GENERATOR.encode() not in head:
        raise OutputError(page, "out", "a file that is no report", "a new file, or an older report", "Choose another.")


def render(series: Sequence[Series], sections: Sequence[Section], content: ReportContent) -> str:
    """The page as HTML text."""
    simulated, known = content.target_is_simulated, with_ancestors(run for one in series for run in one.runs)
    said = [(s.name, f"{headline(s.arms, s.differences, simulated, known)} {weakest_group(s.arms)}") for s in series]
    headlines = [(name, text.strip().replace(" %", "\u00a0%")) for name, text in said]
    lead = answer([arm for one in series for arm in one.arms]) if any(one.differences for one in series) else ""
    shown = [(section, _html(section)) for section in sections]
    script = (resources.files("synthboost.reports") / "templates" / SCRIPT).read_text(encoding="utf-8")
    page = (
        _templates()
        .get_template("page.html.j2")
        .render(
            generator=Markup(GENERATOR),
            content=content,
            lead=lead.replace(" %", "\u00a0%"),
            headlines=headlines,
            sections=[(section.anchor, section.title, html) for section, html in shown if html],
            version=__version__,
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            simulated_target=SIMULATED_TARGET,
            target_note=TARGET_NOTE,
        )
    )
    return _UNSEEN.sub(lambda found: printable(found[0]), page)


def folded(table: Table) -> Markup:
    """The table, behind a line to press when it is long."""
    inside, n = Markup(to_html(table)), len(table.lines)
    if table.fold == "never" or (table.fold == "long" and n <= LONG):
        return inside
    what = table.caption.partition(":")[0].partition(". ")[0].rstrip(".")
    return Markup("<details><summary>{} ({} lines)</summary>\n{}\n</details>").format(what, n, inside)


@cache
def _templates() -> Environment:
    """The templates of this package; all that they are given is escaped, unless it is markup."""
    return Environment(
        loader=PackageLoader("synthboost.reports"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def _html(section: Section) -> Markup:
    """The inside of a section; empty when there is nothing in it and nothing to say of that."""
    found = []
    for series, blocks in section.parts:
        inside: list[Markup] = []
        for is_plot, group in groupby(blocks, lambda block: isinstance(block, Plot)):
            html = [text for block in group if (text := _block(block))]
            inside += [Markup('<div class="charts">\n{}\n</div>').format(Markup("\n").join(html))] if is_plot else html
        if inside:
            name = "" if series is None else series.name
            found += [Markup('<h3 class="series">{}</h3>').format(name)] if name else []
            found += inside
    if not found and section.otherwise:
        found = [Markup("<p>{}</p>").format(section.otherwise)]
    return Markup("\n").join(found)


def _block(block: Block) -> Markup:
    match block:
        case Table():
            return folded(block) if block.lines and block.fold != "file" else Markup()
        case Plot():
            figure = '<figure class="chart">{}\n<figcaption>{}</figcaption>\n</figure>'
            return Markup(figure).format(Markup(block.svg), block.caption)
        case Picture():
            return Markup(_templates().get_template("example.html.j2").module.example(block))  # type: ignore[attr-defined]
        case Markup():
            return block
        case str():
            return Markup("<p>{}</p>").format(block)
