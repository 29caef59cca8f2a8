"""`synthboost report`: one self-contained HTML page, and tables as files, from finished runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Report:
    """Write the report of one or more finished runs: Dice table, learning curves, contours, provenance.

    The page shows images of the data set: keep it as confidential as the data.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of finished runs."""
    out: Path = Path("report.html")
    """The page."""
    tables: Path | None = None
    """Also write the tables as Markdown, LaTeX and CSV into this folder."""

    def run(self) -> None:
        """Read the runs and write the page."""
        from synthboost.records.run_folder import read_run
        from synthboost.reports.content import content_from_runs
        from synthboost.reports.page import write_report
        from synthboost.reports.tables import write_tables

        records = [read_run(path) for path in self.runs]
        write_report(self.out, records, content_from_runs(records))
        if self.tables is not None:
            write_tables(self.tables, records)
        print(f"report: {self.out}")
