"""What a study will take before it starts: seconds and bytes of each run, from finished runs or from a short probe."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from synthboost.domain import STRUCTURES, SplitPart
from synthboost.errors import DataError
from synthboost.inference.predictor import Predictor
from synthboost.io.typed_json import read_record
from synthboost.models.registry import build_segmenter
from synthboost.records.run_folder import RunPaths, read_log
from synthboost.records.run_record import Manifest
from synthboost.studies.spec import DATA_OF, Role, RunSpec
from synthboost.studies.study import Study, StudyRun
from synthboost.training.engine import autocast
from synthboost.training.hardware import choose_precision
from synthboost.training.optimizer import segmentation_loss

PROBE_IMAGES, PROBE_STEPS = 2, 2
VALIDATION_SHARE = 0.3
"""Of a training image's time, what a validation image takes: it needs no gradient."""
BASELINE_SECONDS = 5.0
SCORING_SECONDS = 0.06
"""Per mask of native size; the rest of evaluation is measured."""
MASK_BYTES = 1500
LEARNED_FROM = (SplitPart.TRAINING, SplitPart.VALIDATION)


@dataclass(frozen=True)
class Speed:
    """What one kind of model costs on this machine."""

    training: float
    """Seconds per image and optimiser step, all its sentences."""
    evaluating: float
    """Seconds per image, scores included."""
    weights: float
    """Bytes of a checkpoint."""
    features: float = 0.0
    """Bytes that the cache keeps of an image, if they were measured."""


@dataclass(frozen=True)
class Estimate:
    """Of the runs that are not finished."""

    seconds: dict[str, float]
    """By run, on one process; at most, because training may stop early."""
    bytes: float
    """What stays of all runs, features of frozen encoders in the cache included."""
    sources: tuple[str, ...]
    """Where the speeds come from: `finished runs`, `a probe`."""


def estimate(study: Study, runs: Path) -> Estimate:
    """Estimate every run that is not finished; the finished ones in the folder `runs` may tell how fast they were."""
    open_runs = [run for run in study.runs if not run.is_finished(runs)]
    specs = [run.work for run in open_runs if isinstance(run.work, RunSpec)]
    measured = _measured_speeds(study, runs)
    speeds = dict(measured)
    for spec in specs:
        if _kind(spec) not in speeds:
            speeds[_kind(spec)] = probe(spec)
    features = 0.0
    for group in cache_groups(open_runs).values():
        stages = [(spec, stage) for spec in group for stage in spec.own_stages]
        images = {image for spec, stage in stages for part in LEARNED_FROM for image in _images(spec, stage, part)}
        features += speeds[_kind(group[0])].features * len(images)
    masks = sum(2 * len(STRUCTURES) * MASK_BYTES * _evaluated(run) for run in open_runs)
    weights = sum(speeds[_kind(spec)].weights for spec in specs)
    sources = {"finished runs" if _kind(spec) in measured else "a probe" for spec in specs}
    seconds = {run.name: _seconds(run, speeds) for run in open_runs}
    return Estimate(seconds, masks + weights + features, tuple(sorted(sources)))


def cache_groups(runs: Iterable[StudyRun]) -> dict[str, list[RunSpec]]:
    """Return the runs that share features of a frozen image encoder, by a name of that encoder."""
    groups: dict[str, list[RunSpec]] = {}
    for run in runs:
        spec = run.work
        if not isinstance(spec, RunSpec) or spec.encoders.vision.kind != "frozen" or not spec.own_stages:
            continue
        settings = [spec.training[role] for role in spec.own_stages]
        if any(c.augmentation or c.feature_cache in ("off", "memory") for c in settings):
            continue
        start = f"seed {spec.seed}" if spec.weights is None else spec.weights
        groups.setdefault(f"{spec.model} {spec.preset}, {start}", []).append(spec)
    return groups


