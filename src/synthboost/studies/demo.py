"""The demo: the paper's four strategies on a simulated target (or a real CAMUS folder), with two kinds of synthetic
images: the simulator's, and those of a diffusion model that is trained on the target; and its report."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from synthboost.data import fewer_training_patients, make_split, open_dataset
from synthboost.data.simulated_set import worthwhile_workers, write_dataset
from synthboost.data.source import Source, open_source
from synthboost.diffusion.checkpoint import load_diffusion
from synthboost.diffusion.settings import TINY, DiffusionSettings, DiffusionTraining
from synthboost.diffusion.synthesize import SynthesisSettings, synthesize
from synthboost.diffusion.training import train_diffusion_on
from synthboost.domain import (
    STRUCTURES,
    Attributes,
    FrameInfo,
    PatientId,
    Phase,
    PromptSet,
    Quality,
    Sex,
    SplitOptions,
    SplitPart,
    View,
)
from synthboost.errors import TrainingError
from synthboost.models.catalogue import settings_of
from synthboost.models.registry import weights_fingerprint
from synthboost.progress import following
from synthboost.prompts import build_prompt
from synthboost.records.rows import read_rows
from synthboost.records.run_folder import RunPaths, read_run
from synthboost.reports.content import CONFIDENTIAL, ReportContent
from synthboost.reports.page import write_report
from synthboost.simulator.appearance import AppearanceName
from synthboost.simulator.priors import PriorName
from synthboost.simulator.settings import SimulationSettings
from synthboost.studies.executors import local_workers
from synthboost.studies.executors.base import Job, Outcome
from synthboost.studies.executors.local import LocalExecutor
from synthboost.studies.recipes import Preset, demo, ours
from synthboost.studies.results import dice_line
from synthboost.studies.study import Study, with_weights
from synthboost.studies.study_run import StudyWork

FIXED_DICE = 0.75
"""The validation Dice whose first reaching the report calls convergence; fixed before anything is trained."""
DIFFUSION = "diffusion-images"
NOTHING: Mapping[str, Callable[[], object]] = {}
DIFFUSION_PATIENTS = 30
"""Masks of at most so many training patients of the target are deformed and drawn anew."""

EXAMPLE_FRAME = FrameInfo(
    PatientId("example", "example", "example"),
    View.FOUR_CHAMBER,
    Phase.END_SYSTOLE,
    Attributes(sex=Sex.FEMALE, age=64, quality=Quality.MEDIUM),
)
CITATION = (
    "Method: Adhikari et al., Synthetic Boost: Leveraging Synthetic Data for Enhanced Vision-Language Segmentation in "
    "Echocardiography, arXiv 2309.12829 (2023)."
)
CAMUS_TERMS = (
    "CAMUS: CC BY-NC-SA 4.0, non-commercial scientific research only; cite Leclerc et al., IEEE TMI 38(9):2198-2210, "
    "2019, doi 10.1109/TMI.2019.2900516."
)
COMMANDS = (
    ("This report, on your CAMUS folder", "synthboost demo --data CAMUS --out demo-camus"),
    ("See what the folder holds and lacks", "synthboost data inspect CAMUS --deep"),
    ("Simulate pretraining data", "synthboost simulate --out simulated --patients 500"),
    (
        "Or make them as the paper does",
        "synthboost synthesize train --data CAMUS --out diffusion && "
        "synthboost synthesize sample --model diffusion --masks CAMUS --out synthetic",
    ),
    (
        "Train the published CLIPSeg under the paper's winning strategy",
        "synthboost train --data CAMUS --synthetic simulated --strategy synth-PT:real-FT "
        "--weights CIDAS/clipseg-rd64-refined --prompts P6",
    ),
    ("Convert a published file of CRIS, once", "synthboost weights convert cris_best.pth --out cris"),
    (
        "The same strategy with it",
        "synthboost train --data CAMUS --synthetic simulated --strategy synth-PT:real-FT "
        "--model cris --weights cris --prompts P6",
    ),
    ("Report the finished runs", "synthboost report runs/* --out report.html"),
)


SOURCE = SimulationSettings(
    patients=110, seed=1, prior=PriorName.LITERATURE, appearance=AppearanceName.CLEAN, size=128,
    first_patient_number=1001, split_counts=(100, 10, 0),
)  # fmt: skip
"""One of the two synthetic sets: one clean scanner, hearts by the reference ranges of the literature."""
TARGET = SimulationSettings(
    patients=70, seed=0, prior=PriorName.CAMUS, appearance=AppearanceName.CLINICAL, size=128, split_counts=(30, 10, 30)
)
"""The target domain: three scanners, all qualities and artefacts, other hearts than the source."""


@dataclass(frozen=True)
class DemoSettings:
    """Sizes of the demo; the defaults take minutes on two CPU cores."""

    preset: Preset = field(default_factory=demo)
    """What is trained, and for how long."""
    source: SimulationSettings = SOURCE
    target: SimulationSettings = TARGET
    diffusion: DiffusionSettings = field(default_factory=lambda: replace(TINY, patch=2))
    """The network that makes the other synthetic set."""
    diffusion_training: DiffusionTraining = field(
        default_factory=lambda: DiffusionTraining(steps=350, batch=8, learning_rate=2e-3, ema_decay=0.99)
    )
    """For a minute; the published rate and average need a hundred times as many steps."""
    diffusion_copies: int = 2
    """Synthetic patients for each patient whose masks are deformed."""


def run_demo(out: Path, data: Path | None, settings: DemoSettings, patients: int | None = None) -> list[RunPaths]:
    """Simulate, train each model under the four strategies, score all; return the runs, two baselines first.

    Args:
        out: the demo's folder: `data/`, `runs/` and `logs/`; what is finished there is not done again.
        data: a real CAMUS folder as the target domain, or `None` for a simulated one.
        settings: sizes.
        patients: train (the diffusion model, too) on the first so many target patients only.
    """
    began = time.monotonic()
    grid = settings.preset.grid
    for model in grid.models:
        settings_of(model, settings.preset.architecture(model))
    given = None if data is None else _target(data, patients)  # a mistake in the path costs no waiting
    _say(began, "simulating the synthetic training data")
    source, target = out / "data" / "simulated-source", out / "data" / "simulated-target"
    write_dataset(source, settings.source, worthwhile_workers(settings.source.patients))
    if given is None:
        _say(began, 'simulating the target domain (it takes the place of real data and is called "real" below)')
        write_dataset(target, settings.target, worthwhile_workers(settings.target.patients))
    real = given or _target(target, patients)
    preset, simulated = with_weights(settings.preset, {}), open_source(source, allow_missing=True)
    study = Study("demo", ours(), preset, real, (simulated,))
    _say(began, "training a diffusion model on the target's training patients, and beside it the first runs")
    sampling = SynthesisSettings(copies=settings.diffusion_copies, seed=settings.target.seed)
    training = replace(settings.diffusion_training, threads=1)
    images = partial(_make_diffusion_images, real, out, settings.diffusion, training, sampling)
    _carry_out(study, out, began, {DIFFUSION: images})
    study = replace(study, synthetic=(simulated, open_source(_diffusion_folder(out), made_from=real.split)))
    _carry_out(study, out, began)
    runs = [RunPaths(out / "runs" / run.name) for run in study.runs]
    for paths in runs:
        rows = read_rows(paths.rows)
        first = rows.iloc[0]
        of = f" ({first.synthetic} images)" if first.synthetic else ""
        _say(began, f"{first.model} {first.strategy}{of}: {dice_line(rows)}")
    return runs


def _carry_out(study: Study, out: Path, began: float, first: Mapping[str, Callable[[], object]] = NOTHING) -> None:
    """Do what is `first` and what of the study is not finished, side by side, each on one core."""
    failed: list[Outcome] = []

    def report(outcome: Outcome) -> None:
        failed.extend([outcome] if outcome.error else [])
        _say(began, f"{outcome.name}: {outcome.error or f'{outcome.seconds:.0f} s'}")

    jobs = [job for job in study.jobs(out / "runs") if job.is_done is None or not job.is_done()]
    if jobs := [*map(Job, first), *jobs]:
        with following(out / "logs"):
            LocalExecutor(local_workers()).run(jobs, StudyWork(study.runs, out, first), report)
    if failed:
        raise TrainingError(
            failed[0].name, "run", failed[0].error, "a run that ends",
            f"What it said is in {out / 'logs'}. The same command goes on.",
        )  # fmt: skip


def _make_diffusion_images(
    real: Source, out: Path, network: DiffusionSettings, training: DiffusionTraining, sampling: SynthesisSettings
) -> None:
    """Train a diffusion model on the target's training patients, and draw images for deformed copies of their masks."""
    checkpoint = train_diffusion_on(real, network, training, out / "diffusion")
    count = min(DIFFUSION_PATIENTS, len(real.split.parts[SplitPart.TRAINING]))
    masks = fewer_training_patients(real.split, real.dataset, count)
    sha256 = weights_fingerprint(checkpoint)
    synthesize(load_diffusion(checkpoint), sha256, real.dataset, masks, _diffusion_folder(out), sampling)


