"""The recipe for a language-guided U-Net: all structures at once, many wordings, strong augmentation, averaged weights.

It knows nothing of where frames come from: they are a stream. What is drawn at a step, augmentation and sentences, is a
function of (seed, step), so that a training that was killed goes on to the same bits.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from synthboost.domain import STRUCTURES
from synthboost.errors import ConfigError, require_fields
from synthboost.io.tables import write_typed
from synthboost.models.base import Features
from synthboost.models.textunet.model import NAMES, TextUNet, in_each
from synthboost.progress import Progress
from synthboost.training.augment_batch import augment_batch
from synthboost.training.averaging import Ema
from synthboost.training.config import STRONGEST_AUGMENTATION
from synthboost.training.engine import STATE, Engine, mixed_seed, training_facts
from synthboost.training.frame_stream import FrameBatch, FrameStream
from synthboost.training.hardware import release_network
from synthboost.training.optimizer import NAMING_WEIGHT, WEIGHT_DECAY, one_cycle
from synthboost.training.sentences_of_batch import draw_sentences
from synthboost.training.structure_loss import absence_loss, by_image, structure_dice, structures_loss

WARM_UP = 0.15
EMA_DECAY = 0.99
ABSENCE_WEIGHT = 0.1
"""Of the empty masks that sentences which name no structure shall have."""
ABSENT_PAIRS = 4
"""Of a batch, at most."""
TEXT_PARTS = 4
"""A batch's sentences are encoded in so many parts: half the time of one, at 16 images."""
SAVE_SECONDS = 180.0
"""Between saved states."""
LOG, WEIGHTS = "log.csv", "checkpoint"


@dataclass(frozen=True)
class RecipeSettings:
    """How long and how to train."""

    steps: int
    """Batches."""
    seed: int = 0
    """Of augmentation and sentences."""
    learning_rate: float = 4e-3
    """The highest one of the cycle."""
    augmentation: float = 1.0
    """Strength, 0-2; see `augment_batch`."""
    log_every: int = 250
    """Steps between two lines of the log, each with the score on validation frames."""
    precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    """As for `TrainingConfig`."""
    threads: int | None = None
    """CPU threads of torch, by default one for a small model."""

    def __post_init__(self) -> None:
        """Refuse invalid values, naming the field."""
        require_fields(
            self,
            *((name, getattr(self, name) >= 1, "1 or more") for name in ("steps", "log_every")),
            ("seed", self.seed >= 0, "zero or more"),
            ("learning_rate", 0 < self.learning_rate < math.inf, "a positive number"),
            ("augmentation", 0 <= self.augmentation <= STRONGEST_AUGMENTATION, "0 to 2"),
            ("threads", self.threads is None or self.threads >= 1, "1 or more"),
        )


@dataclass(frozen=True)
class RecipeLog:
    """One line of `log.csv`."""

    step: int
    """Steps done."""
    loss: float
    """Mean over the steps since the line before."""
    learning_rate: float
    seconds: float
    """Wall time, pauses between interruption and resumption excluded."""
    dice_lv: float | None = None
    dice_myo: float | None = None
    dice_la: float | None = None
    """Of the averaged weights on the validation frames, 0-1, at the network's size; `None` without such frames."""

    @property
    def dice(self) -> float | None:
        """Mean of the three structures."""
        values = [self.dice_lv, self.dice_myo, self.dice_la]
        known = [value for value in values if value is not None]
        return math.fsum(known) / len(known) if known else None


def fit(
    model: TextUNet, stream: FrameStream, settings: RecipeSettings, folder: Path, validation: FrameBatch | None = None
) -> list[RecipeLog]:
    """Train `model` on a stream of annotated frames, or go on with a training that `folder` holds.

    Args:
        model: with its initial weights, and its encoders' policy set; holds the averaged weights afterwards.
        stream: gives the batches from any step on.
        settings: see there.
        folder: gets `log.csv` and `checkpoint/` (the averaged weights so far) with every line of the log, and `state/`
            every few minutes; the state is left for the caller to remove.
        validation: annotated frames of other patients, scored for the log; they change nothing.

    Returns:
        The lines of the log.

    Raises:
        ConfigError: several processes share the training.
        TrainingError: a loss or gradient is not finite; the last saved state stays.
        CheckpointError: the state is damaged or of another training.
        OutputError: the folder cannot be written.
    """
    training = _Fit(model, settings, folder, validation)
    with torch.random.fork_rng():  # dropout draws from torch's global generator, which is the caller's
        torch.manual_seed(settings.seed)
        training.engine.resume(training.restore)
        training.run(stream)
    return training.close()


