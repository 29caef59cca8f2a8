"""The training loop: one stage, from initial weights to the best epoch's checkpoint, resumable at any kill."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast, send_to_device
from torch import Tensor

from synthboost.data import TripletRecipe
from synthboost.data.source import FrameSet
from synthboost.errors import DataError, counted
from synthboost.models.adapters import remove_adapters
from synthboost.models.base import Segmenter, TextMemory
from synthboost.models.weights_folder import load_weights
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
from synthboost.training.engine import Engine, training_facts
from synthboost.training.feature_cache import make_feature_cache
from synthboost.training.hardware import choose_workers, prepare_network, release_network
from synthboost.training.joint_statistics import JointStatistics
from synthboost.training.optimizer import NAMING_WEIGHT, hard_dice, make_optimizer, make_scheduler, segmentation_loss

STOPPING_PATIENCE = 20
"""Epochs without a better validation Dice before training stops; not stated in the paper."""
VALIDATION_BATCH_FACTOR = 2
"""Validation keeps no gradients, so its batches can be larger."""
LEAST_SECONDS = 5.0
"""An epoch that ends sooner after the last saved state saves none: training it again takes no longer."""


@dataclass
class Progressed:
    """How far a stage has come: everything besides tensors and time that resuming needs."""

    log: list[dict[str, Any]] = field(default_factory=list)
    """An `EpochLog` for each epoch that is complete."""
    batch: int = 0
    """Batches of the current epoch that are done."""
    loss_sum: float = 0.0
    """Over the current epoch's pairs."""
    pairs: int = 0
    epochs_before: int = 0
    dice_to_beat: float = -1.0
    """Of the stage that this one took over: patience runs until it is exceeded."""

    @property
    def epoch(self) -> int:
        """Epochs that are complete, those of the stages that were taken over included."""
        return self.epochs_before + len(self.log)

    @property
    def best_dice(self) -> float:
        """The best validation Dice of this stage."""
        return max((line["validation_dice"] for line in self.log), default=-1.0)

    @property
    def epochs_without_gain(self) -> int:
        """Epochs since the best one, or since the beginning when none is better than the stage before."""
        dice = [self.dice_to_beat, *(line["validation_dice"] for line in self.log)]
        return len(self.log) - dice.index(max(dice))


