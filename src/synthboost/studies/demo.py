"""The demo: the paper's four strategies on a simulated target (or a real CAMUS folder), with two kinds of synthetic
images: the simulator's, and those of a diffusion model that is trained on the target."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from synthboost.data import fewer_training_patients, make_split, open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import Source, open_source
from synthboost.diffusion.checkpoint import load_diffusion
from synthboost.diffusion.settings import TINY, DiffusionSettings, DiffusionTraining
from synthboost.diffusion.synthesize import SynthesisSettings, synthesize
from synthboost.diffusion.training_run import train_diffusion_on
from synthboost.domain import SplitOptions, SplitPart
from synthboost.models.catalogue import settings_of
from synthboost.models.registry import weights_fingerprint
from synthboost.records.rows import read_rows
from synthboost.records.run_folder import RunPaths
from synthboost.simulator.appearance import AppearanceName
from synthboost.simulator.priors import PriorName
from synthboost.simulator.settings import SimulationSettings
from synthboost.studies.recipes import RANDOM, Preset, demo, ours
from synthboost.studies.study import Study
from synthboost.studies.summary import dice_line

FIXED_DICE = 0.75
"""The validation Dice whose first reaching the report calls convergence; fixed before anything is trained."""
DIFFUSION_PATIENTS = 30
"""Masks of at most so many training patients of the target are deformed and drawn anew."""


@dataclass(frozen=True)
class DemoSettings:
    """Sizes of the demo; the defaults take minutes on two CPU cores."""

    preset: Preset = field(default_factory=demo)
    """What is trained, and for how long."""
    image_size: int = 128
    """Pixels of the longer side of a simulated frame."""
    target_patients: tuple[int, int, int] = (30, 10, 30)
    """Training, validation and test patients of the simulated target domain."""
    source_patients: tuple[int, int] = (100, 10)
    """Training and validation patients of the simulated source, one of the two synthetic sets."""
    diffusion: DiffusionSettings = field(default_factory=lambda: replace(TINY, patch=2))
    """The network that makes the other synthetic set."""
    diffusion_training: DiffusionTraining = field(
        default_factory=lambda: DiffusionTraining(steps=350, batch=8, learning_rate=2e-3, ema_decay=0.99)
    )
    """For a minute; the published rate and average need a hundred times as many steps."""
    diffusion_copies: int = 2
    """Synthetic patients for each of them, and for each validation patient."""

    @property
    def seed(self) -> int:
        """Of everything: the first of the study's."""
        return self.preset.grid.seeds[0]

    def source_settings(self) -> SimulationSettings:
        """The synthetic data: one clean scanner, hearts by the reference ranges of the literature."""
        return SimulationSettings(
            patients=sum(self.source_patients),
            seed=self.seed + 1,
            prior=PriorName.LITERATURE,
            appearance=AppearanceName.CLEAN,
            size=self.image_size,
            first_patient_number=1001,
            split_counts=(*self.source_patients, 0),
        )

    def target_settings(self) -> SimulationSettings:
        """The target domain: three scanners, all qualities and artefacts, other hearts than the source."""
        return SimulationSettings(
            patients=sum(self.target_patients),
            seed=self.seed,
            prior=PriorName.CAMUS,
            appearance=AppearanceName.CLINICAL,
            size=self.image_size,
            split_counts=self.target_patients,
        )


def run_demo(out: Path, data: Path | None, settings: DemoSettings, patients: int | None = None) -> list[RunPaths]:
    """Simulate, train each model under the four strategies, score all; return the runs, two baselines first.

    Args:
        out: the demo's folder: `data/` and `runs/`; what is finished there is not done again.
        data: a real CAMUS folder as the target domain, or `None` for a simulated one.
        settings: sizes.
        patients: train (the diffusion model, too) on the first so many target patients only.
    """
    workers = os.cpu_count() or 1
    began = time.monotonic()
    grid = settings.preset.grid
    for model in grid.models:
        settings_of(model, settings.preset.architecture(model))
    given = None if data is None else _target(data, patients)  # a mistake in the path costs no waiting
    _say(began, "simulating the synthetic training data")
    source, target = out / "data" / "simulated-source", out / "data" / "simulated-target"
    write_dataset(source, settings.source_settings(), workers)
    if given is None:
        _say(began, 'simulating the target domain (it takes the place of real data and is called "real" below)')
        write_dataset(target, settings.target_settings(), workers)
    real = given or _target(target, patients)
    synthetic = (open_source(source, allow_missing=True), _diffusion_set(real, out, settings, began))
    study = Study("demo", ours(), settings.preset, grid, real, synthetic, dict.fromkeys(grid.models, RANDOM))
    for number, run in enumerate(study.runs, start=1):
        _say(began, f"run {number} of {len(study.runs)}: {run.name}")
        run.execute(out / "runs", workers)
    runs = [RunPaths(out / "runs" / run.name) for run in study.runs]
    for paths in runs:
        rows = read_rows(paths.rows)
        first = rows.iloc[0]
        images = f" ({first.synthetic} images)" if first.synthetic else ""
        _say(began, f"{first.model} {first.strategy}{images}: {dice_line(rows)}")
    return runs


def _diffusion_set(real: Source, out: Path, settings: DemoSettings, began: float) -> Source:
    """Train a diffusion model on the target's training patients, and draw images for deformed copies of their masks."""
    _say(began, "training a diffusion model on the target's training patients")
    checkpoint = train_diffusion_on(real, settings.diffusion, settings.diffusion_training, out / "diffusion")
    _say(began, "drawing synthetic images from deformed masks")
    count = min(DIFFUSION_PATIENTS, len(real.split.parts[SplitPart.TRAINING]))
    masks = fewer_training_patients(real.split, real.dataset, count)
    folder = out / "data" / "diffusion"
    synthesize(
        load_diffusion(checkpoint),
        weights_fingerprint(checkpoint),
        real.dataset,
        masks,
        folder,
        SynthesisSettings(copies=settings.diffusion_copies, seed=settings.seed),
    )
    return open_source(folder, made_from=real.split)


def _target(root: Path, patients: int | None) -> Source:
    """Open the target domain; a copy without the test patients is evaluated on the official validation patients."""
    dataset = open_dataset(root, allow_missing=True)
    testing = set(make_split("official", dataset).parts[SplitPart.TESTING]) & set(dataset.patients)
    return open_source(root, SplitOptions("official" if testing else "no-test"), patients, allow_missing=True)


def _say(began: float, text: str) -> None:
    print(f"[{time.monotonic() - began:4.0f} s] {text}", file=sys.stderr, flush=True)
