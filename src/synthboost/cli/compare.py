"""`synthboost compare`: contrasts between methods by patient, with intervals; or the paper's published scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from synthboost.errors import ConfigError, DataError, SynthboostError


@dataclass(frozen=True)
class Compare:
    """Compare finished runs on the same images: first minus second, patient by patient.

    Runs of one side that differ only in seed are averaged. Runs that also differ in model, encoders or sentences are
    paired with their counterparts on the other side, and their p-values are corrected together (Holm).
    Pretraining counts as training if its run was given or its folder lies beside.

    The folder `metrics` of a clone of github.com/naamiinepal/synthetic-boost, alone, summarises and compares the scores
    that the paper's authors published.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]] = ()
    """The first side: folders of finished runs; or the published scores."""
    second: Annotated[tuple[Path, ...], tyro.conf.arg(name="with")] = ()
    """The second side: folders of finished runs."""
    draws: int = 10_000
    """Bootstrap resamples."""
    out: Path | None = None
    """Also write the tables as Markdown, LaTeX, CSV and HTML into this folder."""

    def run(self) -> None:
        """Compare and print."""
        from synthboost.evaluation.statistics.contrast import contrast_family
        from synthboost.records.published import is_published, read_published
        from synthboost.records.run_folder import read_run
        from synthboost.reports.contrasts import family_table, training_of_rows
        from synthboost.reports.published import published_tables
        from synthboost.reports.run_facts import by_name, with_ancestors
        from synthboost.reports.series import rows_of_runs
        from synthboost.reports.table import to_text, write_tables

        if self.second or not is_published(self.runs):
            if not (self.runs and self.second):
                raise self._one_sided()
            first, second = (by_name(map(read_run, side)) for side in (self.runs, self.second))
            ours, theirs = (rows_of_runs([*runs.values()]) for runs in (first, second))
            family = contrast_family(ours, theirs, draws=self.draws)
            shared = [column for column, _ in family.members[0][0]]
            known = with_ancestors([*first.values(), *second.values()])
            training = training_of_rows(ours, theirs, shared, known)
            tables = [family_table(family, training=training)]
        else:
            tables = published_tables(read_published(self.runs[0]), draws=self.draws)
        print("\n".join(map(to_text, tables)), end="")
        if self.out is not None:
            write_tables(self.out, tables)
            print(f"\ntables: {self.out}")

    def _one_sided(self) -> SynthboostError:
        """What is wrong with folders on one side: one alone may be meant as that of the published scores."""
        remedy = "Say synthboost compare RUN ... --with RUN ...; published scores are in the clone's folder `metrics`."
        if len(self.runs) == 1 and not self.runs[0].is_dir():
            return DataError(self.runs[0], "runs", "no such folder", "a run's folder, or that of the published scores")
        given = f"{len(self.runs)} and {len(self.second)} folders"
        return ConfigError("compare", "runs, with", given, "runs on both sides", remedy)
