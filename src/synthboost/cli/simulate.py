"""`synthboost simulate`: write a simulated data set in CAMUS' layout."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from synthboost.simulator.settings import SimulationSettings


@dataclass(frozen=True)
class Simulate:
    """Simulate a data set: images, exact masks and attributes, with no patient and no annotator behind them.

    The folder has the layout of the public CAMUS release, so every other command reads it. An interrupted
    simulation goes on where it stopped; the same settings give the same data set.
    """

    out: Path
    """The data set's folder; made if absent."""
    settings: SimulationSettings = field(default_factory=SimulationSettings)
    workers: int = os.cpu_count() or 1
    """Processes; they change nothing but the time it takes."""

    def run(self) -> None:
        """Write the data set."""
        from synthboost.simulator.writer import write_dataset

        write_dataset(self.out, self.settings, self.workers)
        print(f"{4 * self.settings.patients} simulated frames of {self.settings.patients} patients in {self.out}")