def remove_state(folder: Path) -> None:
    """Remove what resuming needs, when the training is over."""
    shutil.rmtree(folder / STATE, ignore_errors=True)


class _Fit:
    """A training in progress."""

    def __init__(
        self, model: TextUNet, settings: RecipeSettings, folder: Path, validation: FrameBatch | None
    ) -> None:  # fmt: skip
        self.model, self.settings, self.folder, self.validation = model, settings, folder, validation
        self.engine = Engine(folder, model, settings.precision, settings.threads)
        if self.engine.processes > 1:
            raise ConfigError("training", "processes", self.engine.processes, "one", "Start it without a launcher.")
        model.to(self.engine.device).train()
        if self.engine.device.type == "cuda":
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = Ema(model, EMA_DECAY)
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=settings.learning_rate, weight_decay=WEIGHT_DECAY, fused=True
        )
        self.scheduler = one_cycle(self.optimizer, settings.steps + 1, WARM_UP)
        self.step, self.losses, self.log = 0, list[float](), list[RecipeLog]()
        self.engine.parts = {
            "network": model, "average": self.ema, "optimizer": self.optimizer, "scheduler": self.scheduler,
        }  # fmt: skip

    def run(self, stream: FrameStream) -> None:
        """Take the steps that are left."""
        total, facts = self.settings.steps, training_facts(self.model, self.engine.device)
        with closing(stream(self.step)) as batches, Progress("training", total, "step", self.step) as bar:
            self._note(bar)
            for batch in islice(batches, total - self.step):
                bar.announce(f"{facts}, {total:,} steps of {len(batch.images)} images")
                self.losses.append(self.take_step(batch))
                self.step += 1
                bar.advance()
                if self.step % self.settings.log_every == 0 or self.step == total:
                    self.write_log()
                    self._note(bar)
                if self.engine.is_overdue(SAVE_SECONDS) or self.step == total:
                    self.save_state()

    def take_step(self, batch: FrameBatch) -> float:
        """Draw augmentation and sentences, take a step downhill, and return the loss."""
        grey, labels = self._augmented(batch)
        rng = np.random.default_rng([self.settings.seed, self.step])
        sentences = draw_sentences(rng, len(labels), batch.infos)
        with self.engine.autocast():
            features = self.model.encode_image(self.model.normalise(grey))
            loss = self._loss(features, encode_by_length(self.model, sentences), labels, batch.annotated)
        at = f"At step {self.step + 1}; the last saved state was kept. Lower the learning rate."
        value = self.engine.step(loss, self.parameters, self.optimizer, at)
        self.scheduler.step()
        self.ema.update(self.model)
        return value

    def _augmented(self, batch: FrameBatch) -> tuple[Tensor, Tensor]:
        """Grey values (B, 1, S, S) in 0-1 and label maps (B, S, S)."""
        device = self.engine.device
        images, labels = (torch.from_numpy(array).to(device, non_blocking=True) for array in batch[:2])
        generator = torch.Generator(device).manual_seed(mixed_seed(self.settings.seed, self.step))
        return augment_batch(images[:, None].float().div_(255), labels, generator, self.settings.augmentation)

    def _loss(
        self, features: Features, text: Features, labels: Tensor, annotated: NDArray[np.bool_] | None
    ) -> Tensor:  # fmt: skip
        """The loss of B images and of the sentences: one of each structure per image, then B that name none."""
        images, structures = len(labels), len(STRUCTURES)
        pairs, absent = images * structures, min(ABSENT_PAIRS, images)
        number = torch.arange(images, device=labels.device)
        image_index = torch.cat([number.repeat_interleave(structures), number[:absent]])
        scales = self.model.decode_scales(features, tuple(f[: pairs + absent] for f in text), image_index)
        known = None if annotated is None else torch.from_numpy(annotated).to(labels.device)
        masks = structures_loss([by_image(s[:pairs]) for s in scales], labels, known)
        named = torch.tensor([*STRUCTURES] * images + [0] * images, device=labels.device)
        naming = F.cross_entropy(self.model.structure_logits(text).float(), named)
        return masks + ABSENCE_WEIGHT * absence_loss([s[pairs:] for s in scales]) + NAMING_WEIGHT * naming

    def write_log(self) -> None:
        """Score the averaged weights, add a line to the log, and write it and the weights."""
        mean = math.fsum(self.losses) / len(self.losses)
        rate = float(self.optimizer.param_groups[0]["lr"])
        nothing: tuple[float | None, ...] = (None,) * len(STRUCTURES)
        dice = nothing if self.validation is None else self._scores(self.validation)
        self.log.append(RecipeLog(self.step, round(mean, 6), rate, round(self.engine.seconds, 1), *dice))
        self.losses = []
        write_typed(self.folder / LOG, RecipeLog, self.log)
        self.ema.network.save_pretrained(self.folder / WEIGHTS)

    def _scores(self, frames: FrameBatch) -> tuple[float | None, ...]:
        with self.engine.autocast():
            dice = dice_of(self.ema.network.eval(), frames)  # anew: what it keeps for evaluation is of earlier weights
        return tuple(None if value is None else round(value, 4) for value in dice)

    def _note(self, bar: Progress) -> None:
        if self.log:
            last = self.log[-1]
            score = "" if last.dice is None else f", validation Dice {100 * last.dice:.1f} %"
            bar.note(f"loss {last.loss:.3f}{score}")

    def save_state(self) -> None:
        """Save everything that going on takes."""
        log = [asdict(line) for line in self.log]
        self.engine.save({"step": self.step, "losses": self.losses, "log": log})

    def restore(self, progress: dict[str, Any]) -> None:
        """Take the values that a state was saved with."""
        self.step, self.losses = progress["step"], progress["losses"]
        self.log = [RecipeLog(**line) for line in progress["log"]]

    def close(self) -> list[RecipeLog]:
        """Give the averaged weights to the caller's model."""
        self.model.load_state_dict(self.ema.network.state_dict())
        release_network(self.model)
        self.engine.accelerator.free_memory()
        return self.log


