"""Seconds per image of a training step: ours, with and without kept features, against the naive way.

    python benchmarks/bench_training.py --model clipseg --preset rd64 --encoders frozen

Same weights, same frames, same pairs in each step; a step prepares the batch, runs forward, loss, backward, clipping
and AdamW. The three structures of a frame make three pairs. `naive` runs each pair alone through the whole network
(`naive.py`), `shared` encodes an image once for its sentences, `cached` keeps the features of a frozen image encoder on
disk. Where the text encoder is frozen, `shared` and `cached` remember its sentences, which are encoded before the clock
starts, and so are the features: both count as preparation. Decoded frames are in memory for all three.

Times are the least of all repeats. Memory is the most of all repeats. Logits are compared before training, in
evaluation; losses after the last step (CRIS drops at random, so that its losses differ). Ratios by the clock
mean something only where all variants got as many cores; what else the machine does disturbs processor time less.
"""

from __future__ import annotations

import argparse
import tempfile
from argparse import Namespace
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate.utils import send_to_device
from harness import (
    SAME_MEMORY,
    Clock,
    Timing,
    against,
    cores,
    difference,
    disturbance,
    flops_of,
    in_processes,
    load,
    peak_gb,
)  # fmt: skip
from naive import build, one_row_per_pair
from torch import Tensor

from synthboost.data import TripletRecipe, make_triplets, open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import FrameSet
from synthboost.domain import PromptSet
from synthboost.models.base import Segmenter, TextMemory
from synthboost.models.freezing import Encoders
from synthboost.simulator.settings import NATIVE_SPACING_MM, SimulationSettings
from synthboost.training.batches import Batch, EpochBatches, TrainingFrames, batches_of, make_loader
from synthboost.training.config import TrainingConfig
from synthboost.training.engine import GRADIENT_CLIP
from synthboost.training.feature_cache import make_feature_cache
from synthboost.training.optimizer import make_optimizer, segmentation_loss

EPOCH_IMAGES = 1600
"""Of CAMUS' training part."""
EPOCHS = 20
"""Over which preparation is spread in the report; early stopping alone waits so long."""
RECIPE = TripletRecipe(PromptSet.P6)
TARGETS = {
    ("clipseg", "rd64", "frozen", "cached"): 6.0,
    ("clipseg", "rd64", "trained", "shared"): 2.4,
    ("cris", "rn50", "frozen", "cached"): 1.2,
}
Forward = Callable[[Batch], Tensor]


def measure(options: Namespace, folder: Path, variant: str) -> Timing:
    """Train some steps in this process, in one of the three ways."""
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    config = TrainingConfig(batch_images=options.batch_images, learning_rate=1e-5, feature_cache="disk")
    model = build(options.model, options.preset)
    model.set_encoders(Encoders.parse(options.encoders))
    model.to(device)
    frames = some_frames(folder, options.batch_images * (options.steps + 1))
    with tempfile.TemporaryDirectory() as caches:
        preparation = Clock()
        with preparation.running(device):
            cache = make_feature_cache(model, (frames,), config, Path(caches)) if variant == "cached" else None
            forward = _naive(model) if variant == "naive" else _ours(model, frames)
        samples = TrainingFrames(frames, model, RECIPE, cache=cache)
        order = EpochBatches(len(frames), config.batch_images, seed=0, shuffle=False)
        loader = make_loader(samples, order, workers=0, pin_memory=device.type == "cuda")
        answer = _logits_before(model, forward, send_to_device(next(batches_of(loader)), device))
        optimizer = make_optimizer(model, config)

        def step(batch: Batch) -> Tensor:
            batch = send_to_device(batch, device)
            with precision(device):
                loss = segmentation_loss(forward(batch), batch.targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_CLIP)
            optimizer.step()
            return loss.detach()

        model.train()
        batches = batches_of(loader)
        warm_up = next(batches)
        flops = flops_of(lambda: step(warm_up)) if device.type == "cuda" else float("nan")
        clock = Clock()
        if device.type != "cuda":
            step(warm_up)
        with clock.running(device):
            for batch in batches:
                loss = step(batch)
    images = options.batch_images * options.steps
    return Timing(
        wall_s=clock.wall_s / images,
        cpu_s=clock.cpu_s / images,
        peak_gb=peak_gb(device),
        answer=answer,
        loss=float(loss),
        preparation_s=preparation.wall_s / len(frames),
        flops=flops / options.batch_images,
    )


def some_frames(folder: Path, count: int) -> FrameSet:
    """Annotated frames of a data set, decoded; from the beginning again when there are too few."""
    dataset = open_dataset(folder, allow_missing=True)
    annotated = [(dataset, info) for info in dataset.frames if dataset.has_annotation(info)]
    frames = FrameSet("benchmark", [annotated[number % len(annotated)] for number in range(count)])
    list(frames)
    return frames


def _naive(model: Segmenter) -> Forward:
    return lambda batch: one_row_per_pair(model, batch.images, batch.tokens, batch.image_index, batch.text_index)


