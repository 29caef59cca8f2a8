"""Whether a GPU computes what the CPU does: named numbers from each, and ways that must agree on one device.

Networks are tiny, in full precision without TF32. Random numbers that are drawn on the device are not compared: where
devices are, augmentation is switched off, and dropout too.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch
from bench_cpu import diffusion, segmenter, stepper
from bench_training import RECIPE, simulated, some_frames
from harness import in_new_process
from torch import Tensor, nn

from synthboost.data.source import FrameSet
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.sampling import default_schedule, sample_images
from synthboost.diffusion.settings import PRESETS, DiffusionTraining
from synthboost.diffusion.training import train_diffusion
from synthboost.diffusion.training_data import make_examples
from synthboost.inference.predictor import Predictor
from synthboost.models.catalogue import MODELS
from synthboost.models.freezing import Encoders
from synthboost.models.registry import build_segmenter
from synthboost.models.textunet.model import NAMES, TextUNet
from synthboost.simulator.settings import SimulationSettings
from synthboost.training import recipe
from synthboost.training.config import TrainingConfig
from synthboost.training.frame_stream import FrameBatch, FrameStream, repeated
from synthboost.training.hardware import prepare_network
from synthboost.training.loop import train_stage
from synthboost.training.recipe import RecipeSettings, fit
from synthboost.training.simulated_stream import SimulatedStream

EXACT, BF16 = 2e-3, 5e-2
"""The largest difference, relative to the larger of 1 and the number expected."""
SIZE = 64
"""Pixels of simulated frames on disk."""
STEPS = 2


@dataclass(frozen=True)
class Check:
    """Two lists of numbers that should be the same."""

    name: str
    difference: float | None
    """The largest one, relative to the larger of 1 and the number expected."""
    tolerance: float
    error: str = ""
    """What was raised instead."""

    @property
    def passed(self) -> bool:
        return self.difference is not None and self.difference <= self.tolerance


def run_checks(device: torch.device, time_left: Callable[[], bool]) -> Iterator[Check]:
    """Yield the checks that there is time for; one that fails or raises stops no other."""
    expected = on_cpu() if device.type == "cuda" else None
    for name, compute in answers(device).items():
        if time_left():
            # On a CPU there is nothing to compare with: it is computed once more.
            expect = compute if expected is None else partial(expected.get, name, [])
            yield compared(f"{name}: as on the CPU", compute, expect)
    for name, (one, other, tolerance) in pairs(device).items():
        if time_left():
            yield compared(name, one, other, tolerance)


def compared(
    name: str, compute: Callable[[], list[float]], expect: Callable[[], list[float]], tolerance: float = EXACT
) -> Check:
    """Compare what two functions return."""
    try:
        with full_precision():
            found, expected = compute(), expect()
        assert len(found) == len(expected) > 0, "no answer to compare with"
        assert all(map(math.isfinite, (*found, *expected))), "NaN or infinity"
        odd = max(abs(a - b) / max(1.0, abs(b)) for a, b in zip(found, expected, strict=True))
    except Exception as error:  # whatever it is, the other checks shall run
        return Check(name, None, tolerance, f"{type(error).__name__}: {error}"[:300])
    return Check(name, odd, tolerance)


@contextmanager
def full_precision() -> Iterator[None]:
    """Let convolutions keep all their bits on a GPU, as products of matrices do by default."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def on_cpu() -> dict[str, list[float]]:
    """Compute all answers in a process that sees no GPU."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        return in_new_process(all_answers, "cpu")  # type: ignore[arg-type, return-value]
    finally:
        del os.environ["CUDA_VISIBLE_DEVICES"]
        if seen is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = seen


def all_answers(device: str) -> dict[str, list[float]]:
    """Compute every answer; one that raises is an empty list."""
    found = {}
    for name, compute in answers(torch.device(device)).items():
        with suppress(Exception):
            found[name] = compute()
    return found


def answers(device: torch.device) -> dict[str, Callable[[], list[float]]]:
    """What has one answer, whatever the device: losses of short trainings, and probabilities."""
    return {
        **{f"two steps of {model}": partial(two_steps, model, device) for model in MODELS},
        "two steps of the recipe": partial(fitted, 0.0),
        "an epoch of a stage, frozen encoders": stage,
        "two steps of the diffusion training": diffusion_losses,
        **{f"predictions of {model}": partial(probabilities, model) for model in MODELS},
        "images of the diffusion network": partial(images, device),
    }


def pairs(device: torch.device) -> dict[str, tuple[Callable[[], list[float]], Callable[[], list[float]], float]]:
    """Name -> two ways to the same numbers on one device, and the tolerance."""
    return {
        "the recipe, resumed: as uninterrupted": (resumed, partial(fitted, 1.0), EXACT),
        "the recipe in bf16: as in full precision": (partial(fitted, 1.0, "bf16"), partial(fitted, 1.0), BF16),
        **{
            f"{model}, compiled: as uncompiled": (
                partial(two_steps, model, device, True), partial(two_steps, model, device), EXACT
            )
            for model in ("clipseg", "textunet")
        },
    }  # fmt: skip


def two_steps(model: str, device: torch.device, compiled: bool = False) -> list[float]:
    """Losses of two steps on random images."""
    torch.manual_seed(0)
    network, losses = segmenter(model, "tiny", device)
    prepare_network(network, TrainingConfig(compile="on" if compiled else "off"), device, 1)
    if compiled and device.type == "cpu":
        network.compile(backend="eager")  # the other backend needs a compiler of C++
    return taken(network, losses(2))


def taken(network: nn.Module, loss: Callable[[], Tensor]) -> list[float]:
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    found = list[float]()

    def noted() -> Tensor:
        value = loss()
        found.append(float(value.detach()))
        return value

    step = stepper(network, noted, torch.get_num_threads(), False)
    for _ in range(STEPS):
        step()
    return found


@cache
def frames() -> FrameBatch:
    """The four frames of a simulated patient, of the size of TextUNet `tiny`."""
    return SimulatedStream((SimulationSettings(),), build_segmenter("textunet", "tiny").input_size).held_out(1)


@cache
def kept() -> tuple[tempfile.TemporaryDirectory[str], FrameSet]:
    """Four simulated frames of `SIZE`, and the folder that holds them as long as this process."""
    folder = tempfile.TemporaryDirectory()
    return folder, some_frames(simulated(Path(folder.name), 4, SIZE), 4)


def fitted(augmentation: float, precision: str = "no") -> list[float]:
    """Losses of the recipe, on the device that it chooses."""
    with tempfile.TemporaryDirectory() as folder:
        return _fitted(repeated(frames(), 2, 0), augmentation, precision, Path(folder))


def resumed() -> list[float]:
    """The same of a training that ended after its first step, and went on from its state."""
    stream, seconds = repeated(frames(), 2, 0), recipe.SAVE_SECONDS

    def broken(step: int) -> Generator[FrameBatch, None, None]:
        batches = stream(step)
        yield next(batches)
        raise KeyboardInterrupt

    recipe.SAVE_SECONDS = 0.0
    try:
        with tempfile.TemporaryDirectory() as folder:
            try:
                _fitted(broken, 1.0, "no", Path(folder))
            except KeyboardInterrupt:
                return _fitted(stream, 1.0, "no", Path(folder))
    finally:
        recipe.SAVE_SECONDS = seconds
    raise AssertionError("it was interrupted")


def _fitted(stream: FrameStream, augmentation: float, precision: str, folder: Path) -> list[float]:
    model = build_segmenter("textunet", "tiny")
    assert isinstance(model, TextUNet)
    settings = RecipeSettings(STEPS, augmentation=augmentation, log_every=1, precision=precision)  # type: ignore[arg-type]
    return [line.loss for line in fit(model, stream, settings, folder)]


def stage() -> list[float]:
    """Losses of a stage of CLIPSeg with kept features, workers and pinned memory where the device has them."""
    with tempfile.TemporaryDirectory() as temporary:
        _, some = kept()
        model = build_segmenter("clipseg", "tiny")
        model.set_encoders(Encoders.FROZEN)
        config = TrainingConfig(epochs=1, batch_images=2, precision="no", learning_rate=1e-4)
        log = train_stage(model, some, some, RECIPE, config, Path(temporary) / "run")
        return [value for line in log for value in (line.training_loss, line.validation_loss)]


def diffusion_losses() -> list[float]:
    """Losses of a diffusion training, and the averaged weights' sum."""
    with tempfile.TemporaryDirectory() as temporary:
        examples = make_examples(kept()[1], PRESETS["tiny"].size)
        torch.manual_seed(0)
        network, _ = diffusion("tiny")
        assert isinstance(network, SemanticUNet)
        config = DiffusionTraining(steps=STEPS, batch=2, precision="no")
        average = train_diffusion(network, examples, config, Path(temporary) / "run")
        log = (Path(temporary) / "run" / "log.csv").read_text().splitlines()
        line = dict(zip(log[0].split(","), log[-1].split(","), strict=True))
        return [float(line["loss"]), sum(float(p.abs().mean()) for p in average.parameters())]


def probabilities(model: str) -> list[float]:
    """Every 16th row and column of what a model with random weights predicts."""
    network = build_segmenter(model, "tiny")
    if isinstance(network, TextUNet):
        with torch.no_grad():
            network.network.naming.bias[0] -= 100.0  # no sentence is refused
    image = frames().images[0]
    found = Predictor(network).predict(image, NAMES).probability
    return [float(value) for value in found[:, ::16, ::16].ravel()]


def images(device: torch.device) -> list[float]:
    """Every eighth row and column of an image that a diffusion network with random weights makes of noise."""
    torch.manual_seed(0)
    network = SemanticUNet(PRESETS["tiny"]).eval()
    nn.init.normal_(network.head[-1].weight, std=0.05)
    maps = torch.ones(1, network.settings.size, network.settings.size, dtype=torch.int64)
    drawn = sample_images(network.to(device), maps, None, ["check"], default_schedule(network.settings))
    return [float(value) for value in drawn[0, 0, ::8, ::8].flatten()]