def _diffusion_folder(out: Path) -> Path:
    return out / "data" / "diffusion"


def _target(root: Path, patients: int | None) -> Source:
    """Open the target domain; a copy without the test patients is evaluated on the official validation patients."""
    dataset = open_dataset(root, allow_missing=True)
    testing = set(make_split("official", dataset).parts[SplitPart.TESTING]) & set(dataset.patients)
    return open_source(root, SplitOptions("official" if testing else "no-test"), patients, allow_missing=True)


def _say(began: float, text: str) -> None:
    print(f"[{time.monotonic() - began:4.0f} s] {text}", file=sys.stderr, flush=True)


def write_demo_report(out: Path, runs: list[RunPaths], settings: DemoSettings, data: Path | None) -> Path:
    """Write `report.html` into the demo's folder and return its path; `data` is `None` for a simulated target."""
    page, simulated = out / "report.html", data is None
    texts = {
        str(one): build_prompt(one, STRUCTURES[0], EXAMPLE_FRAME, shape="oval").text or "(empty)" for one in PromptSet
    }
    content = ReportContent(
        title="Synthetic Boost in minutes" + (", on simulated echocardiograms" if simulated else ""),
        summary=_summary(settings, simulated),
        target_is_simulated=simulated,
        sentences=tuple(texts.items()),
        commands=COMMANDS,
        notes=_notes(settings, simulated),
        licence=(CITATION, CAMUS_TERMS),
        fixed_dice=FIXED_DICE,
    )
    write_report(page, [read_run(run.root) for run in runs], content)
    return page


