"""What a GPU is for, in one call: is its path right, how fast is it, and the longest pretraining that the time allows.

    python benchmarks/bench_gpu.py --minutes 9 --out DIR
    python benchmarks/bench_gpu.py --rehearse --out DIR

Four parts, each with its share of the minutes, and skipped where that is over: the device; checks of tiny networks
against the CPU (`gpu_checks.py`); training steps per second, and their share of the device's peak, with batches doubled
until memory or time ends; and `synthboost pretrain` with as many steps as the rest of the time has room for, frames
rendered on all cores but one. After every part, `DIR/results.json` holds what is known, and its table is printed. The
weights are `DIR/pretrained/checkpoint`. A rehearsal takes the same ways on a CPU, with tiny networks and a few steps.

FLOPs are those of products and convolutions, forward and backward, multiplications and additions counted apart. A step
is that of the product: for the segmenters and the diffusion network forward, loss, backward, clipping and AdamW on
random images; for `recipe` all of it, sentences, augmentation and average of weights included.
"""

from __future__ import annotations

import argparse
import gc
import math
import platform
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from bench_cpu import diffusion, segmenter
from gpu_checks import run_checks
from harness import Clock, flops_of, peak_gb
from torch import nn

from synthboost.inference.predictor import choose_device
from synthboost.io.atomic import write_json
from synthboost.models.registry import build_segmenter
from synthboost.models.textunet.model import TextUNet
from synthboost.processes import available_cores
from synthboost.training.config import PretrainSettings
from synthboost.training.engine import Engine
from synthboost.training.frame_stream import FrameBatch, chosen
from synthboost.training.hardware import choose_precision
from synthboost.training.pretrain import pretrain
from synthboost.training.recipe import RecipeSettings, _Fit, fit
from synthboost.training.simulated_stream import SimulatedStream

PEAK_TFLOPS = {
    "B200": 2250.0, "H200": 989.0, "H100 PCIe": 756.0, "H100 NVL": 835.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0,
    "A40": 150.0, "A10": 125.0, "L4": 121.0, "RTX 4090": 165.0, "RTX 3090": 71.0,
}  # fmt: skip
"""Dense bf16 by part of the device's name, the first that fits; the makers' data sheets, at the highest clock."""
CHECKS_UNTIL, THROUGHPUT_UNTIL = 0.25, 0.55
"""Shares of the minutes at the end of which a part begins nothing new."""
RESERVE_S = 25.0
"""Kept for what comes after the training: the last scores, the record, the way out."""
PACE = 0.9
"""Of the measured rate is counted on."""
PROBE_STEPS, STEADY_FROM = 160, 64
"""Steps to measure the pretraining's rate with, and the first that counts: frames rendered ahead are used up then."""
WARM_UP_STEPS, LEAST_STEPS, LEAST_S = 2, 5, 1.5
"""Of a measurement."""
MOST_IMAGES = 4096
"""In a batch."""


@dataclass
class Results:
    """What is known so far; written after every part."""

    out: Path
    seconds: float
    """In all."""
    began: float = field(default_factory=time.monotonic)
    found: dict[str, Any] = field(default_factory=dict)

    def left(self, share: float = 1.0) -> float:
        """Seconds until this share of the time is over."""
        return self.began + share * self.seconds - time.monotonic()

    def add(self, part: str, rows: list[dict[str, Any]]) -> None:
        """Keep a part's rows, write all of them, and print the part as a table in Markdown."""
        self.found[part] = rows
        self.found["seconds"] = round(time.monotonic() - self.began, 1)
        write_json(self.out / "results.json", self.found)
        print(f"\n## {part}, after {self.found['seconds']:.0f} s\n")
        columns = list(dict.fromkeys(name for row in rows for name in row))
        print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
        for row in rows:
            print(f"| {' | '.join(shown(row.get(name, '')) for name in columns)} |", flush=True)


