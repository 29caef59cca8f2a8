"""From a data set to a diffusion model's weights: the training patients' images and maps, and a folder that resumes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from synthboost.domain import SplitPart
from synthboost.errors import OutputError
from synthboost.experiments.sources import Source
from synthboost.files import write_json, write_text
from synthboost.lock import exclusive
from synthboost.records.run_folder import read_json
from synthboost.synthesis.network import SemanticUNet
from synthboost.synthesis.settings import DiffusionSettings
from synthboost.training.diffusion_config import DiffusionTraining
from synthboost.training.diffusion_data import make_examples
from synthboost.training.diffusion_loop import WEIGHTS, train_diffusion

RECORD, DONE = "training.json", "DONE"
WITHOUT_INFLUENCE = ("threads", "save_minutes", "log_steps")
"""Settings that change nothing that comes out, rounding apart."""


def train_diffusion_on(source: Source, settings: DiffusionSettings, training: DiffusionTraining, out: Path) -> Path:
    """Train one model for all views and phases on a source's training patients; a finished one is returned at once.

    Args:
        source: annotated.
        settings: the network's sizes; its first weights are drawn with the training's seed.
        training: see there.
        out: the folder of the model; a broken training goes on in it.

    Returns:
        The folder of the averaged weights, `out/checkpoint`.

    Raises:
        DataError: frames without annotation or visible sector.
        OutputError: `out` was begun with other data or settings, another process works in it, or it cannot be written.
        SynthboostError: whatever training raises.
    """
    with exclusive(out):
        _claim(out, source, settings, training)
        if not (out / DONE).is_file():
            examples = make_examples(source.frames(SplitPart.TRAINING, source.dataset.root.name), settings.size)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(training.seed)
                network = SemanticUNet(settings)
            train_diffusion(network, examples, training, out)
            write_text(out / DONE, "")
    return out / WEIGHTS


def _claim(out: Path, source: Source, settings: DiffusionSettings, training: DiffusionTraining) -> None:
    """Note what the folder is for, or compare it with what it was begun for."""
    wanted: dict[str, Any] = {
        "data": source.as_dict(),
        "network": asdict(settings),
        "training": {name: value for name, value in asdict(training).items() if name not in WITHOUT_INFLUENCE},
    }
    wanted = json.loads(json.dumps(wanted))
    if not (out / RECORD).is_file():
        write_json(out / RECORD, wanted)
        return
    found = read_json(out / RECORD)
    odd = [
        f"{part}.{name}: {found.get(part, {}).get(name)!r}, now {value!r}"
        for part, values in wanted.items()
        for name, value in values.items()
        if name != "path name" and found.get(part, {}).get(name) != value
    ]
    if odd:
        raise OutputError(
            out, "what it was begun with", "; ".join(odd), "the same data, network and training",
            "Nothing was touched. Give the options of the first call, or another folder.",
        )  # fmt: skip