def encode_by_length(model: TextUNet, sentences: Sequence[str], parts: int = TEXT_PARTS) -> Features:
    """Encode sentences, the short ones and the long ones apart, so that little of what is computed is padding."""
    device = next(model.parameters()).device
    order = np.argsort([len(sentence) for sentence in sentences], kind="stable")
    chunks = [chunk for chunk in np.array_split(order, parts) if len(chunk)]
    encoded = [model.encode_text(model.tokenize([sentences[i] for i in chunk]).to(device)) for chunk in chunks]
    back = torch.from_numpy(np.argsort(order)).to(device)
    return tuple(features[back] for features in model.join_text(encoded))


@torch.no_grad()
def dice_of(model: TextUNet, frames: FrameBatch, batch: int = 32) -> tuple[float | None, ...]:
    """Mean Dice of each structure over the frames of the network's size that annotate it, 0-1, for `NAMES`."""
    device = next(model.parameters()).device
    text = model.encode_text(model.tokenize(NAMES).to(device))
    found = []
    for start in range(0, len(frames.images), batch):
        images, labels = (torch.from_numpy(array[start : start + batch]).to(device) for array in frames[:2])
        features = model.encode_image(model.normalise(images[:, None].float() / 255))
        vectors, index = in_each(text[0], len(images))
        logits = model.decode(features, (vectors,), index)
        found.append(structure_dice(by_image(logits), labels))
    dice = torch.cat(found).double()
    if (annotated := frames.annotated) is None:
        return tuple(dice.mean(0).tolist())
    known = torch.from_numpy(annotated).to(device)
    return tuple(float(dice[of, n].mean()) if of.any() else None for n, of in enumerate(known.T))
