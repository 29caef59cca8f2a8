"""The tables and figures of a study as files: what goes into a paper or a slide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import Table
from synthboost.reports.study.content import StudyContent
from synthboost.reports.study.page import StudyPage, assemble_study
from synthboost.reports.table_files import write_table

FIGURES, TABLES = "figures", "tables"


def write_study_files(folder: Path, runs: Sequence[RunRecord], content: StudyContent) -> list[Path]:
    """Write `tables/*.md, .tex, .csv, .html` and `figures/*.svg, .pdf` into `folder`; returns the paths.

    Tables and figures of a series are in a folder of its name when the study has several.

    Raises:
        DataError: rows contradict each other, see `summarise`, or a fidelity report is none.
        OutputError: a file cannot be written.
    """
    return write_page_files(folder, assemble_study(runs, content))


def write_page_files(folder: Path, page: StudyPage) -> list[Path]:
    """Write the files of a page that is worked out already."""
    paths = []
    common = (page.data, page.runs, page.origins, page.recipe, page.own, *page.fidelity, *page.annotation)
    common += page.content.statistics
    for table in common:
        paths += _write_table(folder / TABLES, table)
    for plot in page.across:
        paths += plot.write(folder / FIGURES)
    for chapter in page.chapters:
        for table in chapter.tables:
            paths += _write_table(folder / TABLES / chapter.series.slug, table)
        for plot in chapter.plots:
            paths += plot.write(folder / FIGURES / chapter.series.slug)
    return paths


def _write_table(folder: Path, table: Table) -> list[Path]:
    if not table.lines:
        return []
    return write_table(folder, table)
