"""From a data set to a diffusion model's weights: the training patients' images and maps, and a folder that resumes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from synthboost.adaptation.refine import Condition
from synthboost.data.source import Source
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.settings import DiffusionSettings, DiffusionTraining
from synthboost.diffusion.training import WEIGHTS, train_diffusion
from synthboost.diffusion.training_data import make_examples
from synthboost.domain import SplitPart
from synthboost.errors import ConfigError, OutputError
from synthboost.io.atomic import write_json, write_text
from synthboost.io.lock import exclusive
from synthboost.io.typed_json import read_json, to_json

RECORD, DONE = "training.json", "DONE"
UNLABELLED = "unlabelled"
"""In the record, true where no label map took part; absent otherwise."""
WITHOUT_INFLUENCE = ("threads", "save_minutes")
"""Settings that change nothing that comes out, rounding apart."""


def train_diffusion_on(
    source: Source, settings: DiffusionSettings, training: DiffusionTraining, out: Path, unlabelled: bool = False
) -> Path:
    """Train one model for all views and phases on a source's training patients; a finished one is returned at once.

    Args:
        source: annotated, unless `unlabelled`.
        settings: the network's sizes; its first weights are drawn with the training's seed.
        training: see there.
        out: the folder of the model; a broken training goes on in it.
        unlabelled: learn from images alone. Their maps hold the sector and nothing else; label maps that are there are
            not opened.

    Returns:
        The folder of the averaged weights, `out/checkpoint`.

    Raises:
        DataError: frames without annotation or visible sector.
        OutputError: `out` was begun with other data or settings, another process works in it, or it cannot be written.
        SynthboostError: whatever training raises.
    """
    if unlabelled:
        source = source.without_annotations()
    with exclusive(out):
        _claim(out, source, settings, training, unlabelled)
        if not (out / DONE).is_file():
            frames = source.frames(SplitPart.TRAINING, source.dataset.root.name, unlabelled)
            examples = make_examples(frames, settings.size, unlabelled)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(training.seed)
                network = SemanticUNet(settings)
            train_diffusion(network, examples, training, out)
            write_text(out / DONE, "")
    return out / WEIGHTS


def condition_of(model: Path, settings: DiffusionSettings, asked: Condition | None = None) -> Condition:
    """Choose what a model is told when it refines images whose labels it shall not see.

    Args:
        model: its folder, or the `checkpoint/` in it. `training.json` says how it was trained; a model without that
            file, such as a published one, counts as trained with labels.
        settings: of its network.
        asked: by the user; `None` is the sector for a model that was trained without labels, no label for others.

    Raises:
        ConfigError: the model never learned what was asked for.
        DataError: `training.json` cannot be read.
    """
    places = [folder / RECORD for folder in (model, model.parent) if (folder / RECORD).is_file()]
    record = read_json(places[0]) if places else {}
    unlabelled = bool(record.get(UNLABELLED, False))
    chosen = asked or (Condition.SECTOR if unlabelled else Condition.NULL)
    if chosen is Condition.SECTOR and record and not unlabelled:
        raise ConfigError(
            "refine", "condition", chosen, f"{Condition.NULL} for a model that was trained with labels",
            "It never saw a sector without a heart's labels. Train another with --unannotated.",
        )  # fmt: skip
    if chosen is Condition.NULL and not settings.null_label:
        raise ConfigError(
            "refine", "condition", chosen, "a model that can do without labels",
            "This one has no weights for that. Train another, best with --unannotated.",
        )  # fmt: skip
    return chosen


def _claim(
    out: Path, source: Source, settings: DiffusionSettings, training: DiffusionTraining, unlabelled: bool
) -> None:
    """Note what the folder is for, or compare it with what it was begun for."""
    wanted: dict[str, Any] = {
        "data": to_json(source.describe(source.frames(SplitPart.TRAINING, "training", unlabelled))),
        "network": asdict(settings),
        "training": {name: value for name, value in asdict(training).items() if name not in WITHOUT_INFLUENCE},
    }
    if unlabelled:
        wanted[UNLABELLED] = True  # only then: records of labelled trainings stay as they were
    wanted = json.loads(json.dumps(wanted))
    if not (out / RECORD).is_file():
        write_json(out / RECORD, wanted)
        return
    found = read_json(out / RECORD)
    odd = [
        f"{part}.{name}: {found.get(part, {}).get(name)!r}, now {value!r}"
        for part, values in wanted.items()
        if part != UNLABELLED
        for name, value in values.items()
        if name != "name" and found.get(part, {}).get(name) != value
    ]
    if (before := bool(found.get(UNLABELLED, False))) != unlabelled:
        odd.insert(0, f"{UNLABELLED}: {before}, now {unlabelled}")
    if odd:
        raise OutputError(
            out, "what it was begun with", "; ".join(odd), "the same data, network and training",
            "Nothing was touched. Give the options of the first call, or another folder.",
        )  # fmt: skip
