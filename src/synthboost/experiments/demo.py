"""The demo: the paper's four strategies on simulated data (or on a real CAMUS folder), and a report of them."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from synthboost.data import make_split, open_dataset
from synthboost.domain import PromptSet, SplitPart, Strategy
from synthboost.experiments.baselines import FITS, execute_baseline
from synthboost.experiments.run import Evaluation, execute
from synthboost.experiments.sources import Source, open_source
from synthboost.experiments.spec import RunSpec
from synthboost.experiments.strategies import Role
from synthboost.experiments.summary import dice_line
from synthboost.models.registry import preset_settings
from synthboost.records.rows import read_rows
from synthboost.records.run_folder import RunPaths
from synthboost.simulator.appearance import AppearanceName
from synthboost.simulator.priors import PriorName
from synthboost.simulator.settings import SimulationSettings
from synthboost.simulator.writer import write_dataset
from synthboost.training.config import TrainingConfig

STRATEGIES = (Strategy.ZERO_SHOT, Strategy.REAL, Strategy.SYNTHETIC, Strategy.SYNTHETIC_THEN_REAL)
FIXED_DICE = 0.75
"""The validation Dice whose first reaching the report calls convergence; fixed before anything is trained."""


DEMO_TRAINING = TrainingConfig(batch_images=8, schedule="one-cycle", augmentation=0.5)
"""From random weights the paper's constant rate with plateaus needs many more epochs; one cycle fits the minutes."""
DEMO_RATES = {"clipseg": 1e-3, "cris": 2e-3}
"""The highest learning rate of the cycle, by model (`docs/lab-log.md`)."""


@dataclass(frozen=True)
class DemoSettings:
    """Sizes of the demo; the defaults are chosen for two CPU cores and a few minutes."""

    prompt_set: PromptSet = PromptSet.P6
    models: tuple[str, ...] = ("clipseg", "cris")
    """Each is trained under every strategy."""
    preset: str = "tiny"
    seed: int = 0
    image_size: int = 128
    """Pixels of the longer side of a simulated frame."""
    target_patients: tuple[int, int, int] = (30, 10, 30)
    """Training, validation and test patients of the simulated target domain."""
    source_patients: tuple[int, int] = (100, 10)
    """Training and validation patients of the simulated source, the synthetic data."""
    images_per_stage: int = 2400
    """Images that the optimiser sees in each stage, a frame counted every time it is seen."""
    least_epochs: int = 6
    """Every frame is seen at least so often, even if that makes more images; for large real data sets."""
    training: TrainingConfig = field(default_factory=lambda: DEMO_TRAINING)
    """Of every stage; `epochs` and `learning_rate` are replaced."""

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
        patients: train on the first so many target patients only.
    """
    workers = os.cpu_count() or 1
    began = time.monotonic()
    for model in settings.models:
        preset_settings(model, settings.preset)
    given = None if data is None else _target(data, patients)  # a mistake in the path costs no waiting
    _say(began, "simulating the synthetic training data")
    source, target = out / "data" / "simulated-source", out / "data" / "simulated-target"
    write_dataset(source, settings.source_settings(), workers)
    if given is None:
        _say(began, 'simulating the target domain (it takes the place of real data and is called "real" below)')
        write_dataset(target, settings.target_settings(), workers)
    sources = {
        Role.SYNTHETIC: open_source(source, "official", allow_missing=True),
        Role.REAL: given or _target(target, patients),
    }
    evaluation = Evaluation(workers=workers)
    runs = [execute_baseline(kind, sources[Role.REAL], out / "runs", evaluation) for kind in FITS]
    specs = _specs(settings, sources)
    for number, spec in enumerate(specs, start=1):
        _say(began, f"run {number} of {len(specs)}: {spec.model}, {spec.strategy}")
        runs.append(execute(spec, out / "runs", evaluation))
    for run in runs:
        rows = read_rows(run.rows)
        _say(began, f"{rows[0].model} {rows[0].strategy}: {dice_line(rows)}")
    return runs


def _specs(settings: DemoSettings, sources: dict[Role, Source]) -> list[RunSpec]:
    return [
        RunSpec(
            strategy=strategy,
            sources=sources,
            training={role: _training(settings, model, source) for role, source in sources.items()},
            model=model,
            preset=settings.preset,
            prompt_set=settings.prompt_set,
            seed=settings.seed,
        )
        for model in settings.models
        for strategy in STRATEGIES
    ]


def _training(settings: DemoSettings, model: str, source: Source) -> TrainingConfig:
    frames = len(source.frames(SplitPart.TRAINING, "training"))
    epochs = max(settings.least_epochs, round(settings.images_per_stage / max(frames, 1)))
    return replace(settings.training, epochs=epochs, learning_rate=DEMO_RATES[model])


def _target(root: Path, patients: int | None) -> Source:
    """Open the target domain; a copy without the test patients is judged on the official validation patients."""
    dataset = open_dataset(root, allow_missing=True)
    testing = set(make_split("official", dataset).parts[SplitPart.TESTING]) & set(dataset.patients)
    return open_source(root, "official" if testing else "no-test", patients, allow_missing=True)


def _say(began: float, text: str) -> None:
    print(f"[{time.monotonic() - began:4.0f} s] {text}", file=sys.stderr, flush=True)
