"""Frames per second of the simulator on one core, against the same simulator on the full polar grid.

Run `OMP_NUM_THREADS=1 python benchmarks/bench_simulator.py`. Both variants are interleaved patient by patient
in one run, in CPU time, so that a busy machine disturbs them alike.
"""

from __future__ import annotations

from unittest.mock import patch

from harness import best_cpu_seconds

from synthboost.simulator import render
from synthboost.simulator.settings import SimulationSettings

PATIENTS = 5
FRAMES_PER_PATIENT = 4


def simulate(number: int, settings: SimulationSettings, coarsest: float) -> None:
    with patch.object(render, "COARSEST_POLAR", coarsest):
        render.simulate_patient(number, settings)


def main() -> None:
    print("| size | s/frame | frames/s/core | full polar grid s/frame | ratio |")
    print("|---|---|---|---|---|")
    for size in (128, 256):
        settings = SimulationSettings(patients=PATIENTS, size=size)
        simulate(1, settings, render.COARSEST_POLAR)  # imports and caches
        seconds = [
            best_cpu_seconds(
                lambda n=number, s=settings: simulate(n, s, render.COARSEST_POLAR),
                lambda n=number, s=settings: simulate(n, s, 1.0),
                rounds=1,
            )
            for number in settings.patient_numbers
        ]
        adapted, full = (sum(column) / (PATIENTS * FRAMES_PER_PATIENT) for column in zip(*seconds, strict=True))
        print(f"| {size} | {adapted:.3f} | {1 / adapted:.1f} | {full:.3f} | {full / adapted:.1f} |")


if __name__ == "__main__":
    main()
