"""The page: one self-contained HTML file with results, pictures and provenance of finished runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from synthboost import __version__
from synthboost.evaluation.statistics.groups import GROUPINGS
from synthboost.io.atomic import write_text
from synthboost.records.run_folder import RunRecord
from synthboost.reports.cells import Cell, Column, Table, words
from synthboost.reports.conditions import NO_VALUE, SIMULATED_TARGET, strategy_heading
from synthboost.reports.content import ReportContent
from synthboost.reports.convergence import convergence_table, in_table_order
from synthboost.reports.curves import Drawing, learning_curves
from synthboost.reports.formats import to_html
from synthboost.reports.headline import headline
from synthboost.reports.interval_plot import interval_plot
from synthboost.reports.palette import PREDICTED_CONTOUR, TRUE_CONTOUR
from synthboost.reports.pictures import Gallery, galleries
from synthboost.reports.run_facts import (
    parameters_text,
    provenance,
    shared_and_own,
    spec_text,
    stages_text,
    synthetic_domain,
    wall_time_text,
)
from synthboost.reports.summary import summarise
from synthboost.reports.tables import row_tables


@dataclass(frozen=True)
class Page:
    """Everything the template fills in, computed beforehand."""

    content: ReportContent
    headline: str
    data: Table
    runs: Table
    tables: dict[str, Table]
    """By name."""
    breakdowns: tuple[tuple[str, Table], ...]
    """By what each groups."""
    intervals: str
    """SVG."""
    curves: tuple[Drawing, ...]
    galleries: list[Gallery]
    shared: dict[str, str]
    """Provenance that all runs share."""
    own: list[tuple[str, dict[str, str]]]
    """Provenance of each run by its name."""


def write_report(out: Path, runs: Sequence[RunRecord], content: ReportContent) -> None:
    """Write the report of `runs` to the HTML file `out`, whole or not at all.

    Raises:
        DataError: rows contradict each other, see `summarise`.
        OutputError: the file cannot be written.
    """
    write_text(out, render(runs, content))


def render(runs: Sequence[RunRecord], content: ReportContent) -> str:
    """The report as HTML text.

    Raises:
        DataError: rows contradict each other, see `summarise`.
    """
    return template("report.html.j2").render(
        page=assemble(runs, content),
        version=__version__,
        simulated_target=SIMULATED_TARGET,
        true_colour=TRUE_CONTOUR,
        predicted_colour=PREDICTED_CONTOUR,
    )


def template(name: str, **filters: Callable[..., Markup]) -> Template:
    """A template of this package; all it is given is escaped, except what filters return: they do it themselves."""
    environment = Environment(
        loader=PackageLoader("synthboost.reports"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["table"] = lambda table: Markup(to_html(table))
    environment.filters["svg"] = lambda markup: Markup(markup)
    environment.filters["nobreak"] = lambda text: text.replace(" %", "\u00a0%")
    environment.filters |= filters
    return environment.get_template(name)


def assemble(runs: Sequence[RunRecord], content: ReportContent) -> Page:
    """Compute all that the page shows."""
    simulated, ordered = content.target_is_simulated, in_table_order(runs)
    rows = [row for run in ordered for row in run.rows]
    summaries = summarise(rows)
    tables = {table.name: table for table in row_tables(rows, simulated)}
    tables["convergence"] = convergence_table(ordered, content.fixed_dice, simulated)
    shared, own = shared_and_own([provenance(run) for run in ordered])
    return Page(
        content=content,
        headline=headline(summaries, simulated),
        data=data_table(ordered, simulated),
        runs=runs_table(ordered, simulated),
        tables=tables,
        breakdowns=tuple((grouping.heading, tables[f"dice_by_{by}"]) for by, grouping in GROUPINGS.items()),
        intervals=interval_plot(summaries),
        curves=learning_curves(ordered, content.fixed_dice, simulated),
        galleries=galleries(ordered, content.examples_per_run),
        shared=shared,
        own=[(run.spec.name, facts) for run, facts in zip(ordered, own, strict=True)],
    )


def data_table(runs: Sequence[RunRecord], target_is_simulated: bool) -> Table:
    """The data sets of the runs, each once."""
    lines: dict[tuple[str, ...], tuple[Cell, ...]] = {}
    for run in runs:
        for role, item in sorted(run.spec.data.items()):
            name = f"real ({SIMULATED_TARGET})" if role == "real" and target_is_simulated else role
            facts = (name, item.name, item.domain, f"{item.patients}", f"{item.frames}")
            lines[facts] = tuple(map(words, facts))
    columns = (*(_words(name) for name in ("role", "data set", "domain")), Column("patients"), Column("frames"))
    return Table("data", "The data sets, their domains and sizes.", columns, tuple(lines[key] for key in sorted(lines)))


def runs_table(runs: Sequence[RunRecord], target_is_simulated: bool) -> Table:
    """The runs, a line each."""
    names = ("run", strategy_heading(target_is_simulated), "model", "preset", "encoders", "sentences", "stages",
             "synthetic images")  # fmt: skip
    keys = ("strategy", "model", "preset", "encoders", "prompt_set")
    lines = tuple(
        (
            words(run.spec.name),
            *(words(spec_text(run, key)) for key in keys),
            words(stages_text(run)),
            words(synthetic_domain(run) or NO_VALUE),
            words(spec_text(run, "seed")),
            words(parameters_text(run)),
            words(wall_time_text(run)),
        )
        for run in runs
    )
    columns = (*map(_words, names), Column("seed"), Column("trained parameters"), Column("wall time"))
    return Table("runs", "The runs.", columns, lines)


def _words(heading: str) -> Column:
    return Column(heading, is_text=True)
