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
        from synthboost.io.typed_json import read_json, read_record
        from synthboost.records.run_folder import read_run
        from synthboost.records.study_folder import StudyPaths, StudyRecord, find_runs
        from synthboost.reports import write_report
        from synthboost.reports.fidelity import fidelity_tables
        from synthboost.reports.transfer import with_transfers

        if not self.runs:
            raise ConfigError(
                "report", "runs", "none", "folders of finished runs", "Give a run's folder, or a folder of runs."
            )
        measured = [path for path in self.runs if path.suffix == ".json"]
        fidelity = [
            table
            for n, path in enumerate(measured, start=1)
            for table in fidelity_tables(path.absolute().parent.name, read_json(path), n, str(path))
        ]
        finished, unfinished = find_runs([path for path in self.runs if path not in measured])
        records = [read_run(path) for path in finished]
        studies = [path for path in self.runs if StudyPaths(path).description.is_file()]
        words = {}
        if studies:  # of several, the recipe of the first
            from synthboost.studies.study_text import words_of

            known = [words_of(read_record(StudyPaths(path).description, StudyRecord)) for path in studies]
            words = known[0] | {"levels": {run: own for one in known for run, own in one["levels"].items()}}
        own, content = with_transfers(
            records,
            **words,
            fidelity=tuple(fidelity),
            unfinished=tuple((path.name, "not finished") for path in unfinished),
        )
        alone = self.out.suffix.lower() in (".html", ".htm")
        page = self.out if alone else self.out / "report.html"
        write_report(page, own, content, files=None if alone else self.out)
        print(f"report: {page}")
