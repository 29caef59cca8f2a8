"""`synthboost report`: one self-contained HTML page, and tables and figures as files, from finished runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Report:
    """Write the report of finished runs: Dice tables, learning curves, contours, provenance.

    A folder of runs, or `--study`, gives the report of a study: the paper's values beside ours, differences with
    intervals, pooled seeds, worst and best cases. The page shows images of the data set: keep it as confidential as the
    data.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of finished runs, or folders of such folders."""
    out: Path = Path("report.html")
    """The page."""
    tables: Path | None = None
    """Also write tables (Markdown, LaTeX, CSV, HTML), and of a study figures (SVG, PDF), into this folder."""
    study: bool = False
    """Write the report of a study; implied by a folder of runs."""
    fidelity: tuple[Path, ...] = ()
    """`fidelity.json` files of a study's synthetic sets, from `synthesize fidelity`."""
    title: str | None = None
    """The title of a study's page."""

    def run(self) -> None:
        """Read the runs and write the page."""
        from synthboost.records.study_folder import find_runs

        found = find_runs(self.runs)
        if self.study or found.is_study:
            self._write_study(found.finished, found.unfinished)
        else:
            self._write_runs(found.finished)
        print(f"report: {self.out}")

    def _write_runs(self, folders: tuple[Path, ...]) -> None:
        from synthboost.errors import ConfigError
        from synthboost.records.run_folder import read_run
        from synthboost.reports.content import content_from_runs
        from synthboost.reports.page import write_report
        from synthboost.reports.tables import write_tables

        if self.fidelity or self.title:
            raise ConfigError("report", "fidelity, title", "given", "a study", "Add --study, or leave them out.")
        records = [read_run(path) for path in folders]
        write_report(self.out, records, content_from_runs(records))
        if self.tables is not None:
            write_tables(self.tables, records)

    def _write_study(self, folders: tuple[Path, ...], unfinished: tuple[Path, ...]) -> None:
        from synthboost.io.typed_json import read_json
        from synthboost.records.run_folder import read_run
        from synthboost.reports.study import study_content_from_runs, write_study_report

        records = [read_run(path) for path in folders]
        content = study_content_from_runs(
            records,
            title=self.title,
            fidelity=tuple((path.absolute().parent.name, read_json(path)) for path in self.fidelity),
            unfinished=tuple((path.name, "not finished") for path in unfinished),
        )
        write_study_report(self.out, records, content, files=self.tables)
