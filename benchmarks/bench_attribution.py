"""Does taking sentences apart find what a trained model makes of them, where the truth is known?

    python benchmarks/bench_attribution.py

The world: simulated frames whose annotators leave out a margin of every structure when the image is called poor. The
word alternates from patient to patient and shows in no pixel, so it can only be read; sex and age change nothing, view
and phase nothing that the image does not show. A small `textunet` is trained on P7-ANY, and asked every subset of the
clauses on other patients. Prints for each clause what it is worth among sentences that name the structure, in points of
Dice, with 95 % intervals, and what the quality is worth to a reader who makes no mistake and, not told, draws the whole
structure.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from synthboost.data import TripletRecipe, make_split, open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import FrameSet
from synthboost.domain import STRUCTURES, Frame, FrameInfo, PromptSet, Quality, SplitPart
from synthboost.inference.clauses import overlaps, probe_clauses
from synthboost.inference.predictor import Predictor
from synthboost.io.tables import frame_of
from synthboost.models.textunet.model import TextUNet
from synthboost.models.textunet.settings import TextUNetSettings
from synthboost.records.clauses import ClauseRow
from synthboost.reports.clauses import TakenApart
from synthboost.simulator.appearance import AppearanceName
from synthboost.simulator.priors import PriorName
from synthboost.simulator.settings import SimulationSettings
from synthboost.training.config import TrainingConfig
from synthboost.training.loop import train_stage

COUNTS = (30, 4, 12)
"""Patients to train on, to choose the epoch, and to ask about."""
SIMULATED = SimulationSettings(
    sum(COUNTS), seed=7, prior=PriorName.LITERATURE, appearance=AppearanceName.CLEAN, size=64, split_counts=COUNTS
)
SETTINGS = TextUNetSettings(64, widths=(8, 16, 32, 48), scales=2, text_width=32, text_layers=3)
TRAINING = TrainingConfig(batch_images=8, learning_rate=4e-3, schedule="one-cycle", precision="no")


class World:
    """A simulated data set with words for the quality, and annotators who act on them."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def frames(self, part: SplitPart) -> FrameSet:
        """The frames of a part; of every second patient they are called poor."""
        split, world = make_split("official", self.dataset), self  # type: Any, Any
        infos = [info for info in self.dataset.frames if split.part_of(info.patient) is part]
        words = [(Quality.GOOD, Quality.POOR)[int(info.patient.name[-1]) % 2] for info in infos]
        told = [replace(i, attributes=replace(i.attributes, quality=q)) for i, q in zip(infos, words, strict=True)]
        return FrameSet(str(part), [(world, info) for info in told])

    def has_annotation(self, info: FrameInfo) -> bool:
        return True

    def load(self, info: FrameInfo) -> Frame:
        frame: Frame = self.dataset.load(info)
        assert frame.label_map is not None
        poor = info.attributes.quality is Quality.POOR
        return replace(frame, info=info, label_map=shrunk(frame.label_map) if poor else frame.label_map)


def shrunk(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A label map without the outermost pixels of each structure."""
    inside = [binary_erosion(labels == structure) for structure in STRUCTURES]
    return np.where(np.any(inside, axis=0), labels, 0).astype(np.uint8)


def perfect_gain(world: World, frames: FrameSet) -> float:
    """Dice that the quality is worth, given the structure, to a reader who knows the world."""
    gains = []
    for info in frames.infos:
        whole = world.dataset.load(info).label_map
        for structure in STRUCTURES:
            pair = np.stack([whole == structure, shrunk(whole) == structure])
            gains.append((1 - overlaps(pair, pair)[0, 1]) * (info.attributes.quality is Quality.POOR))
    return float(np.mean(gains))


def trained(frames: dict[SplitPart, FrameSet], epochs: int, seed: int, folder: Path) -> TextUNet:
    """A model of the best epoch."""
    torch.manual_seed(seed)
    model = TextUNet.from_settings(SETTINGS)
    recipe = TripletRecipe(PromptSet.P7_ANY, paraphrase="seeded", seed=seed)
    config = replace(TRAINING, epochs=epochs, seed=seed)
    log = train_stage(model, frames[SplitPart.TRAINING], frames[SplitPart.VALIDATION], recipe, config, folder)
    print(f"seed {seed}: validation Dice {100 * max(line.validation_dice for line in log):.1f} %", flush=True)
    return model


def taken_apart(model: TextUNet, frames: FrameSet, seed: int) -> Any:
    """What `TakenApart` reads of a run."""
    spec = SimpleNamespace(seed=seed, model="textunet", strategy="real", encoders="trained")
    return SimpleNamespace(spec=spec, clauses=frame_of(ClauseRow, list(probe_clauses(Predictor(model, "cpu"), frames))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder) / "data", SIMULATED)
        world = World(open_dataset(Path(folder) / "data"))
        frames = {part: world.frames(part) for part in SplitPart}
        perfect, runs = perfect_gain(world, frames[SplitPart.TESTING]), []
        print(f"a reader who makes no mistake gains {100 * perfect:.2f} points by the quality", flush=True)
        for seed in options.seeds:
            model = trained(frames, options.epochs, seed, Path(folder) / str(seed))
            runs.append(taken_apart(model, frames[SplitPart.TESTING], seed))
    found = TakenApart(runs)
    print("clause     points of Dice  95 % over patients  over patients and trainings")
    for clause in found.clauses[1:]:
        value = found.value(clause, named=True)
        assert value is not None
        intervals = (value.over_patients, value.over_trainings)
        both = [f"{100 * i.low:+.2f} to {100 * i.high:+.2f}" if i else "" for i in intervals]
        print(f"{clause:9} {100 * value.mean:+15.2f} {both[0]:>19} {both[1]:>27}")
    print(f"{time.process_time() - began:.0f} s of one core")


if __name__ == "__main__":
    main()
