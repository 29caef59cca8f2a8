"""`synthboost report`: one self-contained HTML page, and tables and figures as files, from finished runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from synthboost.errors import ConfigError


@dataclass(frozen=True)
class Report:
    """Write the report of finished runs: the paper's values beside ours, differences with intervals, pooled seeds,
    learning curves, worst, median and best cases, provenance.

    The page shows images of the data set: keep it as confidential as the data.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of finished runs, or folders of such folders; and files of `synthesize fidelity` to show on the page."""
    out: Path = Path("report.html")
    """The page, `NAME.html` or `.htm`; or a folder of `report.html`, `tables/` (Markdown, LaTeX, CSV, HTML),
    `figures/`."""

    def run(self) -> None:
        """Read the runs and write the page."""
        from synthboost.io.typed_json import read_json
        from synthboost.records.run_folder import read_run
        from synthboost.records.study_folder import find_runs
        from synthboost.reports import content_from_runs, write_report
        from synthboost.reports.fidelity import fidelity_tables

        if not self.runs:
            raise ConfigError(
                "report", "runs", "none", "folders of finished runs", "Give a run's folder, or a folder of runs."
            )
        measured = [(path, read_json(path)) for path in self.runs if path.suffix == ".json"]
        for path, found in measured:  # one that is none is told by its own name
            fidelity_tables(str(path), found)
        finished, unfinished = find_runs([path for path in self.runs if path.suffix != ".json"])
        records = [read_run(path) for path in finished]
        content = content_from_runs(
            records,
            fidelity=tuple((path.absolute().parent.name, found) for path, found in measured),
            unfinished=tuple((path.name, "not finished") for path in unfinished),
        )
        alone = self.out.suffix.lower() in (".html", ".htm")
        page = self.out if alone else self.out / "report.html"
        write_report(page, records, content, files=None if alone else self.out)
        print(f"report: {page}")
