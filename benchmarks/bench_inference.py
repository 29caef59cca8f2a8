"""Seconds per image of a prediction with 1, 3 and 24 sentences: `Predictor.predict` against the naive way.

    python benchmarks/bench_inference.py --model clipseg --preset rd64

Same weights, same frame of CAMUS' pixel size, same sentences: of P6, P5, P4 and P3 for three structures in two
paraphrases. Both turn a uint8 image and sentences into probabilities at the image's own size. `naive` prepares the
image once, but runs each pair through the whole network (`naive.py`). Times are the least of all repeats, memory the
most. Ratios by the clock mean something only where both got as many cores; what else the machine does disturbs
processor time less.
"""

from __future__ import annotations

import argparse
import tempfile
from argparse import Namespace
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from bench_training import precision, report_gpu, simulated, some_frames
from harness import SAME_MEMORY, Clock, Timing, against, cores, difference, disturbance, in_processes, load, peak_gb
from naive import build, one_row_per_pair
from torch.utils.flop_counter import FlopCounterMode

from synthboost.data import TripletRecipe, make_triplets
from synthboost.domain import Frame, GreyImage, PromptSet
from synthboost.inference.predictor import Predictor
from synthboost.models.base import Segmenter

COUNTS = (1, 3, 24)
PROMPT_SETS = (PromptSet.P6, PromptSet.P5, PromptSet.P4, PromptSet.P3)
TARGETS = {("clipseg", "rd64", 24): 10.0}


def sentences_of(frame: Frame) -> list[str]:
    """24 different sentences, all true: first those of P6 for the three structures."""
    recipes = [TripletRecipe(prompt_set, paraphrase=number) for prompt_set in PROMPT_SETS for number in (0, 1)]
    return [triplet.prompt.text for recipe in recipes for triplet in make_triplets(frame, recipe)]


@torch.inference_mode()
def predict_naively(model: Segmenter, image: GreyImage, sentences: list[str]) -> np.ndarray:
    """Probabilities (N, H, W) of N sentences, one row of the batch each."""
    device = next(model.parameters()).device
    pixels = model.preprocess(image)[None].to(device)
    tokens = model.tokenize(sentences).to(device)
    number = torch.arange(len(sentences), device=device)
    logits = one_row_per_pair(model, pixels, tokens, torch.zeros_like(number), number)
    return model.postprocess(logits, image.shape).cpu().numpy()


def measure(options: Namespace, folder: Path, variant: str) -> Timing:
    """Predict one image in this process; the variant is e.g. `naive 24` or `predict 24`."""
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    way, count = variant.split()
    (frame,) = some_frames(folder, 1)
    sentences = sentences_of(frame)[: int(count)]
    predictor = Predictor(build(options.model, options.preset), options.device)

    def predict() -> np.ndarray:
        with precision(device), torch.inference_mode():
            if way == "naive":
                return predict_naively(predictor.model, frame.image, sentences)
            return predictor.predict(frame.image, sentences).probability

    answer = predict()
    counting = FlopCounterMode(display=False) if device.type == "cuda" else nullcontext()
    with counting:
        predict()
    clock = Clock()
    with clock.running(device):
        for _ in range(options.images):
            predict()
    return Timing(
        wall_s=clock.wall_s / options.images,
        cpu_s=clock.cpu_s / options.images,
        peak_gb=peak_gb(device),
        answer=answer,
        flops=float(counting.get_total_flops()) if device.type == "cuda" else float("nan"),
    )


def report(options: Namespace, found: dict[str, Timing]) -> None:
    """Print a table in Markdown, and what became of the targets."""
    print(
        "| sentences | naive s/image | predict s/image | ratio | naive CPU s | predict CPU s | ratio "
        "| naive peak GB | predict peak GB | probabilities differ by | cores got |"
    )
    print("|---" * 11 + "|")
    for count in COUNTS:
        naive, ours = found[f"naive {count}"], found[f"predict {count}"]
        cells = [
            str(count), f"{naive.wall_s:.3f}", f"{ours.wall_s:.3f}", f"{naive.wall_s / ours.wall_s:.2f}",
            f"{naive.cpu_s:.3f}", f"{ours.cpu_s:.3f}", f"{naive.cpu_s / ours.cpu_s:.2f}", f"{naive.peak_gb:.2f}",
            f"{ours.peak_gb:.2f}", f"{difference(naive, ours):.1e}",
            f"{cores(naive):.2f}, {cores(ours):.2f}",
        ]  # fmt: skip
        print(f"| {' | '.join(cells)} |")
    print(f"\nThe naive probabilities have a standard deviation of {found[f'naive {COUNTS[-1]}'].answer.std():.3f}.")
    for count in COUNTS:
        naive, ours = found[f"naive {count}"], found[f"predict {count}"]
        target = TARGETS.get((options.model, options.preset, count))
        if target is not None:
            by_clock = against(naive.wall_s / ours.wall_s, target)
            print(f"{count} sentences, by the clock: {by_clock}{disturbance(naive, ours)}")
            print(f"{count} sentences, by processor time: {against(naive.cpu_s / ours.cpu_s, target)}")
        print(f"{count} sentences, memory no higher: {against(naive.peak_gb / ours.peak_gb, SAME_MEMORY)}")
    if options.device.startswith("cuda"):
        for variant, one in found.items():
            report_gpu(options, variant, one)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="clipseg")
    parser.add_argument("--preset", default="rd64")
    parser.add_argument("--images", type=int, default=1, help="timed predictions, after two that are not")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, help="a CAMUS folder; absent: a frame of CAMUS' pixel size is simulated")
    parser.add_argument("--size", type=int, help="pixels of the longer side of a simulated frame instead")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda for bf16 on a GPU")
    parser.add_argument("--peak-tflops", type=float, help="dense bf16 peak of the GPU, for the share of it")
    options = parser.parse_args()
    variants = [f"{way} {count}" for count in COUNTS for way in ("naive", "predict")]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.data or simulated(Path(temporary), 1, options.size)
        before = load()
        found = in_processes(partial(measure, options, folder), variants, options.repeats)
    print(
        f"{options.model} {options.preset}, one image, {options.images} predictions, least of {options.repeats} "
        f"repeats, {options.threads} thread(s); {before} in the beginning, {load()} in the end\n"
    )
    report(options, found)


if __name__ == "__main__":
    main()
