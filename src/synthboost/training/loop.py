"""The training loop: one stage, from initial weights to the best epoch's checkpoint, resumable at any kill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast
from torch import Tensor

from synthboost.data import TripletRecipe
from synthboost.data.frame_set import FrameSet
from synthboost.errors import DataError
from synthboost.models.adapters import remove_adapters
from synthboost.models.base import Features, Segmenter
from synthboost.models.text_memory import TextMemory
from synthboost.progress import Progress
from synthboost.records.run_folder import EpochLog, RunPaths, write_log
from synthboost.training.batches import (
    Batch,
    EpochBatches,
    TrainingFrames,
    batches_of,
    make_loader,
    naming_dead_workers,
)
from synthboost.training.config import TrainingConfig
from synthboost.training.engine import Engine
from synthboost.training.feature_cache import make_feature_cache
from synthboost.training.hardware import choose_workers, prepare_network, release_network
from synthboost.training.joint_statistics import JointStatistics
from synthboost.training.losses import hard_dice, segmentation_loss
from synthboost.training.optimizer import make_optimizer, make_scheduler

VALIDATION_BATCH_FACTOR = 2
"""Validation keeps no gradients, so its batches can be larger."""
LEAST_SECONDS = 5.0
"""An epoch that ends sooner after the last saved state saves none: training it again takes no longer."""


@dataclass
class Progressed:
    """How far a stage has come: everything besides tensors and time that resuming needs."""

    epoch: int = 0
    """Epochs that are complete."""
    batch: int = 0
    """Batches of the current epoch that are done."""
    images_seen: int = 0
    loss_sum: float = 0.0
    """Over the current epoch's pairs."""
    pairs: int = 0
    best_dice: float = -1.0
    dice_to_beat: float = -1.0
    """Of the stage that this one took over: patience runs until it is exceeded."""
    epochs_without_gain: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)


@naming_dead_workers()
def train_stage(
    model: Segmenter,
    training: FrameSet,
    validation: FrameSet,
    recipe: TripletRecipe,
    config: TrainingConfig,
    folder: Path,
    caches: Path | None = None,
    keep_best_state: bool = False,
    take_over: Path | None = None,
) -> list[EpochLog]:
    """Train `model` on `training`, keep the epoch that is best on `validation`, and resume if `folder` has a state.

    Args:
        model: with its initial weights (`init_from` is the caller's: load them before) and its freezing policy set;
            holds the best epoch's weights afterwards.
        training: annotated frames.
        validation: annotated frames of other patients; chooses the epoch, and nothing else does.
        recipe: which sentences the frames are paired with.
        config: see `TrainingConfig`.
        folder: of the run; `log.csv`, `checkpoint/` and `state/` are written there.
        caches: where features of frozen image encoders are kept for other runs too; see `TrainingConfig.feature_cache`.
        keep_best_state: also keep the whole state of the best epoch, for another stage to take over.
        take_over: such a state: optimiser, learning rate, epoch and patience go on where that stage was best, as the
            published code has it (`trainer.fit(ckpt_path=...)`). Epochs count on; a one-cycle schedule begins anew,
            since it ends with its stage.

    Returns:
        One entry per epoch; none where the stage taken over had its last epoch behind it.

    Raises:
        DataError: a set is empty or has no annotation.
        ConfigError: features shall be kept where they can't.
        TrainingError: a loss or gradient is not finite, or a worker process died; the last good checkpoint stays.
        CheckpointError: `state/`, or what is taken over, is damaged or of another training.
        OutputError: the folder cannot be written.
    """
    _require_frames(training, validation)
    stage = _Stage(model, training, validation, recipe, config, RunPaths(folder), caches, keep_best_state)
    with torch.random.fork_rng():  # dropout draws from torch's global generator, which is the caller's
        torch.manual_seed(config.seed + stage.engine.process)
        if not stage.resume() and take_over is not None:
            stage.take_over(take_over)
        stage.train()
        return stage.close()


