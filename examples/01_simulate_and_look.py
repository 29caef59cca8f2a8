"""Simulate a few patients, load them, and draw the three masks of one frame over its image."""

from pathlib import Path

import numpy as np
import tyro

from synthboost.data import open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.domain import STRUCTURES
from synthboost.inference.overlay import write_overlay
from synthboost.simulator.settings import SimulationSettings


def main(folder: Path = Path("example"), patients: int = 6, size: int = 128) -> None:
    root = folder / "simulated"
    write_dataset(root, SimulationSettings(patients=patients, size=size))

    dataset = open_dataset(root)
    frame = dataset.load(dataset.frames[0])
    masks = np.stack([frame.mask(structure) for structure in STRUCTURES])
    overlay = folder / f"{frame.info.name}.png"
    write_overlay(overlay, frame.image, masks, frame.spacing_mm)

    print(f"{len(dataset.frames)} simulated frames of {len(dataset.patients)} patients in {root}")
    pixel_mm2 = frame.spacing_mm[0] * frame.spacing_mm[1]
    for structure, mask in zip(STRUCTURES, masks, strict=True):
        print(f"{frame.info.name} {structure.short}: {mask.sum() * pixel_mm2 / 100:.1f} cm2")
    print(f"drawn: {overlay}")


if __name__ == "__main__":
    tyro.cli(main)