def probe(spec: RunSpec) -> Speed:
    """Measure two optimiser steps and two predictions of a run's model on noise, with random weights."""
    model = build_segmenter(spec.model, spec.preset)
    model.set_encoders(spec.encoders, 0)
    predictor = Predictor(model)
    size = (model.input_size, model.input_size)
    noise = np.random.default_rng(0).integers(0, 256, (PROBE_IMAGES, *size), dtype=np.uint8)
    sentences = [f"{structure.name.replace('_', ' ').capitalize()} of the heart." for structure in STRUCTURES]
    images = torch.stack([model.preprocess(image) for image in noise]).to(predictor.device)
    precision = next((c.precision for c in spec.training.values()), "auto")
    training = _training_seconds(model, images, sentences, choose_precision(precision, model))
    evaluating = min(_timed(lambda: predictor.predict_batch(list(noise), [sentences] * PROBE_IMAGES)) for _ in range(2))
    with torch.inference_mode():
        features = model.encode_image(images[:1])
    return Speed(
        training=training / PROBE_IMAGES,
        evaluating=2 * (evaluating / PROBE_IMAGES + len(STRUCTURES) * SCORING_SECONDS),  # right and swapped sentences
        weights=4.0 * sum(p.numel() for p in model.parameters()),
        features=4.0 * sum(f.numel() for f in features),
    )


def _training_seconds(model: Any, images: torch.Tensor, sentences: list[str], precision: str) -> float:
    count = len(sentences)
    image_index = torch.arange(PROBE_IMAGES, device=images.device).repeat_interleave(count)
    text_index = torch.arange(count, device=images.device).repeat(PROBE_IMAGES)
    tokens = model.tokenize(sentences).to(images.device)

    def step() -> None:
        with autocast(images.device, precision):
            logits = model(images, tokens, image_index, text_index)
            loss = segmentation_loss(logits, torch.zeros_like(logits))
        torch.autograd.backward(loss)
        float(loss.detach())
        model.zero_grad()

    model.train()
    return min(_timed(step) for _ in range(PROBE_STEPS))


def _timed(action: Any) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def _measured_speeds(study: Study, runs: Path) -> dict[tuple[str, str, str], Speed]:
    """From finished runs that trained something; the mean over runs of a kind."""
    found: dict[tuple[str, str, str], list[Speed]] = {}
    for run in study.runs:
        if isinstance(run.work, RunSpec) and run.work.own_stages and run.is_finished(runs):
            with suppress(DataError, LookupError, ZeroDivisionError):  # a damaged folder tells nothing
                found.setdefault(_kind(run.work), []).append(_speed_of(run, run.work, RunPaths(runs / run.name)))
    return {
        kind: replace(
            speeds[0],
            training=fmean(speed.training for speed in speeds),
            evaluating=fmean(speed.evaluating for speed in speeds),
        )
        for kind, speeds in found.items()
    }


def _speed_of(run: StudyRun, spec: RunSpec, paths: RunPaths) -> Speed:
    last = read_log(paths.log)[-1]
    wall = read_record(paths.manifest, Manifest).wall_seconds
    validation = sum(len(_images(spec, stage, SplitPart.VALIDATION)) for stage in spec.own_stages)
    images = last.images_seen + VALIDATION_SHARE * last.epoch * validation
    weights = sum(f.stat().st_size for f in paths.checkpoint.rglob("*") if f.is_file())
    return Speed(last.seconds / images, max(0.0, wall - last.seconds) / _evaluated(run), float(weights))


def _seconds(run: StudyRun, speeds: Mapping[tuple[str, str, str], Speed]) -> float:
    if not isinstance(run.work, RunSpec):
        return BASELINE_SECONDS
    spec, speed = run.work, speeds[_kind(run.work)]
    images = 0.0
    for role in spec.own_stages:
        training, validation = (len(_images(spec, role, part)) for part in LEARNED_FROM)
        images += spec.training[role].epochs * (training + VALIDATION_SHARE * validation)
    return speed.evaluating * _evaluated(run) + speed.training * images


def _evaluated(run: StudyRun) -> int:
    return len(run.work.sources[Role.REAL].frames(run.evaluation.part, "evaluated"))


def _images(spec: RunSpec, stage: Role, part: SplitPart) -> set[object]:
    """The images of a stage; only those of its first data set choose the epoch."""
    roles = DATA_OF[stage] if part is SplitPart.TRAINING else DATA_OF[stage][:1]
    return {(role, info.patient, info.name) for role in roles for info in spec.sources[role].frames(part, "x").infos}


def _kind(spec: RunSpec) -> tuple[str, str, str]:
    return (spec.model, spec.preset, str(spec.encoders))