def _summary(settings: DemoSettings, simulated: bool) -> tuple[str, ...]:
    target = (
        "simulated (three scanners, all image qualities, hearts as CAMUS' annotators draw them)"
        if simulated
        else "a CAMUS folder"
    )
    return (
        "An ultrasound image and an English sentence go in; the mask of the structure that the sentence names comes "
        f"out. The models are small ones ({', '.join(settings.preset.grid.models)}) that start from random weights, so "
        "that everything runs on a laptop without a download. Each is trained under the strategies of the paper: not "
        "at all (zero-shot), on the target domain only (real), on synthetic data only (synthetic), and on synthetic "
        "data first and then on the target domain (synth-PT:real-FT).",
        f"Here the target domain is {target}. There are two kinds of synthetic images. The simulator's (“simulated” in "
        "the tables) show one clean scanner and hearts drawn from reference ranges in the literature; no annotation "
        "was needed to make them. The others (“diffusion”) are the paper's way: a semantic diffusion model is trained "
        "on the target's training images and masks, and draws new images for deformed masks of "
        f"{DIFFUSION_PATIENTS} training patients. All strategies use the sentences of prompt set "
        f"{settings.preset.grid.prompts[0]}.",
        "Two baselines look at less than a model does: text-blind draws one and the same best mask whatever the "
        "sentence, image-blind the training set's typical mask for the sentence whatever the image.",
    )


def _notes(settings: DemoSettings, simulated: bool) -> tuple[str, ...]:
    shared = (
        "Zero-shot means random initialisation here: no pretrained weights were given.",
        "One seed: the intervals resample patients and do not hold the chance of training. Compare several seeds "
        "before believing a small difference.",
        f"The diffusion model is a small one ({settings.diffusion.size} x {settings.diffusion.size} pixels, "
        f"{settings.diffusion_training.steps} steps); what it saw are the target's training patients alone.",
        "The synthetic stage's learning curve is measured on synthetic validation patients, the other stages' on "
        "validation patients of the target domain; only the latter two can be compared.",
    )
    if not simulated:
        return (
            *shared,
            CONFIDENTIAL,
            "A folder without the official test patients is evaluated on the official validation patients; the last "
            "training patients then choose the epoch. The split is named under provenance.",
        )
    return (
        *shared,
        "Source and target come from one simulator with two sets of settings. The gap between them is smaller than "
        "between simulation and patients; these numbers show that the method's plumbing works, not how well it "
        "works on patients.",
    )
