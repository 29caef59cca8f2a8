"""`synthboost data inspect`: what a data set holds, what it lacks, and whether images stand in it twice."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True)
class Data:
    """Look at a data set: patients, views, phases, sizes, attributes, lists of patients, and what is missing."""

    # A word and not a nested subcommand: tyro makes no subcommand of a single one.
    act: tyro.conf.Positional[Literal["inspect"]]
    """What to do."""
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
