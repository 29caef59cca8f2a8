"""CPU time to a mean Dice of 85 % with 50 annotated patients: our recipe against a plain loop over MONAI's U-Net.

    SYNTHBOOST_CAMUS=CAMUS OMP_NUM_THREADS=1 python benchmarks/bench_recipe.py

All see the same frames of the same training patients at 128 px, 16 at a time, on one thread, and are scored on the
validation patients every 25 steps, at 128 px; scoring is not counted. `recipe` is `training/recipe.py` with TextUNet
`base` from random weights, which also learns sentences, and scores its averaged weights in the middle of a cycle of
`--steps`. `pretrained` is the same from the weights that ship, whose own training is not counted, with a frozen text
encoder as in `adapt`. `plain`, from random weights, is BasicUNet with MONAI's defaults, DiceCELoss, Adam at 1e-3, full
precision, and no augmentation. The time is that of the first score that reaches the goal, or "never" within `--limit`
seconds.
"""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from harness import NO_DATA, Stopwatch, annotated_parser
from torch import Tensor

from synthboost.data.source import open_source
from synthboost.domain import STRUCTURES, SplitOptions, SplitPart
from synthboost.models.base import Segmenter
from synthboost.models.catalogue import DEFAULT
from synthboost.models.registry import build_segmenter, load_segmenter
from synthboost.models.textunet.model import TextUNet
from synthboost.training import recipe
from synthboost.training.frame_stream import FrameBatch, repeated, shrunk_frames
from synthboost.training.pretrain import ENCODERS
from synthboost.training.recipe import RecipeSettings, fit
from synthboost.training.structure_loss import structure_dice

PLAIN_RATE = 1e-3
SCORED_AT_ONCE = 16


class Score(NamedTuple):
    """The state of a training."""

    step: int
    cpu_s: float
    """Scoring excluded."""
    dice: float
    """Mean of the structures, 0-1."""


class EnoughError(Exception):
    """The goal is reached, or the time is over."""


def main() -> None:
    parser = annotated_parser(__doc__)
    parser.add_argument("--goal", type=float, default=0.85)
    parser.add_argument("--steps", type=int, default=250, help="of the recipe's cycle")
    parser.add_argument("--every", type=int, default=25, help="steps between two scores")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--limit", type=float, default=1800.0, help="CPU seconds for each way")
    parser.add_argument("--only", choices=(*WAYS,))
    options = parser.parse_args()
    if options.data is None:
        print(NO_DATA)
        return
    torch.set_num_threads(1)
    size = build_segmenter("textunet", "base").input_size
    chosen = SplitOptions(options.split, tuple(options.leave_out))
    source = open_source(options.data, chosen, options.patients)
    training, validation = (shrunk_frames(source.evaluation_frames(part), size) for part in PARTS)
    print(f"{options.patients} patients, {len(training.images)} frames; scored on {len(validation.images)} frames\n")
    print("| way | steps | CPU s | CPU s per step | Dice |\n|---|---|---|---|---|")
    reached = {}
    for way, run in WAYS.items():
        if options.only in (None, way):
            scores = run(training, validation, options)
            reached[way] = first_at(scores, options.goal)
            print(line(way, scores[-1], reached[way]), flush=True)
    if plain := reached.pop("plain", None):
        for way, score in reached.items():
            if score is not None:
                print(f"\nplain / {way}: {plain.cpu_s / score.cpu_s:.1f} times the CPU time")


PARTS = (SplitPart.TRAINING, SplitPart.VALIDATION)


def first_at(scores: list[Score], goal: float) -> Score | None:
    """The first score that reaches the goal."""
    return next((score for score in scores if score.dice >= goal), None)


def line(way: str, last: Score, reached: Score | None) -> str:
    shown = last if reached is None else reached
    steps = "never" if reached is None else str(shown.step)
    return f"| {way} | {steps} | {shown.cpu_s:.0f} | {shown.cpu_s / shown.step:.2f} | {100 * shown.dice:.1f} |"


def run_recipe(training: FrameBatch, validation: FrameBatch, options: Namespace) -> list[Score]:
    """Ours."""
    return run_fit(build_segmenter("textunet", "base", options.seed), training, validation, options)


def run_pretrained(training: FrameBatch, validation: FrameBatch, options: Namespace) -> list[Score]:
    """Ours, from the weights that ship."""
    model = load_segmenter(DEFAULT)
    model.set_encoders(ENCODERS)
    return run_fit(model, training, validation, options)


def run_fit(model: Segmenter, training: FrameBatch, validation: FrameBatch, options: Namespace) -> list[Score]:
    """Train; each score is taken where the recipe takes its own."""
    assert isinstance(model, TextUNet)
    scores, watch, dice_of = list[Score](), Stopwatch(), recipe.dice_of

    def timed(averaged: TextUNet, frames: FrameBatch) -> tuple[float, ...]:
        spent = watch.stop()
        dice = dice_of(averaged, frames)
        scores.append(Score((len(scores) + 1) * options.every, spent, float(np.mean(dice))))
        if scores[-1].dice >= options.goal or spent > options.limit:
            raise EnoughError
        watch.go()
        return dice

    settings = RecipeSettings(options.steps, options.seed, log_every=options.every, threads=1)
    recipe.dice_of = timed
    try:
        with tempfile.TemporaryDirectory() as folder:
            fit(model, repeated(training, options.batch, options.seed), settings, Path(folder), validation)
    except EnoughError:
        pass
    finally:
        recipe.dice_of = dice_of
    return scores


def run_plain(training: FrameBatch, validation: FrameBatch, options: Namespace) -> list[Score]:
    """What one writes first."""
    from monai.losses import DiceCELoss
    from monai.networks.nets import BasicUNet

    torch.manual_seed(options.seed)
    network = BasicUNet(spatial_dims=2, in_channels=1, out_channels=1 + len(STRUCTURES))
    optimizer, loss_of = torch.optim.Adam(network.parameters(), PLAIN_RATE), DiceCELoss(to_onehot_y=True, softmax=True)
    scores, watch = list[Score](), Stopwatch()
    for step, (images, labels) in enumerate(plain_batches(training, options), start=1):
        loss = loss_of(network(images), labels[:, None])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % options.every == 0:
            spent = watch.stop()
            scores.append(Score(step, spent, plain_dice(network, validation)))
            if scores[-1].dice >= options.goal or spent > options.limit:
                return scores
            watch.go()
    raise AssertionError("batches never end")


def plain_batches(frames: FrameBatch, options: Namespace) -> Iterator[tuple[Tensor, Tensor]]:
    for batch in repeated(frames, options.batch, options.seed)(0):
        yield torch.from_numpy(batch.images)[:, None].float() / 255, torch.from_numpy(batch.labels).long()


@torch.no_grad()
def plain_dice(network: torch.nn.Module, frames: FrameBatch) -> float:
    network.eval()
    found = []
    for start in range(0, len(frames.images), SCORED_AT_ONCE):
        images, labels = (torch.from_numpy(a[start : start + SCORED_AT_ONCE]) for a in frames[:2])
        logits = network(images[:, None].float() / 255)
        found.append(structure_dice(logits[:, 1:] - logits[:, :1], labels))
    network.train()
    return float(torch.cat(found).mean())


WAYS = {"recipe": run_recipe, "pretrained": run_pretrained, "plain": run_plain}


if __name__ == "__main__":
    main()
