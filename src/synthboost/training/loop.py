"""The training loop: one stage, from initial weights to the best epoch's checkpoint, resumable at any kill."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast
from safetensors import SafetensorError
from torch import Tensor

from synthboost.data import TripletRecipe
from synthboost.data.frame_set import FrameSet
from synthboost.errors import CheckpointError, DataError, OutputError, TrainingError
from synthboost.io.atomic import whole_folder
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
from synthboost.training.feature_cache import make_feature_cache
from synthboost.training.hardware import choose_precision, choose_workers, prepare_network, release_network
from synthboost.training.joint_statistics import JointStatistics
from synthboost.training.losses import hard_dice, segmentation_loss
from synthboost.training.optimizer import make_optimizer, make_scheduler

VALIDATION_BATCH_FACTOR = 2
"""Validation keeps no gradients, so its batches can be larger."""
LEAST_SECONDS = 5.0
"""An epoch that ends sooner after the last saved state saves none: training it again takes no longer."""


@dataclass
class Progressed:
    """How far a stage has come: everything besides weights, optimiser and schedule that resuming needs."""

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
    seconds: float = 0.0
    log: list[dict[str, Any]] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        vars(self).update(state)


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
    paths = RunPaths(folder)
    stage = _Stage(model, training, validation, recipe, config, paths, caches, keep_best_state)
    with torch.random.fork_rng():  # dropout draws from torch's global generator, which is the caller's
        torch.manual_seed(config.seed + stage.accelerator.process_index)
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
        if config.threads:
            torch.set_num_threads(config.threads)
        self.config, self.paths, self.name, self.keep_best_state = config, paths, training.name, keep_best_state
        AcceleratorState._reset_state()  # or a stage could not have another precision than the one before it
        self.accelerator = Accelerator(
            mixed_precision=choose_precision(config.precision),
            log_with=None if config.tracker == "none" else config.tracker,
            project_dir=paths.root,
        )
        device = self.accelerator.device
        for parameter in model.parameter_groups()["unused"]:
            parameter.requires_grad_(False)  # several processes would wait for its gradient
        self.optimizer = make_optimizer(model, config)
        self.batches = EpochBatches(
            len(training),
            config.batch_images,
            config.seed,
            shuffle=True,
            groups=training.groups,
            process=self.accelerator.process_index,
            processes=self.accelerator.num_processes,
        )
        self.scheduler = make_scheduler(self.optimizer, config, len(self.batches))
        prepare_network(model, config, device, self.total_batches)
        cache = make_feature_cache(model, (training, validation), config, caches)
        self.text = TextMemory(model, one_at_a_time=True) if model.is_frozen("text") else None
        samples = TrainingFrames(training, model, recipe, config.augmentation, cache)
        workers = choose_workers(config, device)
        on_gpu = device.type == "cuda"
        self.joint = JointStatistics(model)
        self.model, self.optimizer = self.accelerator.prepare(model, self.optimizer)
        self.loader = make_loader(samples, self.batches, workers, on_gpu)
        fixed = TrainingFrames(validation, model, replace(recipe, paraphrase=0), cache=cache)
        order = EpochBatches(len(validation), VALIDATION_BATCH_FACTOR * config.batch_images, 0, shuffle=False)
        self.validation_loader = make_loader(fixed, order, workers, on_gpu)
        self.progress = Progressed()
        self.accelerator.register_for_checkpointing(self.scheduler, self.progress)
        if config.tracker != "none":
            self.accelerator.init_trackers(paths.root.name)
        self.sitting_began = self.last_save = time.monotonic()

    @property
    def total_batches(self) -> int:
        return self.config.epochs * len(self.batches)

    @property
    def batches_done(self) -> int:
        return self.progress.epoch * len(self.batches) + self.progress.batch

    @property
    def shown(self) -> bool:
        return bool(self.accelerator.is_main_process)

    @property
    def last_dice(self) -> float:
        return float(self.progress.log[-1]["validation_dice"])

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
        self._load_state(self.paths.state, "the state of this training, as it was left")
        return True

    def take_over(self, state: Path) -> None:
        """Go on from another stage's state: everything but its log, and the choice of the epoch that is kept."""
        fresh_schedule = self.scheduler.state_dict()
        self._load_state(state, "the state of the best epoch of the stage before")
        if self.config.schedule == "one-cycle":
            self.scheduler.load_state_dict(fresh_schedule)
        before = self.progress
        self.progress.load_state_dict(vars(Progressed(epoch=before.epoch, dice_to_beat=before.best_dice)))
        if self.accelerator.is_main_process:  # there may be no epoch left to train
            self._bare_model.save_pretrained(self.paths.checkpoint)
            write_log(self.paths.log, [])

    def _load_state(self, state: Path, expected: str) -> None:
        try:
            self.accelerator.load_state(str(state))
        except (OSError, RuntimeError, ValueError, LookupError, EOFError, UnpicklingError, SafetensorError) as error:
            raise CheckpointError(
                state, "state", error, expected, "Remove this folder to begin its stage anew."
            ) from error

    def train(self) -> None:
        """Train and validate epoch by epoch until the last one, or until it no longer gets better."""
        name, epochs = f"training on {self.name}", self.config.epochs
        with Progress(name, self.total_batches, "batch", self.batches_done, self.shown) as bar:
            while not self.finished:
                self.train_epoch(bar)
                self.validate()
                bar.note(f"epoch {self.progress.epoch}/{epochs}, validation Dice {self.last_dice:.3f}")

    def train_epoch(self, bar: Progress) -> None:
        self.model.train()
        self.batches.epoch, self.batches.start = self.progress.epoch, self.progress.batch
        for batch in batches_of(self.loader):
            loss = self._step(batch.to(self.accelerator.device))
            self._count(batch, loss)
            bar.advance()
            if self._is_overdue(60 * self.config.save_minutes):
                self.save_state()

    def _step(self, batch: Batch) -> float:
        self.joint.counts = self._has_share
        with self.accelerator.autocast():
            logits = self.model(batch.images, self._text(batch), batch.image_index, batch.text_index)
            loss = segmentation_loss(logits, batch.targets, self.config.dice_weight, self.config.cross_entropy_weight)
        value = float(loss.detach())
        self._refuse_non_finite("loss", value, batch)
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss * self._weight(batch))
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        if self.accelerator.mixed_precision != "fp16":  # there the scaler skips steps with overflow by itself
            self._refuse_non_finite("gradient norm", float(norm), batch)
        self.optimizer.step()
        if self.config.schedule == "one-cycle":
            self.scheduler.step()
        return value

    @property
    def _has_share(self) -> bool:
        return self.batches.has_share(self.progress.batch)

    def _weight(self, batch: Batch) -> float:
        """By which the mean over this process' pairs counts, so that gradients are the mean over all processes' pairs.

        The processes' gradients are averaged as if all had equally many pairs.
        """
        pairs = len(batch.targets) * self._has_share
        return int(self.accelerator.num_processes) * pairs / self._sum_over_processes(float(pairs))

    def _sum_over_processes(self, value: float) -> float:
        if self.accelerator.num_processes == 1:
            return value
        own = torch.tensor(value, dtype=torch.float64, device=self.accelerator.device)
        return float(self.accelerator.reduce(own, "sum"))

    def _text(self, batch: Batch) -> Tensor | Features:
        return batch.tokens if self.text is None else self.text.recall(batch.sentences)

    def _refuse_non_finite(self, what: str, value: float, batch: Batch) -> None:
        if not math.isfinite(value):
            raise TrainingError(
                self.paths.root, what, value, "a finite number",
                f"Frames of the batch: {', '.join(batch.frames)}. The last good checkpoint was kept; "
                "check these frames or lower the learning rate.",
            )  # fmt: skip

    def _count(self, batch: Batch, loss: float) -> None:
        progress, pairs = self.progress, len(batch.targets) * self._has_share
        progress.images_seen += self.batches.images(progress.batch)
        progress.batch += 1
        progress.loss_sum += loss * pairs
        progress.pairs += pairs

    def validate(self) -> None:
        """Score the validation frames, log the epoch, keep the weights if they are the best, save the state."""
        loss, dice = self._validation_scores()
        progress = self.progress
        rate = self.optimizer.param_groups[0]["lr"]
        if self.config.schedule == "plateau":
            self.scheduler.step(loss)
        progress.epoch += 1
        progress.seconds += time.monotonic() - self.sitting_began
        self.sitting_began = time.monotonic()
        entry = EpochLog(
            stage=self.name,
            epoch=progress.epoch,
            images_seen=progress.images_seen,
            training_loss=self._training_loss(),
            validation_loss=loss,
            validation_dice=dice,
            learning_rate=rate,
            seconds=progress.seconds,
        )
        progress.log.append(vars(entry))
        progress.batch, progress.loss_sum, progress.pairs = 0, 0.0, 0
        better = dice > progress.best_dice
        gained = dice > max(progress.best_dice, progress.dice_to_beat)
        progress.epochs_without_gain = 0 if gained else progress.epochs_without_gain + 1
        if better:
            progress.best_dice = dice
        self._write(entry, better)

    def _is_overdue(self, seconds: float) -> bool:
        """Whether so much time has gone since the last saved state, by any process' clock: all must save together."""
        return self._sum_over_processes(float(time.monotonic() - self.last_save >= seconds)) > 0

    def _training_loss(self) -> float:
        """Over the pairs of all processes."""
        return self._sum_over_processes(self.progress.loss_sum) / self._sum_over_processes(float(self.progress.pairs))

    def _write(self, entry: EpochLog, better: bool) -> None:
        if self.accelerator.is_main_process:
            if better:
                self._bare_model.save_pretrained(self.paths.checkpoint)
            write_log(self.paths.log, [EpochLog(**line) for line in self.progress.log])
        if better and self.keep_best_state:  # before the own state, which says that this was the best epoch
            self._save_state(self.paths.best_state)
        if self._is_overdue(LEAST_SECONDS):
            self.save_state()
        if self.config.tracker != "none":
            numbers = {name: value for name, value in vars(entry).items() if name != "stage"}
            self.accelerator.log(numbers, step=entry.epoch)

    @torch.no_grad()
    def _validation_scores(self) -> tuple[float, float]:
        self.model.eval()
        model, accelerator = self._bare_model, self.accelerator
        for buffer in model.buffers():  # should they differ in their last digits: the main process' are saved
            buffer.copy_(broadcast(buffer))
        sums = torch.zeros(3, dtype=torch.float64, device=accelerator.device)
        for batch in _share(self.validation_loader, accelerator):
            with accelerator.autocast():
                logits = model(batch.images, self._text(batch), batch.image_index, batch.text_index).float()
            loss = segmentation_loss(logits, batch.targets, self.config.dice_weight, self.config.cross_entropy_weight)
            dice = hard_dice(logits, batch.targets)
            sums += torch.stack([loss.double() * len(dice), dice.double().sum(), sums.new_tensor(len(dice))])
        totals: Tensor = accelerator.reduce(sums, "sum")
        loss_value, dice_value = float(totals[0] / totals[2]), float(totals[1] / totals[2])
        if not math.isfinite(loss_value):
            raise TrainingError(self.paths.root, "validation loss", loss_value, "a finite number")
        return loss_value, dice_value

    @property
    def _bare_model(self) -> Segmenter:
        model: Segmenter = self.accelerator.unwrap_model(self.model)
        return model

    def save_state(self) -> None:
        """Save everything that going on takes, where this stage resumes from."""
        self._save_state(self.paths.state)
        self.last_save = time.monotonic()

    def _save_state(self, folder: Path) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self.sitting_began
        self.sitting_began = now
        if self.accelerator.num_processes == 1:
            with whole_folder(folder) as temporary:
                self._save_state_into(temporary)
        else:
            self._save_state_of_all(folder)

    def _save_state_of_all(self, folder: Path) -> None:
        # Every process writes its part into one folder; the main one renames it once all have written.
        accelerator = self.accelerator
        parts = self.paths.root / ".writing-state-parts"
        self._save_state_into(parts)
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            with whole_folder(folder) as temporary:
                temporary.rmdir()
                parts.rename(temporary)
        accelerator.wait_for_everyone()

    def _save_state_into(self, folder: Path) -> None:
        try:
            self.accelerator.save_state(str(folder))
        except (RuntimeError, SafetensorError) as error:  # what torch and safetensors raise when the disk is full
            raise OutputError(
                self.paths.state, "state", error, "a place that can be written", "Check the rights and the free space."
            ) from error

    def close(self) -> list[EpochLog]:
        """Load the best epoch's weights into the caller's model, as it was given, and end the trackers."""
        model = self._bare_model
        best = type(model).from_pretrained(self.paths.checkpoint)
        remove_adapters(model)  # what they learnt is merged into the checkpoint
        model.load_state_dict(best.state_dict())
        self.joint.remove()
        release_network(model)
        if self.config.tracker != "none":
            self.accelerator.end_training()
        self.accelerator.free_memory()
        return [EpochLog(**line) for line in self.progress.log]


def _share(loader: Any, accelerator: Accelerator) -> Iterator[Batch]:
    # Batches in turn to each process, none twice: padding to even counts would count frames double.
    for number, batch in enumerate(batches_of(loader)):
        if number % accelerator.num_processes == accelerator.process_index:
            yield batch.to(accelerator.device)


def _require_frames(training: FrameSet, validation: FrameSet) -> None:
    for frames in (training, validation):
        if not len(frames):
            raise DataError(frames.name, "frames", 0, "at least one annotated frame", "Check the split.")
        missing = next((i for d, i in frames.members if not d.has_annotation(i)), None)
        if missing is not None:
            raise DataError(frames.name, "annotation", f"{missing.name} has none", "a mask for every frame")
