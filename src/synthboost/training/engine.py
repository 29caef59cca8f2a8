"""What every training loop does alike: device and precision, one step of the optimiser, the clock, the state.

A state is a folder with `tensors.pt` (weights, the optimiser's moments, random generators; read with `weights_only`, so
that no code in it runs) and `progress.json`. It is whole or absent. Segmenters and diffusion networks share it.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn

from synthboost.errors import CheckpointError, TrainingError, first_words
from synthboost.io.atomic import whole_folder, write_json
from synthboost.training.hardware import choose_precision, limit_threads

GRADIENT_CLIP = 1.0
"""Largest norm of the gradient; not stated in the papers."""
STATE, TENSORS, PROGRESS = "state", "tensors.pt", "progress.json"
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Engine:
    """The machine that a training runs on, and where it keeps its state.

    Precision is ours and not Accelerate's, which has one for the whole process: stages may differ.
    """

    save_seconds: ClassVar[float] = 600.0
    """Between saved states."""

    def __init__(self, folder: Path, model: nn.Module, precision: str, threads: int | None) -> None:
        """Choose device, precision and number of threads."""
        limit_threads(model, threads)
        self.folder, self.precision = folder, choose_precision(precision, model)
        self.parts: dict[str, Any] = {}
        """By its name in a state, each thing that has a `state_dict`."""
        self.accelerator = Accelerator(mixed_precision="no")
        self.device: torch.device = self.accelerator.device
        self.process, self.processes = int(self.accelerator.process_index), int(self.accelerator.num_processes)
        self.is_main = bool(self.accelerator.is_main_process)
        if precision == "auto" and self.precision == "bf16" and self.device.type == "cpu" and self.is_main:
            print("precision: bf16, in which this processor is faster; `no` is full precision", file=sys.stderr)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        self._seconds_before = 0.0
        self._began = self._saved = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall time of the training, pauses between interruption and resumption excluded."""
        return self._seconds_before + time.monotonic() - self._began

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which a forward pass computes in the chosen precision."""
        return autocast(self.device, self.precision)

    def sum(self, value: float) -> float:
        """Add a number up over all processes."""
        if self.processes == 1:
            return value
        own = torch.tensor(value, dtype=torch.float64, device=self.device)
        return float(self.accelerator.reduce(own, "sum"))

    def step(
        self, loss: Tensor, parameters: Iterable[nn.Parameter], optimizer: torch.optim.Optimizer, at: str,
        weight: float = 1.0,
    ) -> float:  # fmt: skip
        """Take one step downhill and return the loss.

        Args:
            loss: a scalar.
            parameters: whose gradient is clipped together.
            optimizer: that steps.
            at: where training stands and what to do about it, for the error's message.
            weight: of the loss for the gradient.

        Raises:
            TrainingError: the loss or the gradient is not finite.
        """
        value = float(loss.detach())
        self.require_finite("loss", value, at)
        optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss * weight).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(parameters, GRADIENT_CLIP)
        if self.precision != "fp16":  # there the scaler skips steps with overflow by itself
            self.require_finite("gradient norm", float(norm), at)
        self.scaler.step(optimizer)
        self.scaler.update()
        return value

    def require_finite(self, what: str, value: float, remedy: str = "") -> None:
        """Refuse NaN and infinity.

        Raises:
            TrainingError: `value` is one of them.
        """
        if not math.isfinite(value):
            raise TrainingError(self.folder, what, value, "a finite number", remedy)

    def is_overdue(self, seconds: float) -> bool:
        """Whether so much time has gone since the last saved state, by any process' clock: all must save together."""
        return self.sum(float(time.monotonic() - self._saved >= seconds)) > 0

    def save(self, progress: Mapping[str, Any], folder: Path | None = None) -> None:
        """Write the state that `resume` reads, or a copy elsewhere, the main process for all: `parts` and plain values.

        Raises:
            OutputError: it cannot be written; the state that was there stays.
        """
        on_gpu = {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {}
        generators = gather_object([{"cpu": torch.get_rng_state(), **on_gpu}])  # which dropout draws from
        if self.is_main:
            parts = {**self.parts, "scaler": self.scaler}
            held = {name: part.state_dict() for name, part in parts.items()} | {"generators": generators}
            with whole_folder(folder or self.folder / STATE) as temporary:
                save_tensors(temporary / TENSORS, held)
                write_json(temporary / PROGRESS, {**progress, "seconds": self.seconds})
        self.accelerator.wait_for_everyone()
        if folder is None:
            self._saved = time.monotonic()

    def resume(self, restore: Callable[[dict[str, Any]], None]) -> bool:
        """Go on from the state that the folder holds; whether there is one. See `load`."""
        if not (self.folder / STATE).is_dir():
            return False
        self.load(self.folder / STATE, restore, "the state of this training, as it was left")
        return True

    def load(self, folder: Path, restore: Callable[[dict[str, Any]], None], expected: str) -> None:
        """Read a state into `parts`, give its plain values to `restore`, and go on with its clock and generators.

        Raises:
            CheckpointError: it is absent, damaged, or of another training.
        """
        try:
            tensors = torch.load(folder / TENSORS, map_location="cpu", weights_only=True)
            progress = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
            self.restart_clock(float(progress.pop("seconds")))
            for name, part in (self.parts | {"scaler": self.scaler}).items():
                part.load_state_dict(tensors[name])
            restore(progress)
            if self.process < len(tensors["generators"]):
                states = tensors["generators"][self.process]
                torch.set_rng_state(states["cpu"])
                if "cuda" in states and torch.cuda.is_available():
                    torch.cuda.set_rng_state(states["cuda"])
        except Exception as error:  # reading a damaged file can raise anything
            raise CheckpointError(
                folder, "state", first_words(error), expected, "Remove this folder to begin its stage anew."
            ) from error

    def restart_clock(self, seconds_before: float = 0.0) -> None:
        """Count the wall time from now on, on top of `seconds_before`."""
        self._seconds_before, self._began = seconds_before, time.monotonic()


def save_tensors(path: Path, value: object) -> None:
    """`torch.save`, but for what the system says (`OSError`): torch says of a full disk that positions differ."""
    with path.open("wb") as file:
        try:
            torch.save(value, file)
        except RuntimeError as error:
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Return the context in which a network computes in a precision that `choose_precision` returned."""
    dtype = DTYPES.get(precision)
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)


def mixed_seed(*numbers: int) -> int:
    """Return one seed of several numbers, so that neighbouring steps have unrelated generators."""
    return int(np.random.SeedSequence(numbers).generate_state(2, np.uint64)[0] >> np.uint64(1))


def training_facts(model: nn.Module, device: torch.device) -> str:
    """What is trained where, as is said when it begins: `cpu, 2,097 parameters (1,024 of them trained)`."""
    own = [(p.numel(), p.requires_grad) for p in model.parameters()]
    total, trained = sum(n for n, _ in own), sum(n for n, learns in own if learns)
    return f"{device}, {total:,} parameters" + (f" ({trained:,} of them trained)" if trained < total else "")
