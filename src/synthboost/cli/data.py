"""`synthboost data inspect | export`: look at a data set, or write a simulated one in the layout of CAMUS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import tyro

from synthboost.cli.shards import parse_shard, still_to_come


@dataclass(frozen=True)
class Inspect:
    """Print what a data set holds: patients, views, phases, sizes, attributes, splits, and what is missing."""

    root: tyro.conf.Positional[Path]
    """The data set's folder: CAMUS' NIfTI or MHD release, or a simulated set."""
    deep: bool = False
    """Read every pixel: finds damaged files, odd labels, tiny masks and identical images."""
    full: bool = False
    """List everything that is missing instead of the first few."""
    workers: int = os.cpu_count() or 1
    """Threads that read."""

    def run(self) -> None:
        """Print the report."""
        from synthboost.data import inspect_dataset, open_dataset, render_report

        dataset = open_dataset(self.root, allow_missing=True)
        print(render_report(inspect_dataset(dataset, deep=self.deep, workers=self.workers), full=self.full), end="")


@dataclass(frozen=True)
class ExportData:
    """Write every frame of a simulated data set (shards, or drawn when read) as NIfTI files in the layout of CAMUS."""

    root: tyro.conf.Positional[Path]
    """The simulated data set."""
    out: Path
    """A new folder, or one that the same command began."""
    shard: str = "1/1"
    """`3/16`: the third of sixteen shares, for as many processes."""

    def run(self) -> None:
        """Export, and say what was made."""
        from synthboost.data import open_dataset
        from synthboost.data.camus_export import export_camus

        made = export_camus(open_dataset(self.root), self.out, parse_shard("data export", self.shard))
        print(f"{made} patients exported now: {self.out}{still_to_come(self.out)}")