def _ours(model: Segmenter, frames: FrameSet) -> Forward:
    # What the training loop does; a sentence is new to it once in a training, so that is preparation.
    if not model.is_frozen("text"):
        return lambda batch: model(batch.images, batch.tokens, batch.image_index, batch.text_index)
    memory = TextMemory(model)
    for frame in frames:
        memory.recall([triplet.prompt.text for triplet in make_triplets(frame, RECIPE)])
    return lambda batch: model(batch.images, memory.recall(batch.sentences), batch.image_index, batch.text_index)


@torch.no_grad()
def _logits_before(model: Segmenter, forward: Forward, batch: Batch) -> np.ndarray:
    model.eval()
    return forward(batch).float().cpu().numpy()


def precision(device: torch.device) -> AbstractContextManager[object]:
    """bf16 on a GPU, full precision elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def report(options: Namespace, found: dict[str, Timing]) -> None:
    """Print a table in Markdown, and what became of the targets."""
    naive = found["naive"]
    print(
        f"| variant | s/image | ratio | CPU s/image | ratio | s per epoch of {EPOCH_IMAGES:,} (extrapolated) "
        f"| preparation s/image | ratio over {EPOCHS} epochs with it | peak GB "
        "| logits differ by | loss differs by | cores got |"
    )
    print("|---" * 12 + "|")
    for variant, one in found.items():
        spread = one.wall_s + one.preparation_s / EPOCHS
        cells = [
            variant, f"{one.wall_s:.3f}", f"{naive.wall_s / one.wall_s:.2f}", f"{one.cpu_s:.3f}",
            f"{naive.cpu_s / one.cpu_s:.2f}", f"{one.wall_s * EPOCH_IMAGES:,.0f}", f"{one.preparation_s:.3f}",
            f"{naive.wall_s / spread:.2f}", f"{one.peak_gb:.2f}", f"{difference(one, naive):.1e}",
            f"{abs(one.loss - naive.loss):.1e}", f"{cores(one):.2f}",
        ]  # fmt: skip
        print(f"| {' | '.join(cells)} |")
    print(f"\nThe naive logits have a standard deviation of {naive.answer.std():.2f}.")
    for variant, one in found.items():
        target = TARGETS.get((options.model, options.preset, options.encoders, variant))
        if target is not None:
            print(f"{variant}, by the clock: {against(naive.wall_s / one.wall_s, target)}{disturbance(naive, one)}")
            print(f"{variant}, by processor time: {against(naive.cpu_s / one.cpu_s, target)}")
        if variant != "naive":
            print(f"{variant}, memory no higher: {against(naive.peak_gb / one.peak_gb, SAME_MEMORY)}")
        if options.device.startswith("cuda"):
            report_gpu(options, variant, one)


def report_gpu(options: Namespace, variant: str, one: Timing) -> None:
    """Print how much of what a GPU can do was done."""
    rate = one.flops / one.wall_s / 1e12
    share = "" if options.peak_tflops is None else f", {100 * rate / options.peak_tflops:.1f} % of the chip's peak"
    print(f"{variant}: {1 / one.wall_s:.1f} images/s, {one.flops / 1e9:.0f} GFLOP/image, {rate:.1f} TFLOP/s{share}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="clipseg")
    parser.add_argument("--preset", default="rd64")
    parser.add_argument("--encoders", default="frozen", help="what learns inside them: frozen, trained, last-3, ...")
    parser.add_argument("--batch-images", type=int, default=2, help="images per step, three pairs each")
    parser.add_argument("--steps", type=int, default=2, help="timed steps, after one that is not")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, help="a CAMUS folder; absent: frames of CAMUS' pixel size are simulated")
    parser.add_argument("--size", type=int, help="pixels of the longer side of simulated frames instead")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for bf16 on a GPU")
    parser.add_argument("--peak-tflops", type=float, help="dense bf16 peak of the GPU, for the share of it")
    options = parser.parse_args()
    variants = ["naive", "shared"]
    if Encoders.parse(options.encoders).vision.kind == "frozen":
        variants.append("cached")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.data or simulated(Path(temporary), options.batch_images * (options.steps + 1), options.size)
        before = load()
        found = in_processes(partial(measure, options, folder), variants, options.repeats)
    print(
        f"{options.model} {options.preset}, encoders {options.encoders}, {options.batch_images} images and "
        f"{3 * options.batch_images} pairs per step, {options.steps} steps, least of {options.repeats} repeats, "
        f"{options.threads} thread(s); {before} in the beginning, {load()} in the end\n"
    )
    report(options, found)


def simulated(folder: Path, frames: int, size: int | None) -> Path:
    """Simulate as many frames, four per patient, into a new folder."""
    patients = -(-frames // 4)
    shape = {"spacing_mm": NATIVE_SPACING_MM} if size is None else {"size": size}
    settings = SimulationSettings(patients=patients, split_counts=(patients, 0, 0), **shape)
    write_dataset(folder / "data", settings, 1)
    return folder / "data"


if __name__ == "__main__":
    main()
