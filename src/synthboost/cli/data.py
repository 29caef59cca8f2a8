"""`synthboost data`: `inspect` what a data set holds and lacks; `export` a simulated one in the layout of CAMUS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True)
class Data:
    """Look at a data set, or write a simulated one in the layout of CAMUS.

    `inspect`: patients, views, phases, sizes, attributes, lists of patients, and what is missing. `export`: every frame
    of shards, or of a set that is drawn when read, as NIfTI files.
    """

    act: tyro.conf.Positional[Literal["inspect", "export"]]
    """What to do."""
    root: tyro.conf.Positional[Path]
    """The data set's folder: CAMUS' NIfTI or MHD release, or a simulated set."""
    deep: bool = False
    """`inspect`: read every pixel: finds damaged files, odd labels, tiny masks and identical images."""
    full: bool = False
    """`inspect`: list everything that is missing instead of the first few."""
    workers: int = os.cpu_count() or 1
    """`inspect`: threads that read."""
    out: Path | None = None
    """`export`: a new folder, or one that the same command began."""
    shard: str = "1/1"
    """`export`: `3/16`: the third of sixteen shares, for as many processes."""

    def run(self) -> None:
        """Print the report, or write the export."""
        if self.act == "export":
            self._export()
            return
        from synthboost.data import inspect_dataset, open_dataset, render_report

        dataset = open_dataset(self.root, allow_missing=True)
        print(render_report(inspect_dataset(dataset, deep=self.deep, workers=self.workers), full=self.full), end="")

    def _export(self) -> None:
        from synthboost.cli.shards import parse_shard, still_to_come
        from synthboost.data import open_dataset
        from synthboost.data.camus_export import export_camus
        from synthboost.errors import ConfigError

        if self.out is None:
            raise ConfigError("data export", "out", "absent", "--out FOLDER, the folder to write")
        made = export_camus(open_dataset(self.root), self.out, parse_shard("data export", self.shard))
        print(f"{made} patients exported now: {self.out}{still_to_come(self.out)}")