def shown(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--batch", type=int, default=16, help="frames per step of the pretraining")
    parser.add_argument("--rehearse", action="store_true", help="tiny networks and a few steps, on a CPU")
    options = parser.parse_args()
    device = choose_device("auto")
    if device.type == "cpu" and not options.rehearse:
        print("nothing measured: there is no GPU; --rehearse takes the same ways on the CPU")
        return
    options.out.mkdir(parents=True, exist_ok=True)
    results = Results(options.out, math.inf if options.rehearse else 60 * options.minutes)
    results.add("device", [about(device)])
    checks = run_checks(device, lambda: results.left(CHECKS_UNTIL) > 0)
    results.add("checks", [{**asdict(check), "passed": check.passed} for check in checks])
    results.add("throughput", list(throughput(device, options.rehearse, results)))
    results.add("pretraining", [longest_training(options, results)])


def about(device: torch.device) -> dict[str, Any]:
    """The device, its memory, and what torch makes of it."""
    on_gpu = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if on_gpu else f"CPU {platform.machine()}"
    memory = torch.cuda.get_device_properties(device).total_memory / 1e9 if on_gpu else None
    return {
        "name": name, "memory_gb": memory, "cores": available_cores(), "torch": torch.__version__,
        "cuda": torch.version.cuda or "", "cudnn": torch.backends.cudnn.version() if on_gpu else "",
        "bf16": on_gpu and torch.cuda.is_bf16_supported(including_emulation=False),
        "auto": choose_precision("auto", nn.Linear(1, 1)), "peak_tflops": peak_of(name),
    }  # fmt: skip


def peak_of(name: str) -> float | None:
    """Dense bf16 TFLOP/s of a device by its name."""
    return next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)


Step = Callable[[], object]


