"""`synthboost simulate`: write a simulated data set in CAMUS' layout, as tar shards, or to render on the fly."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from synthboost.errors import ConfigError, people
from synthboost.simulator.settings import SimulationSettings


@dataclass(frozen=True)
class Simulate:
    """Simulate a data set: images, exact masks and attributes, without patients or annotators.

    The folder has the layout of the public CAMUS release, or with `--frames` holds tar shards; every other command
    reads both. The same command resumes; the same settings give the same data set.
    """

    out: Path
    """The data set's folder; created if absent."""
    settings: SimulationSettings = field(default_factory=SimulationSettings)
    frames: int | None = None
    """The number of frames, instead of patients, as tar shards for 10^5 frames and more; rounded up to patients."""
    on_the_fly: bool = False
    """Write attributes, split and settings, but no images: each frame is rendered when it is read."""
    workers: int | None = None
    """Processes; the data set does not depend on their number. By default one per core, if there is work for them."""

    def run(self) -> None:
        """Write the data set."""
        from synthboost.data.simulated_set import (
            FRAMES_PER_PATIENT,
            worthwhile_workers,
            write_dataset,
            write_hearts,
            write_shards,
        )

        patients, frames = self.settings.patients, self.frames
        if frames is None:
            workers = self.workers if self.workers is not None else worthwhile_workers(patients)
            (write_hearts if self.on_the_fly else write_dataset)(self.out, self.settings, workers)
            kind, place = ("", ", drawn when read:") if self.on_the_fly else ("simulated ", " in")
            print(f"{4 * patients} {kind}frames of {people(patients)}{place} {self.out}")
            return
        if self.on_the_fly:
            raise ConfigError("simulation", "on_the_fly", f"with {frames} frames", "--patients instead of --frames")
        if frames < 1:
            raise ConfigError("simulation", "frames", frames, "at least 1")
        if patients != SimulationSettings().patients:
            raise ConfigError("simulation", "frames", f"{frames} and {patients} patients", "one of them")
        settings = replace(self.settings, patients=-(-frames // FRAMES_PER_PATIENT))
        whole = FRAMES_PER_PATIENT * settings.patients
        if whole != frames:
            print(f"{frames} frames rounded up to {whole}: {people(settings.patients, 'whole')}")
        workers = self.workers if self.workers is not None else worthwhile_workers(settings.patients)
        start = time.monotonic()
        made = write_shards(self.out, settings, workers)
        seconds = time.monotonic() - start
        size = sum(path.stat().st_size for path in self.out.iterdir() if path.is_file())
        print(
            f"{whole} simulated frames in {self.out}, {size} bytes on disk; {made} made now in {seconds:.1f} s: "
            f"{made / seconds:.2f} frames/s, {made / seconds / workers:.2f} per worker"
        )
