"""Train a semantic diffusion network, step by step; resumable at any kill to the same bits.

Everything random is a function of (seed, step): which images, what noise, which times, what is hidden. So a state is
weights, their average, the optimiser's moments and a number.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from synthboost.diffusion.checkpoint import save_diffusion
from synthboost.diffusion.ema import Ema
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.objective import NoiseSchedule, drop_conditions, loss_of
from synthboost.diffusion.training_config import DiffusionTraining
from synthboost.diffusion.training_data import DiffusionExamples
from synthboost.errors import CheckpointError, TrainingError
from synthboost.io.atomic import whole_file, write_csv
from synthboost.progress import Progress
from synthboost.training.hardware import choose_precision

LOG_COLUMNS = ("step", "images_seen", "loss", "learning_rate", "seconds")
STATE, LOG, WEIGHTS = "state.pt", "log.csv", "checkpoint"


def train_diffusion(
    network: SemanticUNet, examples: DiffusionExamples, config: DiffusionTraining, folder: Path
) -> SemanticUNet:
    """Train `network` on `examples`, or go on with a training that `folder` holds.

    Args:
        network: with its initial weights; changed.
        examples: of the network's size; training patients only.
        config: see there.
        folder: gets `log.csv`, `checkpoint/` (the averaged weights, when training ends) and meanwhile `state.pt`.

    Returns:
        The averaged network, on the CPU.

    Raises:
        TrainingError: a loss or gradient is not finite; the last state stays.
        CheckpointError: the state is damaged or of another network.
        OutputError: the folder cannot be written.
    """
    stage = _DiffusionStage(network, examples, config, folder)
    stage.resume()
    with Progress("training the diffusion model", config.steps, "step", stage.step, stage.shown) as bar:
        while stage.step < config.steps:
            loss = stage.take_step()
            bar.advance()
            bar.note(f"loss {loss:.4f}")
    return stage.close()


class _DiffusionStage:
    def __init__(
        self, network: SemanticUNet, examples: DiffusionExamples, config: DiffusionTraining, folder: Path
    ) -> None:
        if config.threads:
            torch.set_num_threads(config.threads)
        self.examples, self.config, self.folder = examples, config, folder
        AcceleratorState._reset_state()
        self.accelerator = Accelerator(mixed_precision=choose_precision(config.precision))
        network.to(self.accelerator.device).train()
        self.ema = Ema(network, config.ema_decay)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.bare = network
        self.network, self.optimizer = self.accelerator.prepare(_Loss(network), optimizer)
        self.step, self.seconds = 0, 0.0
        self.log: list[dict[str, Any]] = []
        self.losses: list[float] = []
        self.last_save = self.began = time.monotonic()

    @property
    def shown(self) -> bool:
        return bool(self.accelerator.is_main_process)

    def take_step(self) -> float:
        images, maps, codes, generator = self._draw()
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate_at(self.step)
        with self.accelerator.autocast():
            loss = self.network(images, maps, codes, generator)
        value = float(loss.detach())
        self._refuse_non_finite("loss", value)
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.bare.parameters(), self.config.gradient_clip)
        self._refuse_non_finite("gradient norm", float(norm))
        self.optimizer.step()
        self.ema.update(self.bare)
        self.step += 1
        self._record(value)
        return value

    def _draw(self) -> tuple[Tensor, Tensor, Tensor, torch.Generator]:
        config, accelerator = self.config, self.accelerator
        at_once = config.batch * accelerator.num_processes
        first = self.step * at_once + config.batch * accelerator.process_index
        positions = np.array([self._position(first + k) for k in range(config.batch)], dtype=np.intp)
        images, maps, codes = self.examples.batch(positions, self.bare.settings.channels)
        generator = torch.Generator().manual_seed(_mix(config.seed, self.step, accelerator.process_index))
        settings = self.bare.settings
        if settings.attributes:
            maps, codes = drop_conditions(maps, codes, settings, config.drop_condition, generator)
        device = accelerator.device
        return images.to(device), maps.to(device), codes.to(device), generator

    def _position(self, number: int) -> int:
        """The n-th image ever seen: all examples in one order, then all in another, and so on."""
        passed, place = divmod(number, len(self.examples))
        if getattr(self, "_pass", None) != passed:
            self._pass, self._order = (
                passed,
                np.random.default_rng([self.config.seed, passed]).permutation(len(self.examples)),
            )
        return int(self._order[place])

    def _record(self, loss: float) -> None:
        self.losses.append(loss)
        if self.step % self.config.log_steps == 0 or self.step == self.config.steps:
            self.seconds += time.monotonic() - self.began
            self.began = time.monotonic()
            seen = self.step * self.config.batch * self.accelerator.num_processes
            mean = math.fsum(self.losses) / len(self.losses)
            rate = self.config.rate_at(self.step - 1)
            values = (self.step, seen, round(mean, 6), rate, round(self.seconds, 1))
            self.log.append(dict(zip(LOG_COLUMNS, values, strict=True)))
            self.losses = []
            if self.shown:
                write_csv(self.folder / LOG, LOG_COLUMNS, self.log)
        if time.monotonic() - self.last_save > 60 * self.config.save_minutes:
            self.save()

    def save(self) -> None:
        self.last_save = time.monotonic()
        if not self.shown:
            return
        state = {
            "network": self.bare.state_dict(),
            "average": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds + time.monotonic() - self.began,
            "losses": self.losses,
            "log": self.log,
        }
        with whole_file(self.folder / STATE) as temporary:
            torch.save(state, temporary)

    def resume(self) -> None:
        path = self.folder / STATE
        if not path.is_file():
            return
        try:
            state: dict[str, Any] = torch.load(path, map_location=self.accelerator.device, weights_only=True)
            self.bare.load_state_dict(state["network"])
            self.ema.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = int(state["step"]), float(state["seconds"])
            self.losses, self.log = list(state["losses"]), list(state["log"])
        except Exception as error:  # unpickling a damaged file can raise anything
            raise CheckpointError(
                path, "state", error, "the state of this training, as it was left", "Remove the file to begin anew."
            ) from error

    def close(self) -> SemanticUNet:
        average: SemanticUNet = self.ema.network.cpu()
        if self.shown:
            save_diffusion(self.folder / WEIGHTS, average)
            (self.folder / STATE).unlink(missing_ok=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.free_memory()
        return average

    def _refuse_non_finite(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise TrainingError(
                self.folder, what, value, "a finite number",
                f"At step {self.step + 1}; the last saved state was kept. Lower the learning rate.",
            )  # fmt: skip


class _Loss(torch.nn.Module):
    """The network together with its objective, so that several processes can share its gradients."""

    def __init__(self, network: SemanticUNet) -> None:
        super().__init__()
        self.network = network
        self.schedule = NoiseSchedule()

    def forward(self, images: Tensor, maps: Tensor, codes: Tensor, generator: torch.Generator) -> Tensor:
        settings = self.network.settings
        noise = torch.randn(images.shape, generator=generator).to(images.device)
        told = self.network.condition(maps, codes if settings.attributes else None)

        def denoiser(noisy: Tensor, times: Tensor) -> Tensor:
            output: Tensor = self.network(noisy, times, told)
            return output

        return loss_of(settings, denoiser, images, noise, self.schedule, generator).mean()


def _mix(*numbers: int) -> int:
    """One seed of several numbers, so that neighbouring steps have unrelated generators."""
    return int(np.random.SeedSequence(numbers).generate_state(2, np.uint64)[0] >> np.uint64(1))
