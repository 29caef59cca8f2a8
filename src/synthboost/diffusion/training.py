"""Train a semantic diffusion network, from a data set to averaged weights; resumable at any kill to the same bits.

Everything random is a function of (seed, step): which images, what noise, which times, what is hidden. So a state is
weights, their average, the optimiser's moments and a number.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from synthboost.data.source import Source
from synthboost.diffusion.checkpoint import save_diffusion
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.objective import NoiseSchedule, drop_conditions, loss_of
from synthboost.diffusion.settings import DiffusionSettings, DiffusionTraining
from synthboost.diffusion.training_data import DiffusionExamples, make_examples
from synthboost.domain import SplitPart
from synthboost.errors import OutputError
from synthboost.io.atomic import write_csv, write_text
from synthboost.io.lock import exclusive
from synthboost.io.typed_json import read_record, to_json, write_record
from synthboost.progress import Progress
from synthboost.records.run_record import DataSet
from synthboost.training.averaging import Ema
from synthboost.training.engine import STATE, Engine, mixed_seed, training_facts
from synthboost.training.frame_stream import positions_of

LOG_COLUMNS = ("step", "images_seen", "loss", "learning_rate", "seconds")
LOG_STEPS = 100
"""Averaged into one line of the log."""
DROPPED = 0.1
"""Share of images whose map is hidden (and, each on its own, of attributes), so that guidance works and images without
masks can be sampled. Echo from Noise hides none."""
LOG, WEIGHTS, RECORD, DONE = "log.csv", "checkpoint", "training.json", "DONE"


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
        kept = {name: value for name, value in asdict(training).items() if name != "threads"}
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


def train_diffusion(
    network: SemanticUNet, examples: DiffusionExamples, config: DiffusionTraining, folder: Path
) -> SemanticUNet:
    """Train `network` on `examples`, or go on with a training that `folder` holds.

    Args:
        network: with its initial weights; changed.
        examples: of the network's size; training patients only.
        config: see there.
        folder: gets `log.csv`, `checkpoint/` (the averaged weights, when training ends) and meanwhile `state/`.

    Returns:
        The averaged network, on the CPU.

    Raises:
        TrainingError: a loss or gradient is not finite; the last state stays.
        CheckpointError: the state is damaged or of another network.
        OutputError: the folder cannot be written.
    """
    stage = _DiffusionStage(network, examples, config, folder)
    stage.engine.resume(stage.restore)
    facts = f"{training_facts(network, stage.engine.device)}, {len(examples.images):,} images, {config.steps:,} steps"
    name = "training the diffusion model"
    with Progress(name, config.steps, "step", stage.step, stage.engine.is_main) as bar:
        bar.announce(facts)
        while stage.step < config.steps:
            loss = stage.take_step()
            bar.advance()
            bar.note(f"loss {loss:.4f}")
    return stage.close()


class _DiffusionStage:
    def __init__(
        self, network: SemanticUNet, examples: DiffusionExamples, config: DiffusionTraining, folder: Path
    ) -> None:
        self.bare, self.examples, self.config, self.folder = network, examples, config, folder
        self.engine = Engine(folder, network, config.precision, config.threads)
        network.to(self.engine.device).train()
        self.ema = Ema(network, config.ema_decay)
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=0.0, fused=True)
        self.network = self.engine.accelerator.prepare(_Loss(network))
        self.step, self.losses = 0, list[float]()
        self.log: list[dict[str, Any]] = []
        self.engine.parts = {"network": network, "average": self.ema, "optimizer": self.optimizer}

    def take_step(self) -> float:
        images, maps, codes, generator = self._draw()
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate_at(self.step)
        with self.engine.autocast():
            loss = self.network(images, maps, codes, generator)
        at = f"At step {self.step + 1}; the last saved state was kept. Lower the learning rate."
        value = self.engine.step(loss, self.bare.parameters(), self.optimizer, at)
        self.ema.update(self.bare)
        self.step += 1
        self._record(value)
        return value

    def _draw(self) -> tuple[Tensor, Tensor, Tensor, torch.Generator]:
        config, engine, settings = self.config, self.engine, self.bare.settings
        number = self.step * engine.processes + engine.process
        positions = positions_of(len(self.examples), config.batch, config.seed, number)
        images, maps, codes = self.examples.batch(positions, settings.channels)
        generator = torch.Generator().manual_seed(mixed_seed(config.seed, self.step, engine.process))
        if settings.attributes:
            maps, codes = drop_conditions(maps, codes, settings, DROPPED, generator)
        return images.to(engine.device), maps.to(engine.device), codes.to(engine.device), generator

    def _record(self, loss: float) -> None:
        self.losses.append(loss)
        if self.step % LOG_STEPS == 0 or self.step == self.config.steps:
            seen = self.step * self.config.batch * self.engine.processes
            mean = math.fsum(self.losses) / len(self.losses)
            values = (
                self.step,
                seen,
                round(mean, 6),
                self.config.rate_at(self.step - 1),
                round(self.engine.seconds, 1),
            )
            self.log.append(dict(zip(LOG_COLUMNS, values, strict=True)))
            self.losses = []
            if self.engine.is_main:
                write_csv(self.folder / LOG, LOG_COLUMNS, self.log)
        if self.engine.is_overdue(self.engine.save_seconds):
            self.engine.save({"step": self.step, "losses": self.losses, "log": self.log})

    def restore(self, progress: dict[str, Any]) -> None:
        self.step, self.losses, self.log = progress["step"], progress["losses"], progress["log"]

    def close(self) -> SemanticUNet:
        average = self.ema.network.cpu()
        if self.engine.is_main:
            save_diffusion(self.folder / WEIGHTS, average)
            shutil.rmtree(self.folder / STATE, ignore_errors=True)
        self.engine.accelerator.wait_for_everyone()
        self.engine.accelerator.free_memory()
        return average


class _Loss(nn.Module):
    """The network together with its objective, so that several processes can share its gradients."""

    def __init__(self, network: SemanticUNet) -> None:
        super().__init__()
        self.network = network
        self.schedule = NoiseSchedule(network.settings.spacing)

    def forward(self, images: Tensor, maps: Tensor, codes: Tensor, generator: torch.Generator) -> Tensor:
        settings = self.network.settings
        noise = torch.randn(images.shape, generator=generator).to(images.device)
        condition = self.network.condition(maps, codes if settings.attributes else None)

        def denoiser(noisy: Tensor, times: Tensor) -> Tensor:
            output: Tensor = self.network(noisy, times, condition)
            return output

        return loss_of(settings, denoiser, images, noise, self.schedule, generator).mean()


def _claim(out: Path, wanted: DiffusionRecord) -> None:
    """Note what the folder is for, or compare it with what it was begun for."""
    found = read_training_record(out)
    if found is None:
        write_record(out / RECORD, wanted)
        return
    before, now = _flat(to_json(found)), _flat(to_json(wanted))
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
