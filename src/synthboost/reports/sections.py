"""The sections of a report: which tables, figures and sentences stand where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias, TypeVar

from markupsafe import Markup

from synthboost.errors import counted
from synthboost.evaluation.statistics.groups import GROUPINGS
from synthboost.records.run_folder import RunRecord
from synthboost.reports.annotation import annotation_plot, annotation_points, annotation_table
from synthboost.reports.bars import encoder_bars, overview_plot, series_bars, strategy_bars
from synthboost.reports.bland_altman import NOT_A_DEVICE
from synthboost.reports.clauses import clause_blocks
from synthboost.reports.content import SIMULATED_TARGET, ReportContent
from synthboost.reports.contrasts import ENCODERS, STRATEGIES, difference_table, family_tables
from synthboost.reports.dice import breakdown_table, dice_table, distance_table, pooled_breakdown, sentence_table
from synthboost.reports.figure import Plot
from synthboost.reports.learning import convergence_table, learning_plots
from synthboost.reports.levels import level_blocks
from synthboost.reports.paper_tables import cell_table, paper_tables, reasons_against
from synthboost.reports.pictures import CASES, Picture, case_text, hardest_pairs, shown_cases
from synthboost.reports.run_facts import (
    Runs,
    data_table,
    in_table_order,
    mask_statements,
    origin_statement,
    origin_table,
    provenance,
    provenance_table,
    runs_table,
    shared_and_own,
    with_ancestors,
)
from synthboost.reports.series import Series, rows_of_runs
from synthboost.reports.table import Table, named

_Item = TypeVar("_Item", Table, Plot)


Block: TypeAlias = str | Markup | Table | Plot | Picture
"""A piece of a section; a plain `str` is a paragraph."""


class Section(NamedTuple):
    """A part of the page under a heading."""

    anchor: str
    title: str
    parts: Sequence[tuple[Series | None, Sequence[Block]]]
    """What is shown of each series, or (`None`) of all runs."""
    otherwise: str = ""
    """Said when there is nothing to show; without it the section is left out."""


def sections_of(runs: Sequence[RunRecord], series: Sequence[Series], content: ReportContent) -> list[Section]:
    """Work out everything that a report shows, in its order.

    Raises:
        DataError: rows contradict each other, see `ordered_arms`.
    """
    ordered, known = in_table_order(runs), with_ancestors(runs)

    def each(blocks: Callable[[Series], Iterable[Block]]) -> list[tuple[Series | None, list[Block]]]:
        return [(one, list(blocks(one))) for one in series]

    def whole(blocks: Iterable[Block]) -> list[tuple[Series | None, list[Block]]]:
        return [(None, list(blocks))]

    nothing, no_row = "No finished run was given.", "No row was scored."
    sections = [
        Section("about", "What this is", whole(_about(ordered, content))),
        Section("runs", "What was run", whole(_runs(ordered, content)), nothing),
        Section("paper", "Beside the paper", each(_paper)),
        Section(
            "strategies",
            "Does synthetic data help?",
            [*whole(_across(ordered, series)), *each(lambda one: _strategies(one, known))],
        ),
        Section(
            "encoders",
            "Frozen or trained encoders",
            each(lambda one: [*encoder_bars(one.differences), difference_table(one.differences, ENCODERS, known)]),
        ),
        Section("dice", "Dice", each(_dice), no_row),
        Section(
            "sentence",
            "Is the sentence used?",
            each(lambda one: [sentence_table(one.rows)]),
            "No run was evaluated with a wrong sentence, so this cannot be told.",
        ),
        Section("levels", "What mattered most", whole(level_blocks(runs, content.levels))),
        Section("clauses", "What each part of the sentence contributes", each(lambda one: clause_blocks(one.runs))),
        Section(
            "learning",
            "Learning",
            each(lambda one: _learning(one, content)),
            "No run was trained, so there is no learning curve.",
        ),
        Section("breakdown", "Breakdown", each(_breakdown), no_row),
        Section("distances", "Distances", each(lambda one: [distance_table(one.arms)]), no_row),
        Section(
            "pictures",
            "Pictures",
            [*each(lambda one: [hardest_pairs(one.rows)]), *whole(_cases(ordered))],
            "The runs keep no example images.",
        ),
        Section("fidelity", "How like real images the synthetic ones are", whole(content.fidelity)),
        Section("deviations", "Deviations from the paper", whole(_deviations(series, content))),
        Section("sentences", "Sentences", whole(_sentences(content))),
        Section("again", "Run it", whole(_commands(content))),
        Section("provenance", "Provenance", whole(_provenance(ordered)), nothing),
        Section("limits", "Limits and licence", whole(_limits(content))),
    ]
    if not content.target_is_simulated:
        return sections
    return [
        s._replace(parts=[(one, list(map(for_simulated_target, blocks))) for one, blocks in s.parts]) for s in sections
    ]


def for_simulated_target(block: Block) -> Block:
    """Say in a table's caption and heading, or a figure's caption, that what is called real is simulated."""
    if isinstance(block, Plot):
        return replace(block, caption=f"{block.caption} “real” is the {SIMULATED_TARGET}.")
    if not isinstance(block, Table):
        return block
    heading = f'strategy ("real" = {SIMULATED_TARGET})'
    columns = tuple(c._replace(heading=heading) if c.heading == "strategy" else c for c in block.columns)
    return replace(block, caption=f'{block.caption} "real" is a {SIMULATED_TARGET} here.', columns=columns)


def _about(runs: Sequence[RunRecord], content: ReportContent) -> Iterator[Block]:
    yield from content.summary
    rows = rows_of_runs(runs)
    rows = rows[rows.probe == ""]
    numbers = {
        "run": len(runs),
        "seed": len({run.spec.seed for run in runs} - {None}),
        "scored image-structure pair": len(rows),
        "evaluated image": len(rows[["patient", "frame"]].drop_duplicates()),
        "patient": rows.patient.nunique(),
    }
    yield ", ".join(counted(n, name) for name, n in numbers.items()) + "."
    yield Markup("<p><strong>{}</strong></p>").format(NOT_A_DEVICE)
    if content.unfinished:
        yield Markup("<h3>Without a result</h3>")
        yield _list(f"{run}: {error}" for run, error in content.unfinished)


def _runs(runs: Sequence[RunRecord], content: ReportContent) -> Iterator[Block]:
    if not runs:
        return
    if statement := origin_statement(runs):
        yield statement
    yield from mask_statements(runs)
    yield origin_table(runs)
    data = data_table(runs, f"real ({SIMULATED_TARGET})" if content.target_is_simulated else "real")
    yield data if data.lines else "The runs do not record their data sets."
    yield runs_table(runs)


def _paper(series: Series) -> Iterator[Block]:
    tables, reasons = paper_tables(series), reasons_against(series.runs)
    if tables and reasons:
        yield Markup('<div class="warning"><p><strong>These numbers are not comparable with the paper\'s:</strong></p>')
        yield _list(reasons)
        yield Markup("</div>")
    yield from tables
    yield replace(cell_table(series), fold="file")


def _across(runs: Sequence[RunRecord], series: Sequence[Series]) -> Iterator[Block]:
    """What is seen over the series: their differences side by side, and what annotation is worth."""
    points, masks = annotation_points(rows_of_runs(runs)), mask_statements(runs)
    if not points:
        yield from masks
    yield from series_bars({one.name: one.differences for one in series})
    for setting, own in points.items():
        yield annotation_plot(setting, own, masks)
        yield annotation_table(setting, own, masks)


def _strategies(series: Series, known: Runs) -> Iterator[Block]:
    yield from strategy_bars(series.differences)
    yield difference_table(series.differences, STRATEGIES, known)
    tables, reasons = family_tables(series.rows, known)
    yield from tables
    yield from (Markup('<p class="note">{}</p>').format(reason) for reason in reasons)


def _dice(series: Series) -> Iterator[Block]:
    if series.arms:
        yield "Dice measures the overlap of the predicted and the true mask: 100\u00a0% is perfect, 0\u00a0% is none."
    yield from overview_plot(series.arms)
    yield dice_table(series.arms)


def _learning(series: Series, content: ReportContent) -> Iterator[Block]:
    yield from learning_plots(series.runs, content.fixed_dice)
    yield convergence_table(series.runs, content.fixed_dice)
    yield replace(convergence_table(series.runs, content.fixed_dice, by_run=True), fold="file")


def _breakdown(series: Series) -> Iterator[Block]:
    for by in GROUPINGS:
        table = breakdown_table(series.arms, by)
        if table.lines:
            yield replace(pooled_breakdown(series.arms, by), fold="never" if by == "structure" else "always")
            yield replace(table, fold="file")


def _cases(runs: Sequence[RunRecord]) -> Iterator[Block]:
    shown = shown_cases(runs, CASES)
    if any(shown.values()):
        yield (
            "Each run keeps its best, its median and its worst image; these are the worst, the median and the best of "
            "all that the trained runs kept, P0 left out, each image once."
        )
    for kind, cases in shown.items():
        if cases:
            yield Markup("<h3>{}</h3>").format(kind.capitalize())
        for run, picture in cases:
            yield picture
            yield Markup('<p class="frame quiet">{}</p>').format(case_text(run))


def _deviations(series: Sequence[Series], content: ReportContent) -> Iterator[Block]:
    of_paper = [reason for one in series for reason in reasons_against(one.runs)]
    reasons = dict.fromkeys(of_paper)
    texts = [*content.deviations, *(f"{reason[0].upper()}{reason[1:]}." for reason in reasons)]
    if texts:
        yield _list(texts)
    lines = [named(("what", "paper", "here"), line) for line in content.recipe]
    yield Table.of("recipe", "The recipe and the paper.", lines)


def _sentences(content: ReportContent) -> Iterator[Block]:
    if content.sentences:
        yield "Each prompt set says more about the image than the one before."
        said = {
            name: Markup("<q>{}</q>").format(text) if text else Markup('<span class="quiet">the empty sentence</span>')
            for name, text in content.sentences
        }
        yield _facts(said, "sentences")


def _commands(content: ReportContent) -> Iterator[Block]:
    for purpose, command in content.commands:
        yield purpose
        yield Markup('<pre tabindex="0"><code>{}</code></pre>').format(command)


def _provenance(runs: Sequence[RunRecord]) -> Iterator[Block]:
    shared, own = shared_and_own([provenance(run) for run in runs])
    if shared:
        yield Markup("<h3>The same in all runs that record it</h3>")
        yield _facts(shared)
    yield provenance_table(runs, own)


def _limits(content: ReportContent) -> Iterator[Block]:
    device = Markup("<strong>{}</strong> Nothing here may guide the care of a patient.").format(NOT_A_DEVICE)
    yield _list([*content.notes, *content.licence, device])


def _list(items: Iterable[str]) -> Markup:
    lines = Markup("\n").join(Markup("<li>{}</li>").format(item) for item in items)
    return Markup("<ul>\n{}\n</ul>").format(lines)


def _facts(facts: dict[str, str] | dict[str, Markup], kind: str = "facts") -> Markup:
    lines = Markup("\n").join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value) for name, value in facts.items()
    )
    return Markup('<dl class="{}">\n{}\n</dl>').format(kind, lines)
