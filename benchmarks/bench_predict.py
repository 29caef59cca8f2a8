"""What a prediction costs beyond encoding the image once: `Predictor.predict` and the page against one vision encoding.

    python benchmarks/bench_predict.py --model clipseg --preset rd64 --threads 2

One simulated image and three sentences; the same image as a clip, batched and frame by frame; a second sentence about
an image that is open on the page. The weights are random (seed 0) in the published sizes: they decide no time. All
ways are interleaved in one process, after a round that is not timed; a figure is the median of the rounds, a ratio the
median of the ratios within a round. The arithmetic is counted too, and depends on no machine.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from harness import Rounds, load
from naive import build
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from synthboost.app.controller import Controller, Display
from synthboost.app.images import OpenedImage, Uploads
from synthboost.domain import Domain, GreyImage, Phase, View
from synthboost.inference.predictor import Prediction, Predictor
from synthboost.models.base import TextMemory
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import SimulationSettings

SENTENCES = tuple(
    f"{name} in two-chamber view of the heart."
    for name in ("Left ventricular cavity", "Myocardium", "Left atrium cavity")
)
ABOUT_ONE_ENCODING = 0.8
"""Encoding over prediction that still counts as "about the same": a choice, no more than a quarter beyond."""


def one_image(predictor: Predictor, image: GreyImage, rounds: int) -> None:
    """Three sentences about one image, and the parts of that."""
    model = predictor.model
    with torch.inference_mode():
        pixels = model.preprocess(image)[None]
        features, text = model.encode_image(pixels), model.encode_text(model.tokenize(SENTENCES))
        which = torch.zeros(len(SENTENCES), dtype=torch.int64)
        logits = model.decode(features, text, which)

        timed = Rounds({
            "one encoding": lambda: model.encode_image(pixels),
            "predict": lambda: predictor.predict(image, SENTENCES),
            "predict, new sentences": lambda: _without_text_cache(predictor).predict(image, SENTENCES),
            "three predictions": lambda: [predictor.predict(image, [sentence]) for sentence in SENTENCES],
            "part: prepare the image": lambda: model.preprocess(image),
            "part: encode the sentences": lambda: model.encode_text(model.tokenize(SENTENCES)),
            "part: decode": lambda: _decode(predictor, features, text, which),
            "part: enlarge to the image's size": lambda: model.postprocess(logits, (image.shape[0], image.shape[1])),
        })  # fmt: skip
        timed.run(rounds)
    print(f"\n## One image of {image.shape[0]} x {image.shape[1]} px, three sentences\n")
    timed.report()
    print()
    timed.compare("one encoding", "predict", ABOUT_ONE_ENCODING)
    timed.compare("one encoding", "predict, new sentences", ABOUT_ONE_ENCODING)
    timed.compare("three predictions", "predict")
    together, apart = predictor.predict(image, SENTENCES), [predictor.predict(image, [s]) for s in SENTENCES]
    print(f"probabilities differ by {_difference([together], apart):.1e}")
    encoding, whole = (_flops(timed.ways[name]) / 1e9 for name in ("one encoding", "predict"))
    print(f"arithmetic: {encoding:.1f} GFLOP one encoding, {whole:.1f} predict; ratio {whole / encoding:.2f}")


def clip(predictor: Predictor, frames: Sequence[GreyImage], batch: int, rounds: int) -> None:
    """A clip with three sentences, `batch` frames at a time against frame by frame."""

    def batched() -> list[Prediction]:
        lots = [frames[first : first + batch] for first in range(0, len(frames), batch)]
        return [one for lot in lots for one in predictor.predict_batch(lot, [SENTENCES] * len(lot))]

    def by_frame() -> list[Prediction]:
        return [predictor.predict(frame, SENTENCES) for frame in frames]

    timed = Rounds({"frame by frame": by_frame, "batched": batched})
    timed.run(rounds)
    print(f"\n## A clip of {len(frames)} frames, three sentences, {batch} frames at a time; per frame\n")
    timed.report(per=len(frames))
    print()
    timed.compare("frame by frame", "batched")
    print(f"probabilities differ by {_difference(batched(), by_frame()):.1e}")


def page(predictor: Predictor, image: GreyImage, rounds: int) -> None:
    """The second sentence about an image that is open on the page, against the first; a new visitor each round."""
    opened = OpenedImage("simulated", (image,), (0.3, 0.3), Domain.SIMULATED)
    seen: list[int] = []
    encode = predictor.model.encode_image

    def counted(images: Tensor) -> Any:
        seen.append(len(images))
        return encode(images)

    predictor.model.encode_image = counted  # type: ignore[method-assign]
    with Uploads() as uploads:
        controller = Controller(predictor, uploads)

        def first() -> None:
            _without_text_cache(predictor)
            controller.open("visitor", opened, SENTENCES[0], Display())

        calls: dict[str, set[int]] = {}
        timed = Rounds({
            "first sentence": _count(first, "first", seen, calls),
            "second sentence": _count(
                lambda: controller.predict("visitor", "\n".join(SENTENCES[:2]), Display()), "second", seen, calls
            ),
            "another opacity": lambda: controller.show("visitor", Display(opacity=0.5)),
        })  # fmt: skip
        timed.run(rounds)
    predictor.model.encode_image = encode  # type: ignore[method-assign]
    print("\n## The page: a second sentence about the same image\n")
    timed.report()
    print()
    timed.compare("first sentence", "second sentence")
    for name, found in calls.items():
        print(f"image encoder called in every round, {name} sentence: {', '.join(map(str, sorted(found)))} times")


def _count(way: Callable[[], Any], name: str, seen: list[int], calls: dict[str, set[int]]) -> Callable[[], None]:
    def counting() -> None:
        before = len(seen)
        way()
        calls.setdefault(name, set()).add(len(seen) - before)

    return counting


def _decode(predictor: Predictor, features: tuple[Tensor, ...], text: tuple[Tensor, ...], which: Tensor) -> Tensor:
    return predictor.decode(features, text, which, torch.arange(len(which)))


def _without_text_cache(predictor: Predictor) -> Predictor:
    predictor.texts = TextMemory(predictor.model)
    return predictor


def _flops(way: Callable[[], Any]) -> float:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        way()
    return float(counter.get_total_flops())


def _difference(some: Sequence[Prediction], others: Sequence[Prediction]) -> float:
    one, other = (np.concatenate([prediction.probability for prediction in each]) for each in (some, others))
    return float(np.abs(one - other).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="clipseg")
    parser.add_argument("--preset", default="rd64")
    parser.add_argument("--size", type=int, default=512, help="pixels of the longer side of the image")
    parser.add_argument("--frames", type=int, default=16, help="of the clip; 0: no clip")
    parser.add_argument("--batch", type=int, default=8, help="frames at a time")
    parser.add_argument("--repeats", type=int, default=5, help="timed rounds")
    parser.add_argument("--threads", type=int, default=1)
    options: Namespace = parser.parse_args()
    torch.set_num_threads(options.threads)
    patient = simulate_patient(1, SimulationSettings(size=options.size))
    moments = [patient.frames[View.TWO_CHAMBER, phase].image for phase in Phase]
    predictor = Predictor(build(options.model, options.preset), "cpu")
    before = load()
    print(
        f"{options.model} {options.preset}, random weights, a simulated image, {options.threads} thread(s), medians of "
        f"{options.repeats} rounds; {before} in the beginning"
    )
    one_image(predictor, moments[0], options.repeats)
    page(predictor, moments[0], options.repeats)
    if options.frames:
        clip(predictor, [moments[n % len(moments)] for n in range(options.frames)], options.batch, options.repeats)
    print(f"\n{load()} in the end")


if __name__ == "__main__":
    main()
