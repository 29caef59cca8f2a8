"""Frames per second of the simulator on one core, against the same simulator on the full polar grid.

Run `OMP_NUM_THREADS=1 python benchmarks/bench_simulator.py`. Both variants are timed in the same run, patient by
patient in turns, in CPU time, so that a busy machine disturbs them alike.
"""

from __future__ import annotations

import time
from unittest.mock import patch

from synthboost.simulator import render
from synthboost.simulator.settings import SimulationSettings

PATIENTS = 5
FRAMES_PER_PATIENT = 4


def cpu_seconds(number: int, settings: SimulationSettings, coarsest: float) -> float:
    with patch.object(render, "COARSEST_POLAR", coarsest):
        start = time.process_time()
        render.simulate_patient(number, settings)
        return time.process_time() - start


def main() -> None:
    print("| size | s/frame | frames/s/core | full polar grid s/frame | ratio |")
    print("|---|---|---|---|---|")
    for size in (128, 256):
        settings = SimulationSettings(patients=PATIENTS, size=size)
        adapted, full = 0.0, 0.0
        cpu_seconds(1, settings, render.COARSEST_POLAR)  # imports and caches
        for number in settings.patient_numbers:
            adapted += cpu_seconds(number, settings, render.COARSEST_POLAR)
            full += cpu_seconds(number, settings, 1.0)
        adapted /= PATIENTS * FRAMES_PER_PATIENT
        full /= PATIENTS * FRAMES_PER_PATIENT
        print(f"| {size} | {adapted:.3f} | {1 / adapted:.1f} | {full:.3f} | {full / adapted:.1f} |")


if __name__ == "__main__":
    main()