BACKWARD = 3
"""Times as long as a forward pass takes training on an image (a guess)."""


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
    require_frames(training, validation)
    stage = _Stage(model, training, validation, recipe, config, folder, caches, keep_best_state)
    with torch.random.fork_rng():  # dropout draws from torch's global generator, which is the caller's
        torch.manual_seed(config.seed + stage.engine.process)
        if not stage.engine.resume(stage.restore) and take_over is not None:
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
        folder: Path,
        caches: Path | None,
        keep_best_state: bool,
    ) -> None:
        self.model, self.config, self.paths, self.name = model, config, RunPaths(folder), training.name
        self.keep_best_state, self.progress = keep_best_state, Progressed()
        self.engine = Engine(folder, model, config.precision, config.threads)
        self.optimizer = make_optimizer(model, config)
        self.batches = EpochBatches(
            len(training), config.batch_images, config.seed, True, training.groups, self.engine.process,
            self.engine.processes,
        )  # fmt: skip
        self.images, self.validation_images = len(training), len(validation)
        self.total_batches = config.epochs * len(self.batches)
        self.scheduler = make_scheduler(self.optimizer, config, len(self.batches))
        prepare_network(model, config, self.engine.device, self.total_batches)
        self.text = TextMemory(model, one_at_a_time=True) if model.is_frozen("text") else None
        cache = make_feature_cache(model, (training, validation), config, caches)
        workers, pinned = choose_workers(config, self.engine.device), self.engine.device.type == "cuda"
        samples = TrainingFrames(training, model, recipe, config.augmentation, cache)
        self.loader = make_loader(samples, self.batches, workers, pinned)
        order = EpochBatches(len(validation), VALIDATION_BATCH_FACTOR * config.batch_images, 0, shuffle=False)
        samples = TrainingFrames(validation, model, replace(recipe, paraphrase=0), cache=cache)
        self.validation_loader = make_loader(samples, order, workers, pinned)
        self.joint = JointStatistics(model)
        self.network = self.engine.accelerator.prepare(model)
        self.engine.parts = {"network": model, "optimizer": self.optimizer, "scheduler": self.scheduler}

    @property
    def finished(self) -> bool:
        progress, config = self.progress, self.config
        return progress.epoch >= config.epochs or progress.epochs_without_gain >= STOPPING_PATIENCE

    def take_over(self, state: Path) -> None:
        """Go on from another stage's state: everything but its log, and the choice of the epoch that is kept."""
        fresh_schedule = self.scheduler.state_dict()
        self.engine.load(state, self.restore, "the state of the best epoch of the stage before")
        if self.config.schedule == "one-cycle":
            self.scheduler.load_state_dict(fresh_schedule)
        self.progress = Progressed(epochs_before=self.progress.epoch, dice_to_beat=self.progress.best_dice)
        self.engine.restart_clock()
        if self.engine.is_main:  # there may be no epoch left to train
            self.model.save_pretrained(self.paths.checkpoint)
            write_log(self.paths.log, [])

    def restore(self, progress: dict[str, Any]) -> None:
        """Take the values that a state was saved with."""
        self.progress = Progressed(**progress)

    def train(self) -> None:
        """Train and validate epoch by epoch until the last one, or until it no longer gets better."""
        name, done = f"training on {self.name}", self.progress.epoch * len(self.batches) + self.progress.batch
        facts = f"{training_facts(self.model, self.engine.device)}, {self.images:,} images, "
        facts += f"at most {counted(self.config.epochs, 'epoch')}"
        pauses = self.validation_images / (self.images * BACKWARD)
        with Progress(name, self.total_batches, "batch", done, self.engine.is_main) as bar:
            bar.announce(facts, pauses)
            while not self.finished:
                self.train_epoch(bar)
                self.validate()
                dice = self.progress.log[-1]["validation_dice"]
                bar.note(f"epoch {self.progress.epoch}/{self.config.epochs}, validation Dice {100 * dice:.1f} %")

    def train_epoch(self, bar: Progress) -> None:
        self.network.train()
        progress, batches = self.progress, self.batches
        batches.epoch, batches.start = progress.epoch, progress.batch
        for batch in batches_of(self.loader):
            pairs = self._pairs(batch)
            progress.loss_sum += pairs * self._step(self._moved(batch))
            progress.pairs += pairs
            progress.batch += 1
            bar.advance()
            if self.engine.is_overdue(self.engine.save_seconds):
                self.engine.save(vars(progress))

    def _step(self, batch: Batch) -> float:
        pairs, processes = float(self._pairs(batch)), self.engine.processes
        self.joint.counts = pairs > 0
        loss, _ = self._loss(self.network, batch)
        at = (
            f"Frames of the batch: {', '.join(batch.frames)}. The last good checkpoint was kept; "
            "check these frames or lower the learning rate."
        )
        # Gradients are averaged as if all processes had equally many pairs, and shall be the mean over all their pairs.
        weight = processes * pairs / self.engine.sum(pairs)
        value = self.engine.step(loss, self.network.parameters(), self.optimizer, at, weight)
        if self.config.schedule == "one-cycle":
            self.scheduler.step()
        return value

    def _loss(self, network: Any, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss and the logits."""
        text = batch.tokens if self.text is None else self.text.recall(batch.sentences)
        with self.engine.autocast():
            logits = network(batch.images, text, batch.image_index, batch.text_index)
            loss = segmentation_loss(logits, batch.targets, self.config.cross_entropy_weight)
            if network.training:
                loss = loss + NAMING_WEIGHT * self.model.refusal_loss(text, batch.text_index)
            return loss, logits

    def _pairs(self, batch: Batch) -> int:
        """How many pairs of the current batch count here: none where it stands in for an empty share."""
        return len(batch.targets) * self.batches.has_share(self.progress.batch)

    def _moved(self, batch: Batch) -> Batch:
        moved: Batch = send_to_device(batch, self.engine.device, non_blocking=True)
        return moved

    def validate(self) -> None:
        """Score the validation frames, log the epoch, keep the weights if they are the best, save the state."""
        loss, dice = self._validation_scores()
        progress, engine = self.progress, self.engine
        rate = self.optimizer.param_groups[0]["lr"]
        if self.config.schedule == "plateau":
            self.scheduler.step(loss)
        better = dice > progress.best_dice
        entry = EpochLog(
            stage=self.name,
            epoch=progress.epoch + 1,
            images_seen=(progress.log[-1]["images_seen"] if progress.log else 0) + self.batches.length,
            training_loss=engine.sum(progress.loss_sum) / engine.sum(float(progress.pairs)),
            validation_loss=loss,
            validation_dice=dice,
            learning_rate=rate,
            seconds=engine.seconds,
        )
        progress.log.append(vars(entry))
        progress.batch, progress.loss_sum, progress.pairs = 0, 0.0, 0
        if engine.is_main:
            if better:
                self.model.save_pretrained(self.paths.checkpoint)
            write_log(self.paths.log, self._log())
        if better and self.keep_best_state:  # before the own state, which says that this was the best epoch
            engine.save(vars(progress), self.paths.best_state)
        if engine.is_overdue(LEAST_SECONDS):
            engine.save(vars(progress))

    @torch.no_grad()
    def _validation_scores(self) -> tuple[float, float]:
        self.network.eval()
        for buffer in self.model.buffers():  # should they differ in their last digits: the main process' are saved
            buffer.copy_(broadcast(buffer))
        sums = torch.zeros(3, dtype=torch.float64, device=self.engine.device)
        # Batches in turn to each process, none twice: padding to even counts would count frames double.
        own = islice(batches_of(self.validation_loader), self.engine.process, None, self.engine.processes)
        for batch in map(self._moved, own):
            loss, logits = self._loss(self.model, batch)
            dice = hard_dice(logits.float(), batch.targets)
            sums += torch.stack([loss.double() * len(dice), dice.double().sum(), sums.new_tensor(len(dice))])
        *totals, pairs = self.engine.accelerator.reduce(sums, "sum").tolist()
        loss_value, dice_value = (total / pairs for total in totals)
        self.engine.require_finite("validation loss", loss_value)
        return loss_value, dice_value

    def close(self) -> list[EpochLog]:
        """Load the best epoch's weights into the caller's model, as it was given."""
        remove_adapters(self.model)  # what they learnt is merged into the checkpoint
        load_weights(self.model.network, self.paths.checkpoint)
        self.joint.remove()
        release_network(self.model)
        self.engine.accelerator.free_memory()
        return self._log()

    def _log(self) -> list[EpochLog]:
        return [EpochLog(**line) for line in self.progress.log]


def require_frames(training: FrameSet, validation: FrameSet) -> None:
    """Raise a `DataError` if a stage has no frame to learn from or to choose its epoch by, or an unannotated one."""
    for frames in (training, validation):
        if not len(frames):
            raise DataError(frames.name, "frames", 0, "at least one annotated frame", "Check --split.")
        missing = next((i for d, i in frames.members if not d.has_annotation(i)), None)
        if missing is not None:
            raise DataError(frames.name, "annotation", f"{missing.name} has none", "a mask for every frame")
