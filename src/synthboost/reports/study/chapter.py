"""One series of a study, worked out: its tables and figures, ready for the page and for files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from synthboost.evaluation.statistics.groups import GROUPINGS
from synthboost.reports.breakdown import breakdown_table, pooled_breakdown
from synthboost.reports.cells import Table
from synthboost.reports.convergence import convergence_table
from synthboost.reports.headline import headline
from synthboost.reports.plot import Plot
from synthboost.reports.sentence_use import sentence_table
from synthboost.reports.study.bars import encoder_bars, strategy_bars
from synthboost.reports.study.cases import hardest_pairs
from synthboost.reports.study.comparability import reasons_against
from synthboost.reports.study.content import StudyContent
from synthboost.reports.study.contrasts import ENCODERS, STRATEGIES, Contrast, contrast_table, contrasts
from synthboost.reports.study.families import family_tables
from synthboost.reports.study.learning import convergence_over_seeds, learning_plots
from synthboost.reports.study.overview import overview_plot
from synthboost.reports.study.paper_tables import cell_table, paper_tables
from synthboost.reports.study.series import Series
from synthboost.reports.summary import summarise
from synthboost.reports.tables import dice_table, distance_table


@dataclass(frozen=True, eq=False)
class Chapter:
    """The results of one series."""

    series: Series
    headline: str
    reasons: tuple[str, ...]
    """Why its numbers are not comparable with the paper's."""
    paper: tuple[Table, ...]
    cells: Table
    contrasts: tuple[Contrast, ...]
    differences: Table
    frozen: Table
    families: tuple[Table, ...]
    """Tests by patient, corrected together."""
    untested: tuple[str, ...]
    """Why a contrast has no test."""
    strategy_plots: tuple[Plot, ...]
    encoder_plots: tuple[Plot, ...]
    overview: tuple[Plot, ...]
    dice: Table
    sentences: Table
    distances: Table
    learning: tuple[Plot, ...]
    convergence: Table
    convergence_by_run: Table
    pooled: tuple[Table, ...]
    """Breakdowns over all prompt sets, for the page."""
    breakdowns: tuple[Table, ...]
    """Breakdowns of every condition, for files."""
    hardest: Table

    @property
    def tables(self) -> Iterator[Table]:
        """All tables, for files."""
        yield from (*self.paper, self.cells, self.differences, self.frozen, self.dice, self.sentences, self.distances)
        yield from (*self.families, self.convergence, self.convergence_by_run, *self.breakdowns, self.hardest)
        for table in self.pooled:
            yield replace(table, name=f"{table.name}_pooled")

    @property
    def plots(self) -> Iterator[Plot]:
        """All figures, for files."""
        yield from (*self.strategy_plots, *self.encoder_plots, *self.overview, *self.learning)


def work_out(series: Series, content: StudyContent) -> Chapter:
    """Compute everything that is shown of a series.

    Raises:
        DataError: rows contradict each other, see `summarise`.
    """
    simulated, rows = content.target_is_simulated, series.rows
    summaries = summarise(rows)
    families, untested = family_tables(rows)
    found = contrasts(summaries)
    return Chapter(
        series=series,
        headline=headline(summaries, simulated),
        reasons=reasons_against(series.runs),
        paper=tuple(paper_tables(series, simulated)),
        cells=cell_table(series),
        contrasts=tuple(found),
        differences=contrast_table(found, STRATEGIES, simulated),
        frozen=contrast_table(found, ENCODERS, simulated),
        families=tuple(families),
        untested=tuple(untested),
        strategy_plots=tuple(strategy_bars(found, simulated)),
        encoder_plots=tuple(encoder_bars(found, simulated)),
        overview=tuple(overview_plot(summaries, simulated)),
        dice=dice_table(summaries, simulated),
        sentences=sentence_table(rows, simulated),
        distances=distance_table(summaries, simulated),
        learning=tuple(learning_plots(series.runs, content.fixed_dice, simulated)),
        convergence=convergence_over_seeds(series.runs, content.fixed_dice, simulated),
        convergence_by_run=convergence_table(series.runs, content.fixed_dice, simulated),
        pooled=tuple(pooled_breakdown(summaries, by, simulated) for by in GROUPINGS),
        breakdowns=tuple(breakdown_table(summaries, by, simulated) for by in GROUPINGS),
        hardest=hardest_pairs(rows),
    )
