"""Time per image and fidelity, from the same weights: 1000 steps of DDPM that encode the map again, against ours.

Run `OMP_NUM_THREADS=1 python benchmarks/bench_sampler_fidelity.py --data FOLDER --out FOLDER`, where data are real or
simulated. A small flow (64 px, patches of 2) is trained on the training patients; a broken training goes on. As a
predictor of noise (`as_noise_predictor`) it serves the samplers for noise, too. All samplers draw the same maps from
the same noise. All steps are taken, none extrapolated; CPU time, one thread, all images at once. Fidelity is that of
the fidelity report, against validation patients, at the size of the network.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from bench_sampling import encoding_again
from torch import Tensor

from synthboost.data.source import FrameSet, open_source
from synthboost.diffusion.checkpoint import load_diffusion
from synthboost.diffusion.condition import label_map_of
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.objective import STEPS, Denoiser, NoiseSchedule
from synthboost.diffusion.sampling import Method, Schedule, known_condition, sample, to_grey
from synthboost.diffusion.settings import TINY, DiffusionTraining
from synthboost.diffusion.training import train_diffusion_on
from synthboost.diffusion.training_data import DiffusionExamples, make_examples
from synthboost.domain import FrameInfo, SplitOptions, SplitPart
from synthboost.evaluation.fidelity.echo_set import EchoSet
from synthboost.evaluation.fidelity.measure import measure_fidelity
from synthboost.inference.fidelity import read_echo_set

NETWORK = replace(TINY, patch=2)


def drawn(images: Tensor, examples: DiffusionExamples, infos: Sequence[FrameInfo]) -> EchoSet:
    """Return sampled images as a set for the report: black outside the sector, as real frames are."""
    grey = to_grey(images)
    sectors = examples.conditions[: len(grey)] > 0
    labels = np.stack([label_map_of(one) for one in examples.conditions[: len(grey)]])
    patients, names = (tuple(str(i.patient) for i in infos), tuple(i.name for i in infos))
    return EchoSet(grey * sectors, labels, sectors, patients, names)


def as_noise_predictor(velocity: Denoiser, schedule: NoiseSchedule) -> Denoiser:
    """Return a flow's network as one that predicts noise, so that samplers for noise can be used on the same weights.

    An image sqrt(a) x_0 + sqrt(1 - a) noise, over the sum of the two roots, is the flow's image at time
    sqrt(1 - a) over that sum; and noise is that image plus (1 - time) times the velocity. Nothing is approximated.

    Args:
        velocity: gives noise - x_0.
        schedule: of the steps, 0 to `STEPS` - 1, with which the result is called.
    """

    def denoise(images: Tensor, steps: Tensor) -> Tensor:
        kept = schedule.kept[steps.long()].to(images.dtype).view(-1, 1, 1, 1)
        total = kept.sqrt() + (1 - kept).sqrt()
        time = (1 - kept).sqrt() / total
        image = images / total
        return image + (1 - time) * velocity(image, STEPS * time.flatten())

    return denoise


def _once(network: SemanticUNet, maps: Tensor, codes: Tensor, noise: Tensor, schedule: Schedule) -> Tensor:
    known = known_condition(network, maps, codes)
    flows = schedule.method in (Method.HEUN, Method.EULER)
    return sample(known if flows else as_noise_predictor(known, NoiseSchedule()), noise, schedule)


def timed(way: Callable[[], Tensor]) -> tuple[Tensor, float]:
    start = time.process_time()
    images = way()
    return images, time.process_time() - start


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the folder of the model, kept")
    parser.add_argument("--split", default="official")
    parser.add_argument("--steps", type=int, default=1500, help="of training")
    parser.add_argument("--patients", type=int, default=16, help="four maps each")
    options = parser.parse_args()
    torch.set_num_threads(1)
    source = open_source(options.data, SplitOptions(options.split), allow_missing=True)
    training = DiffusionTraining(steps=options.steps, batch=8, learning_rate=2e-3, ema_decay=0.995, threads=1)
    with torch.enable_grad():
        network = load_diffusion(train_diffusion_on(source, NETWORK, training, options.out))
    size = NETWORK.size
    known = source.frames(SplitPart.TRAINING, "training")
    chosen = set(sorted({info.patient for info in known.infos})[: options.patients])
    frames = FrameSet("maps", [member for member in known.members if member[1].patient in chosen])
    examples = make_examples(frames, size)
    maps, codes = torch.from_numpy(examples.conditions).long(), torch.from_numpy(examples.codes)
    noise = torch.randn(len(maps), 1, size, size, generator=torch.Generator().manual_seed(0))
    generators = [torch.Generator().manual_seed(k) for k in range(len(maps))]
    learned = read_echo_set(source.dataset, known.infos[:400], size)
    held_out = read_echo_set(source.dataset, source.frames(SplitPart.VALIDATION, "held out").infos, size)
    again = as_noise_predictor(encoding_again(network, maps, codes), NoiseSchedule())
    ways: dict[str, Callable[[], Tensor]] = {
        f"DDPM, {STEPS} steps, map at every step": lambda: sample(
            again, noise, Schedule(Method.DDPM, STEPS), generators
        )
    }
    for schedule in (Schedule(Method.DPM, 20), Schedule(Method.HEUN, 10), Schedule(Method.EULER, 10)):
        name = f"{schedule.method}, {schedule.steps} steps ({schedule.evaluations} evaluations), map once"
        ways[name] = lambda s=schedule: _once(network, maps, codes, noise, s)
    print(f"{len(maps)} images of {size} px, {options.steps} training steps\n")
    print("| sampler | s per image | times faster | FRD | KID | density | coverage |\n|---|---|---|---|---|---|---|")
    slowest = None
    for name, way in ways.items():
        images, seconds = timed(way)
        slowest = slowest or seconds
        found = measure_fidelity(learned, drawn(images, examples, frames.infos), held_out)
        print(f"| {name} | {seconds / len(maps):.2f} | {slowest / seconds:.0f} | {found['frechet']['value']:.1f} "
              f"[{found['frechet']['low']:.1f}, {found['frechet']['high']:.1f}] | {found['kernel']['value']:.2f} "
              f"[{found['kernel']['low']:.2f}, {found['kernel']['high']:.2f}] | {found['density']['value']:.2f} | "
              f"{found['coverage']['value']:.2f} |", flush=True)  # fmt: skip
    assert found["learned_frechet"] is not None
    assert found["learned_kernel"] is not None
    print(f"| the training images themselves | | | {found['learned_frechet']['value']:.1f} | "
          f"{found['learned_kernel']['value']:.2f} | | |")  # fmt: skip
    print(f"\nfloor: FRD {found['frechet']['floor']:.1f}, density {found['density']['floor']:.2f}, "
          f"coverage {found['coverage']['floor']:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