def throughput(device: torch.device, rehearse: bool, results: Results) -> Iterator[dict[str, Any]]:
    """Train each network with growing batches."""
    peak = peak_of(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    ways: dict[str, tuple[Callable[[], Callable[[int], Step]], int]] = {
        "recipe textunet base": (partial(recipe_steps, "tiny" if rehearse else "base"), 16),
        "clipseg rd64": (
            partial(plain_steps, partial(segmenter, "clipseg", "tiny" if rehearse else "rd64", device)),
            8,
        ),
        "cris rn50": (partial(plain_steps, partial(segmenter, "cris", "tiny" if rehearse else "rn50", device)), 8),
        "diffusion sdm256": (partial(plain_steps, partial(diffusion, "tiny" if rehearse else "sdm256", device)), 2),
    }
    share = (THROUGHPUT_UNTIL - CHECKS_UNTIL) / len(ways)
    for number, (name, (prepare, batch)) in enumerate(ways.items(), 1):
        until = CHECKS_UNTIL + number * share
        if results.left(until) > 0:
            yield from growing(name, prepare, 1 if rehearse else batch, device, rehearse, peak, results, until)


def growing(
    name: str, prepare: Callable[[], Callable[[int], Step]], batch: int, device: torch.device, rehearse: bool,
    peak: float | None, results: Results, until: float,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Double the batch until memory or time ends; a rehearsal doubles it once."""
    steps, largest = None, 2 * batch if rehearse else MOST_IMAGES
    while results.left(until) > 0 and batch <= largest:
        try:
            steps = steps or prepare()
            row = measured(steps(batch), device, 0.0 if rehearse else LEAST_S)
        except torch.cuda.OutOfMemoryError:
            yield {"what": name, "batch": batch, "error": "out of memory"}
            break
        except Exception as error:  # the other networks shall be measured
            yield {"what": name, "batch": batch, "error": f"{type(error).__name__}: {error}"[:300]}
            break
        tflops = row["gflop_per_step"] / row["s_per_step"] / 1000
        rates = {
            "images_per_s": batch / row["s_per_step"],
            "tflops": tflops,
            "of_peak": tflops / peak if peak else None,
        }
        yield {"what": name, "batch": batch, **row, **rates}
        batch *= 2
    del steps
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def measured(step: Step, device: torch.device, least_s: float) -> dict[str, float]:
    """Seconds per step, its arithmetic, and the most memory, after a warm-up."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    flops = flops_of(step)
    for _ in range(WARM_UP_STEPS if least_s else 0):
        step()
    clock, steps = Clock(), 0
    while steps == 0 or clock.wall_s < least_s:
        with clock.running(device):
            for _ in range(LEAST_STEPS if least_s else 1):
                step()
                steps += 1
    return {"s_per_step": clock.wall_s / steps, "gflop_per_step": flops / 1e9, "peak_gb": peak_gb(device)}


def plain_steps(build: Callable[[], tuple[nn.Module, Callable[[int], Callable[[], Any]]]]) -> Callable[[int], Step]:
    """A function (images) -> a step of a network, with the engine that trains all of them."""
    network, losses = build()
    engine = Engine(Path("benchmark"), network, "auto", None)
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-5, fused=True)
    if engine.device.type == "cuda":
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def steps(images: int) -> Step:
        loss = losses(images)

        def step() -> None:
            with engine.autocast():
                value = loss()
            engine.step(value, parameters, optimizer, "")

        return step

    return steps


def recipe_steps(preset: str) -> Callable[[int], Step]:
    """A function (images) -> a step of `training/recipe.py`."""
    model = build_segmenter("textunet", preset)
    assert isinstance(model, TextUNet)
    training = _Fit(model, RecipeSettings(1_000_000), Path("benchmark"), None)
    stream = SimulatedStream(PretrainSettings().simulations, model.input_size)
    shown_frames = stream.held_out(1)

    def steps(images: int) -> Step:
        batch = chosen(shown_frames, torch.arange(images).numpy() % len(shown_frames.images))

        def step() -> None:
            training.take_step(batch)
            training.step += 1

        return step

    return steps


def longest_training(options: Namespace, results: Results) -> dict[str, Any]:
    """Measure the rate of the pretraining, and pretrain for the rest of the time."""
    preset, workers = "tiny" if options.rehearse else "base", available_cores() - 1
    batch = 1 if options.rehearse else options.batch
    probe = PretrainSettings(steps=3 if options.rehearse else PROBE_STEPS, preset=preset, batch=batch)
    rate, start_s = rate_of(probe, workers)
    steps = probe.steps if options.rehearse else int(PACE * rate * (results.left() - RESERVE_S - start_s))
    row = {"steps_per_s": rate, "start_s": start_s, "workers": workers, "batch": batch, "steps": steps}
    if steps < 1:
        return {**row, "skipped": "no time is left"}
    results.add("pretraining, planned", [row])
    began = time.monotonic()
    record = pretrain(PretrainSettings(steps=steps, preset=preset, batch=batch), options.out / "pretrained", workers)
    dice = {f"dice_{name}": value for name, value in record.held_out_dice.items()}
    return {**row, "seconds": time.monotonic() - began, "precision": record.precision, **dice}


def rate_of(settings: PretrainSettings, workers: int) -> tuple[float, float]:
    """Return steps per second once rendering ahead is over, and seconds until the first step."""
    model = build_segmenter("textunet", settings.preset)
    assert isinstance(model, TextUNet)
    stream = SimulatedStream(settings.simulations, model.input_size, settings.batch, workers=workers)
    began, times = time.monotonic(), list[float]()

    def timed(step: int) -> Generator[FrameBatch, None, None]:
        for batch in stream(step):
            times.append(time.monotonic())
            yield batch

    with tempfile.TemporaryDirectory() as folder:
        fit(model, timed, RecipeSettings(settings.steps, log_every=settings.steps), Path(folder))
    first = min(STEADY_FROM, len(times) // 2)
    return (len(times) - 1 - first) / (times[-1] - times[first]), times[0] - began


if __name__ == "__main__":
    main()