class _Stage:
    """One stage in progress."""

    def __init__(
        self,
        model: Segmenter,
        training: FrameSet,
        validation: FrameSet,
        recipe: TripletRecipe,
        config: TrainingConfig,
        paths: RunPaths,
        caches: Path | None,
        keep_best_state: bool,
    ) -> None:
        self.model, self.config, self.paths, self.name = model, config, paths, training.name
        self.keep_best_state, self.progress = keep_best_state, Progressed()
        self.engine = Engine(paths.root, config.precision, config.threads, config.tracker)
        self.optimizer = make_optimizer(model, config)
        self.batches = self._order_of(training)
        self.scheduler = make_scheduler(self.optimizer, config, len(self.batches))
        prepare_network(model, config, self.engine.device, self.total_batches)
        self.text = TextMemory(model, one_at_a_time=True) if model.is_frozen("text") else None
        self.loader, self.validation_loader = self._loaders(training, validation, recipe, caches)
        self.joint = JointStatistics(model)
        self.network = self.engine.accelerator.prepare(model)

    def _order_of(self, training: FrameSet) -> EpochBatches:
        return EpochBatches(
            len(training),
            self.config.batch_images,
            self.config.seed,
            shuffle=True,
            groups=training.groups,
            process=self.engine.process,
            processes=self.engine.processes,
        )

    def _loaders(
        self, training: FrameSet, validation: FrameSet, recipe: TripletRecipe, caches: Path | None
    ) -> tuple[Any, Any]:
        config, device = self.config, self.engine.device
        cache = make_feature_cache(self.model, (training, validation), config, caches)
        samples = TrainingFrames(training, self.model, recipe, config.augmentation, cache)
        fixed = TrainingFrames(validation, self.model, replace(recipe, paraphrase=0), cache=cache)
        order = EpochBatches(len(validation), VALIDATION_BATCH_FACTOR * config.batch_images, 0, shuffle=False)
        workers, pinned = choose_workers(config, device), device.type == "cuda"
        return make_loader(samples, self.batches, workers, pinned), make_loader(fixed, order, workers, pinned)

    @property
    def total_batches(self) -> int:
        return self.config.epochs * len(self.batches)

    @property
    def batches_done(self) -> int:
        return self.progress.epoch * len(self.batches) + self.progress.batch

    @property
    def finished(self) -> bool:
        return (
            self.progress.epoch >= self.config.epochs
            or self.progress.epochs_without_gain >= self.config.stopping_patience
        )

    def resume(self) -> bool:
        """Go on from this stage's own state; whether there is one."""
        if not self.paths.state.is_dir():
            return False
        self.engine.load(self.paths.state, self._restore, "the state of this training, as it was left")
        return True

    def take_over(self, state: Path) -> None:
        """Go on from another stage's state: everything but its log, and the choice of the epoch that is kept."""
        fresh_schedule = self.scheduler.state_dict()
        self.engine.load(state, self._restore, "the state of the best epoch of the stage before")
        if self.config.schedule == "one-cycle":
            self.scheduler.load_state_dict(fresh_schedule)
        self.progress = Progressed(epoch=self.progress.epoch, dice_to_beat=self.progress.best_dice)
        self.engine.restart_clock()
        if self.engine.is_main:  # there may be no epoch left to train
            self.model.save_pretrained(self.paths.checkpoint)
            write_log(self.paths.log, [])

    def _restore(self, tensors: dict[str, Any], progress: dict[str, Any]) -> None:
        self.model.load_state_dict(tensors["network"])
        self.optimizer.load_state_dict(tensors["optimizer"])
        self.scheduler.load_state_dict(tensors["scheduler"])
        self.progress = Progressed(**progress)

    def train(self) -> None:
        """Train and validate epoch by epoch until the last one, or until it no longer gets better."""
        name, epochs = f"training on {self.name}", self.config.epochs
        with Progress(name, self.total_batches, "batch", self.batches_done, self.engine.is_main) as bar:
            while not self.finished:
                self.train_epoch(bar)
                self.validate()
                dice = self.progress.log[-1]["validation_dice"]
                bar.note(f"epoch {self.progress.epoch}/{epochs}, validation Dice {dice:.3f}")

    def train_epoch(self, bar: Progress) -> None:
        self.network.train()
        self.batches.epoch, self.batches.start = self.progress.epoch, self.progress.batch
        for batch in batches_of(self.loader):
            self._count(batch, self._step(batch.to(self.engine.device)))
            bar.advance()
            if self.engine.is_overdue(60 * self.config.save_minutes):
                self.save_state()

    def _step(self, batch: Batch) -> float:
        self.joint.counts = self._has_share
        with self.engine.autocast():
            logits = self.network(batch.images, self._text(batch), batch.image_index, batch.text_index)
            loss = self._loss(logits, batch)
        at = (
            f"Frames of the batch: {', '.join(batch.frames)}. The last good checkpoint was kept; "
            "check these frames or lower the learning rate."
        )
        value = self.engine.step(loss, self.network.parameters(), self.optimizer, at, self._weight(batch))
        if self.config.schedule == "one-cycle":
            self.scheduler.step()
        return value

    def _loss(self, logits: Tensor, batch: Batch) -> Tensor:
        return segmentation_loss(logits, batch.targets, self.config.dice_weight, self.config.cross_entropy_weight)

    @property
    def _has_share(self) -> bool:
        return self.batches.has_share(self.progress.batch)

    def _weight(self, batch: Batch) -> float:
        """By which the mean over this process' pairs counts, so that gradients are the mean over all processes' pairs.

        The processes' gradients are averaged as if all had equally many pairs.
        """
        pairs = len(batch.targets) * self._has_share
        return self.engine.processes * pairs / self.engine.sum(float(pairs))

    def _text(self, batch: Batch) -> Tensor | Features:
        return batch.tokens if self.text is None else self.text.recall(batch.sentences)

    def _count(self, batch: Batch, loss: float) -> None:
        progress, pairs = self.progress, len(batch.targets) * self._has_share
        progress.images_seen += self.batches.images(progress.batch)
        progress.batch += 1
        progress.loss_sum += loss * pairs
        progress.pairs += pairs

    def validate(self) -> None:
        """Score the validation frames, log the epoch, keep the weights if they are the best, save the state."""
        loss, dice = self._validation_scores()
        progress, engine = self.progress, self.engine
        rate = self.optimizer.param_groups[0]["lr"]
        if self.config.schedule == "plateau":
            self.scheduler.step(loss)
        progress.epoch += 1
        entry = EpochLog(
            stage=self.name,
            epoch=progress.epoch,
            images_seen=progress.images_seen,
            training_loss=engine.sum(progress.loss_sum) / engine.sum(float(progress.pairs)),
            validation_loss=loss,
            validation_dice=dice,
            learning_rate=rate,
            seconds=engine.seconds,
        )
        progress.log.append(vars(entry))
        progress.batch, progress.loss_sum, progress.pairs = 0, 0.0, 0
        better, gained = dice > progress.best_dice, dice > max(progress.best_dice, progress.dice_to_beat)
        progress.epochs_without_gain = 0 if gained else progress.epochs_without_gain + 1
        progress.best_dice = max(dice, progress.best_dice)
        self._write(entry, better)

    def _write(self, entry: EpochLog, better: bool) -> None:
        if self.engine.is_main:
            if better:
                self.model.save_pretrained(self.paths.checkpoint)
            write_log(self.paths.log, [EpochLog(**line) for line in self.progress.log])
        if better and self.keep_best_state:  # before the own state, which says that this was the best epoch
            self._save_state(self.paths.best_state)
        if self.engine.is_overdue(LEAST_SECONDS):
            self.save_state()
        numbers = {name: value for name, value in vars(entry).items() if name != "stage"}
        self.engine.track(numbers, step=entry.epoch)

    @torch.no_grad()
    def _validation_scores(self) -> tuple[float, float]:
        self.network.eval()
        for buffer in self.model.buffers():  # should they differ in their last digits: the main process' are saved
            buffer.copy_(broadcast(buffer))
        sums = torch.zeros(3, dtype=torch.float64, device=self.engine.device)
        for batch in self._own_share(self.validation_loader):
            with self.engine.autocast():
                logits = self.model(batch.images, self._text(batch), batch.image_index, batch.text_index).float()
            loss, dice = self._loss(logits, batch), hard_dice(logits, batch.targets)
            sums += torch.stack([loss.double() * len(dice), dice.double().sum(), sums.new_tensor(len(dice))])
        totals: Tensor = self.engine.accelerator.reduce(sums, "sum")
        loss_value, dice_value = float(totals[0] / totals[2]), float(totals[1] / totals[2])
        self.engine.require_finite("validation loss", loss_value)
        return loss_value, dice_value

    def _own_share(self, loader: Any) -> Iterator[Batch]:
        # Batches in turn to each process, none twice: padding to even counts would count frames double.
        for number, batch in enumerate(batches_of(loader)):
            if number % self.engine.processes == self.engine.process:
                yield batch.to(self.engine.device)

    def save_state(self) -> None:
        """Save everything that going on takes, where this stage resumes from."""
        self._save_state(self.paths.state)
        self.engine.note_saved()

    def _save_state(self, folder: Path) -> None:
        parts = {"network": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}
        tensors = {name: part.state_dict() for name, part in parts.items()}
        self.engine.save(folder, tensors, vars(self.progress))

    def close(self) -> list[EpochLog]:
        """Load the best epoch's weights into the caller's model, as it was given, and end the trackers."""
        best = type(self.model).from_pretrained(self.paths.checkpoint)
        remove_adapters(self.model)  # what they learnt is merged into the checkpoint
        self.model.load_state_dict(best.state_dict())
        self.joint.remove()
        release_network(self.model)
        self.engine.close()
        return [EpochLog(**line) for line in self.progress.log]


def _require_frames(training: FrameSet, validation: FrameSet) -> None:
    for frames in (training, validation):
        if not len(frames):
            raise DataError(frames.name, "frames", 0, "at least one annotated frame", "Check the split.")
        missing = next((i for d, i in frames.members if not d.has_annotation(i)), None)
        if missing is not None:
            raise DataError(frames.name, "annotation", f"{missing.name} has none", "a mask for every frame")
