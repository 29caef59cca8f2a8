"""One table as files: Markdown, LaTeX, CSV and HTML beside each other."""

from __future__ import annotations

from pathlib import Path

from synthboost.io.atomic import write_text
from synthboost.reports.cells import Table
from synthboost.reports.formats import FORMATS


def write_table(folder: Path, table: Table) -> list[Path]:
    """Write `<folder>/<name>.md`, `.tex`, `.csv` and `.html`; returns the paths.

    Raises:
        OutputError: a file cannot be written.
    """
    paths = []
    for suffix, formatter in FORMATS.items():
        paths.append(folder / f"{table.name}.{suffix}")
        write_text(paths[-1], formatter(table))
    return paths
