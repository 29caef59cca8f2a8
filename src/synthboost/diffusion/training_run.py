"""From a data set to a diffusion model's weights: the training patients' images and maps, and a folder that resumes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from synthboost.data.source import Source
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.settings import DiffusionSettings, DiffusionTraining
from synthboost.diffusion.training import WEIGHTS, train_diffusion
from synthboost.diffusion.training_data import make_examples
from synthboost.domain import SplitPart
from synthboost.errors import OutputError
from synthboost.io.atomic import write_text
from synthboost.io.lock import exclusive
from synthboost.io.typed_json import read_record, to_json, write_record
from synthboost.records.run_record import DataSet

RECORD, DONE = "training.json", "DONE"
WITHOUT_INFLUENCE = ("threads", "save_minutes")
"""Settings that change nothing that comes out, rounding apart."""


@dataclass(frozen=True)
class DiffusionRecord:
    """What a folder was begun with: `training.json`."""

    data: DataSet
    network: Mapping[str, Any]
    training: Mapping[str, Any]
    """The settings that can change a result."""
    unannotated: bool
    """Whether no label map took part."""


def read_training_record(model: Path) -> DiffusionRecord | None:
    """Return how a model was trained, from its folder or the `checkpoint/` in it; `None` for a published one.

    Raises:
        DataError: `training.json` cannot be read.
    """
    found = next((folder / RECORD for folder in (model, model.parent) if (folder / RECORD).is_file()), None)
    return None if found is None else read_record(found, DiffusionRecord)


def train_diffusion_on(
    source: Source, settings: DiffusionSettings, training: DiffusionTraining, out: Path, unannotated: bool = False
) -> Path:
    """Train one model for all views and phases on a source's training patients; a finished one is returned at once.

    Args:
        source: annotated, unless `unannotated`.
        settings: the network's sizes; its first weights are drawn with the training's seed.
        training: see there.
        out: the folder of the model; a broken training goes on in it.
        unannotated: learn from images alone. Their maps hold the sector and nothing else; label maps that are there are
            not opened.

    Returns:
        The folder of the averaged weights, `out/checkpoint`.

    Raises:
        DataError: frames without annotation or visible sector.
        OutputError: `out` was begun with other data or settings, another process works in it, or it cannot be written.
        SynthboostError: whatever training raises.
    """
    if unannotated:
        source = source.without_annotations()
    with exclusive(out):
        data = source.describe(source.frames(SplitPart.TRAINING, "training", unannotated))
        kept = {name: value for name, value in asdict(training).items() if name not in WITHOUT_INFLUENCE}
        _claim(out, DiffusionRecord(data, asdict(settings), kept, unannotated))
        if not (out / DONE).is_file():
            frames = source.frames(SplitPart.TRAINING, source.dataset.root.name, unannotated)
            examples = make_examples(frames, settings.size, unannotated)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(training.seed)
                network = SemanticUNet(settings)
            train_diffusion(network, examples, training, out)
            write_text(out / DONE, "")
    return out / WEIGHTS


def _claim(out: Path, wanted: DiffusionRecord) -> None:
    """Note what the folder is for, or compare it with what it was begun for."""
    found = read_training_record(out)
    if found is None:
        write_record(out / RECORD, wanted)
        return
    before, now = _flat(to_json(found)), _flat(json.loads(json.dumps(to_json(wanted))))
    odd = [f"{name}: {before.get(name)!r}, now {value!r}" for name, value in now.items() if before.get(name) != value]
    if odd:
        raise OutputError(
            out, "what it was begun with", "; ".join(odd), "the same data, network and training",
            "Nothing was touched. Give the options of the first call, or another folder.",
        )  # fmt: skip


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The values by place, but the name of the data's folder."""
    parts = {
        f"{part}.{name}": v for part, values in record.items() if isinstance(values, dict) for name, v in values.items()
    }
    return {"unannotated": record["unannotated"], **parts, "data.name": None}
