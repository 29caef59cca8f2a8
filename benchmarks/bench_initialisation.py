"""Does a small model learn from random weights, and does it use the sentence? One training per way to begin.

    python benchmarks/bench_initialisation.py --steps 300

Every variant is a `tiny` preset on the same simulated frames, in the same order, with one thing changed. Prints the
validation Dice after the last step with the right sentences, and with another structure's sentences, and the CPU
seconds of the training with its validation. Random weights, simulated images, one seed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from synthboost.data import TripletRecipe, make_split, open_dataset
from synthboost.data.simulated_set import write_dataset
from synthboost.data.source import Source
from synthboost.domain import PromptSet, SplitPart
from synthboost.models.base import Segmenter
from synthboost.models.clipseg.model import ClipSeg
from synthboost.models.clipseg.settings import TINY
from synthboost.models.cris.model import Cris
from synthboost.models.cris.settings import TINY as TINY_CRIS
from synthboost.models.freezing import Encoders
from synthboost.studies.demo import DemoSettings
from synthboost.training.batches import TrainingFrames, _collate
from synthboost.training.loop import train_stage
from synthboost.training.optimizer import hard_dice


def as_the_library_draws(model: ClipSeg) -> None:
    """Redraw the decoder's convolutions and reductions with the standard deviation of 1 that transformers 5 uses."""
    decoder = model.network.decoder
    for layer in (*decoder.reduces, *decoder.transposed_convolution):
        if hasattr(layer, "weight"):
            nn.init.normal_(layer.weight, std=1.0)
            nn.init.zeros_(layer.bias)


def blocks_begin_as_shortcuts(model: Cris) -> None:
    """Let every bottleneck of the image encoder begin as the identity, as CLIP's own training did."""
    for name, parameter in model.named_parameters():
        if name.endswith("bn3.weight"):
            nn.init.zeros_(parameter)


def untouched(model: Segmenter) -> None:
    """Leave the model as `from_settings` made it."""


PLAIN = replace(TINY, initial_std=(0.1, 0.02, 0.02))
WIDE = replace(TINY_CRIS, neck_widths=(32, 64, 64), text_width=64)
VARIANTS: dict[str, tuple[Callable[[], Segmenter], Callable[[Any], None]]] = {
    "CLIPSeg as transformers draws it": (lambda: ClipSeg.from_settings(PLAIN), as_the_library_draws),
    "CLIPSeg, decoder by torch's rule": (lambda: ClipSeg.from_settings(PLAIN), untouched),
    "and larger positions and patches (the preset)": (lambda: ClipSeg.from_settings(TINY), untouched),
    "the preset, sentence enters at the first layer": (
        lambda: ClipSeg.from_settings(replace(TINY, conditional_layer=0)),
        untouched,
    ),
    "CRIS by torch's rule (the preset)": (lambda: Cris.from_settings(TINY_CRIS), untouched),
    "CRIS, blocks begin as shortcuts": (lambda: Cris.from_settings(TINY_CRIS), blocks_begin_as_shortcuts),
    "CRIS, twice as wide behind the image encoder": (lambda: Cris.from_settings(WIDE), untouched),
}


def scores(model: Segmenter, samples: TrainingFrames, count: int) -> tuple[float, float]:
    """Mean Dice with the right and with another structure's sentence, at the model's own resolution."""
    batch = _collate(model.tokenize, [samples[0, position] for position in range(count)])
    others = batch.text_index.view(-1, 3).roll(1, dims=1).flatten()
    with torch.inference_mode():
        features = model.encode_image(batch.images)
        right = model(features, batch.tokens, batch.image_index, batch.text_index)
        wrong = model(features, batch.tokens, batch.image_index, others)
    return hard_dice(right, batch.targets).mean().item(), hard_dice(wrong, batch.targets).mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="variants whose name begins so")
    options = parser.parse_args()
    demo = DemoSettings()
    training_config = demo.preset.training
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder) / "data", replace(demo.target, patients=40, split_counts=(30, 10, 0)), 2)
        dataset = open_dataset(Path(folder) / "data")
        source = Source(dataset, make_split("official", dataset))
        recipe = TripletRecipe(PromptSet.P6, paraphrase="seeded")
        training = source.frames(SplitPart.TRAINING, "training")
        validation = source.frames(SplitPart.VALIDATION, "validation")
        epochs = round(options.steps / (len(training) / training_config.batch_images))
        config = replace(training_config, epochs=epochs, threads=options.threads, learning_rate=1e-3)
        for number, (name, (build, change)) in enumerate(VARIANTS.items()):
            if not name.startswith(options.only):
                continue
            torch.manual_seed(0)
            model = build()
            change(model)
            model.set_encoders(Encoders.TRAINED)
            start = time.process_time()
            train_stage(model, training, validation, recipe, config, Path(folder) / f"run{number}")
            seconds = time.process_time() - start
            fixed = TrainingFrames(validation, model, replace(recipe, paraphrase=0))
            right, wrong = scores(model, fixed, len(validation))
            print(
                f"{name}: Dice {right:.3f}, with another structure's sentence {wrong:.3f}, {seconds:.0f} CPU s",
                flush=True,
            )


if __name__ == "__main__":
    main()
