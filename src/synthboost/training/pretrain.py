"""Pretrain a TextUNet on simulated frames: no patient's image, and with the literature's hearts no annotation."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

import synthboost
from synthboost.data.simulated_set import FRAMES_PER_PATIENT, GENERATOR_VERSION
from synthboost.domain import STRUCTURES
from synthboost.io.atomic import write_text
from synthboost.io.lock import claim, exclusive
from synthboost.io.typed_json import read_record, to_json, write_record
from synthboost.models.catalogue import preset_of
from synthboost.models.freezing import Encoders
from synthboost.models.registry import build_segmenter, load_segmenter, name_with_checksum
from synthboost.models.textunet.model import TextUNet
from synthboost.models.weights_folder import TRAINING_FILE, WEIGHTS_FILE, file_sha256
from synthboost.training.config import PretrainSettings
from synthboost.training.hardware import choose_precision, rendering_workers, threads_beside
from synthboost.training.recipe import WEIGHTS, RecipeSettings, dice_of, fit, remove_state
from synthboost.training.simulated_stream import SimulatedStream

HELD_OUT_PATIENTS = 20
"""Simulated, for the log: they are no measure of real images."""
TRAINED_ON = "simulated frames alone"
ENCODERS = Encoders.parse("vision=trained,text=frozen")
"""Where weights are given: the look of images is what differs from those trained on before; the sentences are the same,
so the text encoder cannot learn anything but to forget words."""
RATE = 1e-3
"""The highest one of the cycle, where weights are given."""
BEGUN, DONE = "pretraining.json", "DONE"
_IGNORED = ("patients", "size", "split_counts", "phases_between", "quality_rule", "quality_strength")
"""Settings of a simulated set that no frame of a stream depends on."""


@dataclass(frozen=True)
class TrainingRecord:
    """Where weights come from: `training.json` beside them."""

    trained_on: str
    """`TRAINED_ON`, if they may be given to anybody."""
    simulator_version: str
    held_out_patients: int
    versions: Mapping[str, str]
    weights_sha256: str
    """Of the file of weights."""


@dataclass(frozen=True)
class PretrainingRecord(TrainingRecord):
    """Of weights that `pretrain` made."""

    command: str
    model: str
    preset: str | None
    """`None`: other sizes than any preset's."""
    architecture: Mapping[str, Any]
    simulation: tuple[Mapping[str, Any], ...]
    """Settings of the simulator, that patients took in turn."""
    patients: int
    """Simulated, different ones."""
    frames: int
    """Simulated, different ones; each was shown `shown` times."""
    shown: int
    batch: int
    recipe: Mapping[str, Any]
    """Settings of the training."""
    held_out_dice: Mapping[str, float]
    """Mean Dice of each structure on simulated patients that were not trained on, 0-1, at the network's size."""
    device: str
    precision: str
    workers: int
    threads: int
    wall_seconds: float


def software() -> dict[str, str]:
    """Return the versions that a `TrainingRecord` holds."""
    return {"synthboost": synthboost.__version__, "torch": torch.__version__, "python": platform.python_version()}


def pretrain(settings: PretrainSettings, out: Path, workers: int | None = None) -> PretrainingRecord:
    """Pretrain into the folder `out`, go on with what is there, or return at once if it is finished.

    Args:
        settings: see there.
        out: gets `checkpoint/` with weights, card and `training.json`, and `log.csv`.
        workers: processes that render frames, 0: this one; by default half the cores. Weights do not depend on it, but
            for the last bits: torch computes with a thread on each of the other cores (one thread for a small model).

    Raises:
        CheckpointError: the weights to begin with are absent, damaged, or no TextUNet.
        OutputError: `out` was begun with other settings, another process works in it, or it cannot be written.
        ConfigError: `workers` is less than 0.
        SynthboostError: as `fit`, or a process that renders died.
    """
    workers = rendering_workers() if workers is None else workers
    model, began_with = _first(settings)
    stream = SimulatedStream(settings.simulations, model.input_size, settings.batch, settings.seed, workers=workers)
    with exclusive(out):
        begun = {"settings": asdict(settings), "began_with": began_with, "simulator_version": GENERATOR_VERSION}
        claim(out / BEGUN, begun)
        record_file = out / WEIGHTS / TRAINING_FILE
        if (out / DONE).is_file():
            remove_state(out)
            return read_record(record_file, PretrainingRecord)
        rate = RecipeSettings.learning_rate if began_with is None else RATE
        recipe = RecipeSettings(settings.steps, settings.seed, rate, threads=threads_beside(workers, model))
        held_out = stream.held_out(HELD_OUT_PATIENTS)
        log = fit(model, stream, recipe, out, held_out)
        model.save_pretrained(out / WEIGHTS)
        record = _record(settings, began_with, model, stream, recipe, dice_of(model, held_out), log[-1].seconds, out)
        write_record(record_file, record)
        write_text(out / DONE, "")
        remove_state(out)
    return record


def _first(settings: PretrainSettings) -> tuple[TextUNet, str | None]:
    """The model before its first step, and the name and checksum of the weights that were given, if any."""
    if settings.weights is None:
        model, began_with = build_segmenter(TextUNet.name, settings.preset, settings.seed), None
    else:
        model = load_segmenter(settings.weights, TextUNet.name, settings.seed)
        model.set_encoders(ENCODERS)
        began_with = name_with_checksum(model, settings.weights)
    assert isinstance(model, TextUNet)
    return model, began_with


def _record(
    settings: PretrainSettings, began_with: str | None, model: TextUNet, stream: SimulatedStream,
    recipe: RecipeSettings, dice: tuple[float | None, ...], seconds: float, out: Path,
) -> PretrainingRecord:  # fmt: skip
    simulation = [one.to_json() for one in stream.settings]
    decisive = {
        name: value for name, value in asdict(recipe).items() if name not in ("log_every", "threads", "precision")
    }
    return PretrainingRecord(
        trained_on=TRAINED_ON if began_with is None else f"what {began_with} was trained on, then simulated frames",
        command=settings.command,
        model=TextUNet.name,
        preset=preset_of(TextUNet.name, model.settings),
        architecture=to_json(model.settings),
        simulation=tuple({name: v for name, v in one.items() if name not in _IGNORED} for one in simulation),
        simulator_version=GENERATOR_VERSION,
        patients=stream.patients(settings.steps),
        frames=stream.patients(settings.steps) * FRAMES_PER_PATIENT,
        shown=stream.shown,
        batch=stream.batch,
        recipe=decisive,
        held_out_dice={s.short: round(v, 4) for s, v in zip(STRUCTURES, dice, strict=True) if v is not None},
        held_out_patients=HELD_OUT_PATIENTS,
        versions=software(),
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU {platform.machine()}",
        precision=choose_precision("auto", model),
        workers=stream.workers,
        threads=torch.get_num_threads(),
        wall_seconds=seconds,
        weights_sha256=file_sha256(out / WEIGHTS / WEIGHTS_FILE),
    )
