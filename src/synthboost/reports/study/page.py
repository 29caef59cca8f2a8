"""The page of a study: one self-contained HTML file that many runs do not make endless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from synthboost import __version__
from synthboost.io.atomic import write_text
from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import Column, Table, words
from synthboost.reports.conditions import NO_VALUE, SIMULATED_TARGET
from synthboost.reports.convergence import in_table_order
from synthboost.reports.formats import to_html
from synthboost.reports.page import data_table, runs_table, template
from synthboost.reports.palette import PREDICTED_CONTOUR, TRUE_CONTOUR
from synthboost.reports.plot import Plot
from synthboost.reports.run_facts import provenance, shared_and_own
from synthboost.reports.study.annotation import annotation_plot, annotation_points, annotation_table
from synthboost.reports.study.bars import series_bars
from synthboost.reports.study.cases import Case, extreme_cases
from synthboost.reports.study.chapter import Chapter, work_out
from synthboost.reports.study.content import StudyContent
from synthboost.reports.study.fidelity_lines import fidelity_table
from synthboost.reports.study.mask_origins import mask_statements
from synthboost.reports.study.origins import origin_statement, origin_table
from synthboost.reports.study.series import split_into_series

LONG = 26
"""Lines above which a table is folded, so that the page can be scrolled (a guess)."""


@dataclass(frozen=True, eq=False)
class StudyPage:
    """Everything the template fills in, computed beforehand."""

    content: StudyContent
    extent: str
    """How many runs, seeds, patients."""
    chapters: tuple[Chapter, ...]
    """One per series."""
    across: tuple[Plot, ...]
    """Figures over the series."""
    annotation: tuple[Table, ...]
    """What annotation is worth, one table per setting that was trained on several numbers of real patients."""
    data: Table
    runs: Table
    origins: Table
    origin_statement: str
    masks: tuple[str, ...]
    """Which numbers of real patients are not numbers of annotated ones, because of the masks of synthetic images."""
    recipe: Table
    fidelity: tuple[Table, ...]
    worst: list[Case]
    best: list[Case]
    shared: dict[str, str]
    """Provenance that all runs share."""
    own: Table
    """Provenance in which they differ."""


def write_study_report(out: Path, runs: Sequence[RunRecord], content: StudyContent, files: Path | None = None) -> None:
    """Write the report of a study to the HTML file `out`, whole or not at all.

    Args:
        out: the page.
        runs: finished runs, in any order.
        content: the words.
        files: also write every table as `.md`, `.tex`, `.csv`, `.html` and every figure as `.svg`, `.pdf` there.

    Raises:
        DataError: rows contradict each other, see `summarise`, or a fidelity report is none.
        OutputError: a file cannot be written.
    """
    page = assemble_study(runs, content)
    write_text(out, render_study(page))
    if files is not None:
        from synthboost.reports.study.files import write_page_files

        write_page_files(files, page)


def render_study(page: StudyPage) -> str:
    """The page as HTML text."""
    return template("study.html.j2", plot=lambda plot: Markup(plot.svg), folded=folded).render(
        page=page,
        version=__version__,
        simulated_target=SIMULATED_TARGET,
        true_colour=TRUE_CONTOUR,
        predicted_colour=PREDICTED_CONTOUR,
    )


def assemble_study(runs: Sequence[RunRecord], content: StudyContent) -> StudyPage:
    """Compute all that the page shows."""
    simulated, ordered = content.target_is_simulated, in_table_order(runs)
    chapters = tuple(work_out(series, content) for series in split_into_series(ordered))
    worst, best = extreme_cases(ordered, content.cases)
    shared, own = shared_and_own([provenance(run) for run in ordered])
    annotation, masks = annotation_points(ordered), mask_statements(ordered)
    return StudyPage(
        content=content,
        extent=_extent(ordered),
        chapters=chapters,
        across=(
            *series_bars([(c.series.name, list(c.contrasts)) for c in chapters], simulated),
            *(annotation_plot(setting, points, masks) for setting, points in annotation.items()),
        ),
        annotation=tuple(annotation_table(setting, points, masks) for setting, points in annotation.items()),
        data=data_table(ordered, simulated),
        runs=runs_table(ordered, simulated),
        origins=origin_table(ordered, simulated),
        origin_statement=origin_statement(ordered),
        masks=masks,
        recipe=_recipe_table(content),
        fidelity=tuple(fidelity_table(name, report, k) for k, (name, report) in enumerate(content.fidelity)),
        worst=worst,
        best=best,
        shared=shared,
        own=_own_table(ordered, own),
    )


def _extent(runs: Sequence[RunRecord]) -> str:
    rows = [row for run in runs for row in run.rows if row.probe == ""]
    numbers = {
        "runs": len(runs),
        "seeds": len({run.spec.seed for run in runs} - {None}),
        "scored image-structure pairs": len(rows),
        "test images": len({(row.patient, row.frame) for row in rows}),
        "patients": len({row.patient for row in rows}),
    }
    return ", ".join(
        f"{number:,} {name if number != 1 else name.removesuffix('s')}" for name, number in numbers.items()
    )


def _recipe_table(content: StudyContent) -> Table:
    columns = tuple(Column(name, is_text=True) for name in ("what", "paper", "here"))
    lines = tuple((words(d.what), words(d.paper), words(d.here)) for d in content.recipe)
    return Table("recipe", "The recipe and the paper.", columns, lines)


def _own_table(runs: Sequence[RunRecord], own: Sequence[dict[str, str]]) -> Table:
    keys = list(dict.fromkeys(key for facts in own for key in facts))
    columns = (Column("run", is_text=True), *(Column(key, is_text=True) for key in keys))
    lines = tuple(
        (words(run.spec.name), *(words(facts.get(key, NO_VALUE)) for key in keys))
        for run, facts in zip(runs, own, strict=True)
    )
    return Table("provenance", "What differs between the runs, as they recorded it.", columns, lines)


def folded(table: Table, always: bool = False) -> Markup:
    """The table, behind a line to press when it is long."""
    if not always and len(table.lines) <= LONG:
        return Markup(to_html(table))
    what = Markup.escape(table.caption.partition(":")[0].partition(". ")[0].rstrip("."))
    inside = Markup(to_html(table))
    return Markup("<details><summary>{} ({} lines)</summary>\n{}\n</details>").format(what, len(table.lines), inside)
