"""`synthboost data inspect | export`: inspect a data set, or export a simulated one in the layout of CAMUS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Inspect:
    """Print a data set's patients, views, phases, sizes, attributes and splits, and what is missing."""

    root: tyro.conf.Positional[Path]
    """The data set's folder: CAMUS' NIfTI or MHD release, or a simulated set."""
    deep: bool = False
    """Read every pixel to find damaged files, odd labels, tiny masks and identical images."""
    full: bool = False
    """List all missing items instead of the first few."""

    def run(self) -> None:
        """Print the report."""
        from synthboost.data import open_dataset
        from synthboost.data.inspection import inspect_dataset, render_report

        dataset = open_dataset(self.root, allow_missing=True)
        table = inspect_dataset(dataset, deep=self.deep, workers=os.cpu_count() or 1)
        print(render_report(dataset, table, full=self.full), end="")


@dataclass(frozen=True)
class ExportData:
    """Write a simulated data set (shards, or rendered on the fly) as NIfTI files in the layout of CAMUS."""

    root: tyro.conf.Positional[Path]
    """The simulated data set."""
    out: Path
    """A new folder, or one begun by the same command."""

    def run(self) -> None:
        """Export, and print what was made."""
        from synthboost.data import open_dataset
        from synthboost.data.camus_export import export_camus

        made = export_camus(open_dataset(self.root), self.out)
        print(f"{made} patients exported now: {self.out}")
