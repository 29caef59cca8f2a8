"""The page: one self-contained HTML file with results, pictures and provenance of finished runs; and its files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from synthboost import __version__
from synthboost.io.atomic import write_text
from synthboost.records.run_folder import RunRecord
from synthboost.reports.content import SIMULATED_TARGET, TARGET_NOTE, ReportContent, headline
from synthboost.reports.figure import PREDICTED_CONTOUR, TRUE_CONTOUR, Plot
from synthboost.reports.pictures import Picture
from synthboost.reports.sections import Block, Section, sections_of
from synthboost.reports.series import Series, series_of
from synthboost.reports.table import Table, to_html, write_table

FIGURES, TABLES = "figures", "tables"
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
        DataError: rows contradict each other, see `ordered_arms`, or a fidelity report is none.
        OutputError: a file cannot be written.
    """
    series = series_of(runs)
    sections = sections_of(runs, series, content)
    write_text(out, render(series, sections, content))
    if files is not None:
        write_files(files, sections)


def write_files(folder: Path, sections: Sequence[Section]) -> list[Path]:
    """Write the tables and figures of a report, see `write_report`; returns the paths."""
    paths: list[Path] = []
    for section in sections:
        for series, blocks in section.parts:
            slug = "" if series is None else series.slug
            for block in blocks:
                if isinstance(block, Table) and block.lines:
                    paths += write_table(folder / TABLES / slug, block)
                elif isinstance(block, Plot):
                    paths += block.write(folder / FIGURES / slug)
    return paths


def render(series: Sequence[Series], sections: Sequence[Section], content: ReportContent) -> str:
    """The page as HTML text."""
    simulated = content.target_is_simulated
    headlines = [(s.name, headline(s.arms, s.differences, simulated).replace(" %", "\u00a0%")) for s in series]
    shown = [(section, _html(section)) for section in sections]
    return (
        _templates()
        .get_template("page.html.j2")
        .render(
            content=content,
            headlines=headlines,
            sections=[(section.anchor, section.title, html) for section, html in shown if html],
            version=__version__,
            simulated_target=SIMULATED_TARGET,
            target_note=TARGET_NOTE,
            true_colour=TRUE_CONTOUR,
            predicted_colour=PREDICTED_CONTOUR,
        )
    )


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
