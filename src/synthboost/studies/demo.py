"""The demo: the paper's four strategies on a simulated target (or a real CAMUS folder), with two kinds of synthetic
images: the simulator's, and those of a diffusion model that is trained on the target."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from synthboost.data import fewer_training_patients, make_split, open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import Source, open_source
from synthboost.diffusion.checkpoint import load_diffusion
from synthboost.diffusion.settings import TINY, DiffusionSettings, DiffusionTraining
from synthboost.diffusion.synthesize import SynthesisSettings, synthesize
from synthboost.domain import PromptSet, SplitOptions, SplitPart, Strategy
from synthboost.models.catalogue import MODELS, settings_of
from synthboost.models.weights_folder import file_sha256, weights_path
from synthboost.records.rows import read_rows
from synthboost.records.run_folder import RunPaths
from synthboost.records.run_record import Evaluation
from synthboost.simulator.appearance import AppearanceName
from synthboost.simulator.priors import PriorName
from synthboost.simulator.settings import SimulationSettings
from synthboost.studies.baselines import FITS, execute_baseline
from synthboost.studies.diffusion import train_diffusion_on
from synthboost.studies.run import execute
from synthboost.studies.spec import RunSpec
from synthboost.studies.strategies import Role, learns_from
from synthboost.studies.summary import dice_line
from synthboost.training.config import TrainingConfig

STRATEGIES = (Strategy.ZERO_SHOT, Strategy.REAL, Strategy.SYNTHETIC, Strategy.SYNTHETIC_THEN_REAL)
"""Those that take synthetic images are run once for each kind of them."""
FIXED_DICE = 0.75
"""The validation Dice whose first reaching the report calls convergence; fixed before anything is trained."""


DEMO_TRAINING = TrainingConfig(batch_images=8, schedule="one-cycle", augmentation=0.5)
"""From random weights the paper's constant rate with plateaus needs many more epochs; one cycle fits the minutes."""
DEMO_DIFFUSION = replace(TINY, patch=2)
DEMO_DIFFUSION_TRAINING = DiffusionTraining(steps=350, batch=8, learning_rate=2e-3, ema_decay=0.99)
"""For a minute; the published rate and average need a hundred times as many steps."""


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
    """Training and validation patients of the simulated source, one of the two synthetic sets."""
    diffusion: DiffusionSettings = DEMO_DIFFUSION
    """The network that makes the other synthetic set."""
    diffusion_training: DiffusionTraining = DEMO_DIFFUSION_TRAINING
    diffusion_patients: int = 30
    """Masks of at most so many training patients of the target are deformed and drawn anew."""
    diffusion_copies: int = 2
    """Synthetic patients for each of them, and for each validation patient."""
    images_per_stage: int = 1200
    """Images that the optimiser sees in each stage, a frame counted every time it is seen."""
    least_epochs: int = 3
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
        patients: train (the diffusion model, too) on the first so many target patients only.
    """
    workers = os.cpu_count() or 1
    began = time.monotonic()
    for model in settings.models:
        settings_of(model, settings.preset)
    given = None if data is None else _target(data, patients)  # a mistake in the path costs no waiting
    _say(began, "simulating the synthetic training data")
    source, target = out / "data" / "simulated-source", out / "data" / "simulated-target"
    write_dataset(source, settings.source_settings(), workers)
    if given is None:
        _say(began, 'simulating the target domain (it takes the place of real data and is called "real" below)')
        write_dataset(target, settings.target_settings(), workers)
    real = given or _target(target, patients)
    simulated = open_source(source, SplitOptions(allow_missing=True))
    diffusion = _diffusion_set(real, out, settings, began)
    evaluation = Evaluation()
    runs = [execute_baseline(kind, real, out / "runs", evaluation, workers) for kind in FITS]
    specs = _specs(settings, real, (simulated, diffusion))
    for number, spec in enumerate(specs, start=1):
        _say(began, f"run {number} of {len(specs)}: {_name(spec.model, spec.strategy, spec.synthetic)}")
        runs.append(execute(spec, out / "runs", evaluation, workers))
    for run in runs:
        rows = read_rows(run.rows)
        _say(began, f"{_name(rows[0].model, rows[0].strategy, rows[0].synthetic)}: {dice_line(rows)}")
    return runs


def _diffusion_set(real: Source, out: Path, settings: DemoSettings, began: float) -> Source:
    """Train a diffusion model on the target's training patients, and draw images for deformed copies of their masks."""
    _say(began, "training a diffusion model on the target's training patients")
    checkpoint = train_diffusion_on(real, settings.diffusion, settings.diffusion_training, out / "diffusion")
    _say(began, "drawing synthetic images from deformed masks")
    count = min(settings.diffusion_patients, len(real.split.parts[SplitPart.TRAINING]))
    masks = fewer_training_patients(real.split, real.dataset, count)
    folder = out / "data" / "diffusion"
    synthesize(
        load_diffusion(checkpoint),
        file_sha256(weights_path(checkpoint)),
        real.dataset,
        masks,
        folder,
        SynthesisSettings(copies=settings.diffusion_copies, seed=settings.seed),
    )
    return open_source(folder, made_from=real.split)


def _specs(settings: DemoSettings, real: Source, synthetic: Sequence[Source]) -> list[RunSpec]:
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
        for sources in _data_of(strategy, real, synthetic)
    ]


def _data_of(strategy: Strategy, real: Source, synthetic: Sequence[Source]) -> list[dict[Role, Source]]:
    """Once for each synthetic set, if the strategy takes any."""
    if Role.SYNTHETIC not in learns_from(strategy):
        return [{Role.REAL: real}]
    return [{Role.REAL: real, Role.SYNTHETIC: source} for source in synthetic]


def _name(model: str, strategy: str, synthetic: str) -> str:
    return f"{model} {strategy}" + (f" ({synthetic} images)" if synthetic else "")


def _training(settings: DemoSettings, model: str, source: Source) -> TrainingConfig:
    frames = len(source.frames(SplitPart.TRAINING, "training"))
    epochs = max(settings.least_epochs, round(settings.images_per_stage / max(frames, 1)))
    return replace(settings.training, epochs=epochs, learning_rate=MODELS[model].cycle_rates[settings.preset])


def _target(root: Path, patients: int | None) -> Source:
    """Open the target domain; a copy without the test patients is judged on the official validation patients."""
    dataset = open_dataset(root, allow_missing=True)
    testing = set(make_split("official", dataset).parts[SplitPart.TESTING]) & set(dataset.patients)
    return open_source(root, SplitOptions("official" if testing else "no-test", allow_missing=True), patients)


def _say(began: float, text: str) -> None:
    print(f"[{time.monotonic() - began:4.0f} s] {text}", file=sys.stderr, flush=True)
