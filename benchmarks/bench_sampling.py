"""Time per synthetic image: ours against 1000 steps of DDPM that encode the map again at every step.

Run `OMP_NUM_THREADS=1 python benchmarks/bench_sampling.py` (`--preset tiny | small | sdm256`, `--size`, `--steps`).
Both ways use the same network and weights (random; what they predict has no influence on the time), the same map (a
simulated heart's), one image at a time as the published code does, one thread, CPU time. The 1000 steps are
extrapolated from a few that are measured, as the table says; ours are measured whole, from the map to the image.
Two causes are measured apart: fewer steps, and scale and shift of SPADE once per map.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import torch
from harness import best_cpu_seconds
from torch import Tensor

from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.objective import STEPS, Denoiser
from synthboost.diffusion.sampling import Method, Schedule, known_condition, sample
from synthboost.diffusion.settings import PRESETS, DiffusionSettings, Objective
from synthboost.diffusion.spade import find_neighbourhoods
from synthboost.domain import Phase
from synthboost.simulator.anatomy import draw_anatomy
from synthboost.simulator.contours import draw_labels
from synthboost.simulator.render import pixel_grid
from synthboost.simulator.settings import SimulationSettings

MEASURED_STEPS = 5
"""Of the 1000."""
TRAINING_BATCH = 8


def simulated_maps(size: int, count: int) -> Tensor:
    """Return condition maps (count, size, size) of simulated hearts: four frames of each."""
    settings = SimulationSettings(patients=1 + count // 4, size=size)
    maps = []
    for number in settings.patient_numbers:
        anatomy = draw_anatomy(settings.seed, number, settings.prior_table, settings.preset.half_angles)
        for view in anatomy.views.values():
            grid = pixel_grid(view, settings)
            for phase in Phase:
                labels = draw_labels(view.contours[phase], grid)
                classes = np.where(grid.inside(), labels + np.int64(1), 0)
                square = np.zeros((size, size), np.int64)
                height, width = min(size, classes.shape[0]), min(size, classes.shape[1])
                square[:height, (size - width) // 2 :][:, :width] = classes[:height, :width]
                maps.append(torch.from_numpy(square))
    return torch.stack(maps[:count])


def encoding_again(network: SemanticUNet, labels: Tensor, attributes: Tensor | None = None) -> Denoiser:
    """Return the network as the published code uses it: the whole map branch at every step."""
    return lambda images, times: network(images, times, network.condition(labels, attributes, tables=False))


def random_network(settings: DiffusionSettings) -> SemanticUNet:
    torch.manual_seed(0)
    network = SemanticUNet(settings).eval()
    for parameter in network.parameters():
        if not parameter.any():  # new networks predict zero, and two ways to zero could not be compared
            torch.nn.init.normal_(parameter, std=0.02)
    return network


@torch.no_grad()
def compare_sampling(network: SemanticUNet, maps: Tensor, steps: list[int]) -> None:
    settings = network.settings
    noise = torch.randn(1, settings.channels, settings.size, settings.size)
    again = encoding_again(network, maps)
    ancestral = Schedule(Method.DDPM, MEASURED_STEPS, learned_sigma=settings.learned_sigma)
    sample(again, noise, replace(ancestral, steps=1))  # imports and caches
    few = best_cpu_seconds(lambda: sample(again, noise, ancestral))[0]
    original = few * STEPS / MEASURED_STEPS
    print("| sampler | steps | s per image | times faster |\n|---|---|---|---|")
    print(f"| DDPM, map at every step | {STEPS} | {original:.1f} ({MEASURED_STEPS} steps measured: {few:.2f}) | 1 |")
    for count in steps:
        schedule = Schedule(Method.DPM, count)
        ours = best_cpu_seconds(lambda s=schedule: sample(known_condition(network, maps), noise, s), rounds=2)[0]
        print(f"| DPM-Solver++(2M), map once | {count} | {ours:.2f} | {original / ours:.0f} |", flush=True)


@torch.no_grad()
def compare_steps(network: SemanticUNet, maps: Tensor) -> None:
    settings = network.settings
    images, times = torch.randn(1, settings.channels, settings.size, settings.size), torch.tensor([500.0])
    once = network.condition(maps, expand=True)
    difference = network(images, times, once) - network(images, times, network.condition(maps, tables=False))
    dense, table, known = best_cpu_seconds(
        lambda: network(images, times, network.condition(maps, tables=False)),
        lambda: network(images, times, network.condition(maps)),
        lambda: network(images, times, once),
    )
    print(f"\none step, one image: convolutions {1e3 * dense:.0f} ms, table {1e3 * table:.0f} ms "
          f"({dense / table:.2f} times), known {1e3 * known:.0f} ms ({dense / known:.2f} times); "
          f"greatest difference {difference.abs().max():.1e}")  # fmt: skip


def compare_training(network: SemanticUNet, maps: Tensor) -> None:
    settings = network.settings
    images, times = (
        torch.randn(len(maps), settings.channels, settings.size, settings.size),
        torch.rand(len(maps)) * STEPS,
    )

    def step(tables: bool) -> None:
        network.zero_grad()
        network(images, times, network.condition(maps, tables=tables)).square().mean().backward()

    dense, table = best_cpu_seconds(lambda: step(False), lambda: step(True))
    print(f"forward and backward, {len(maps)} images: convolutions {dense:.2f} s, table {table:.2f} s, "
          f"{dense / table:.2f} times")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="small")
    parser.add_argument("--size", type=int, help="of the images in pixels; the preset's unless given")
    parser.add_argument("--steps", type=int, nargs="+", default=[20, 15, 10])
    parser.add_argument("--training", action="store_true", help=f"a training step of {TRAINING_BATCH} images, too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = replace(PRESETS[options.preset], objective=Objective.NOISE, learned_sigma=True)
    if options.size is not None:
        factor = options.size / settings.size
        attention = tuple(int(side * factor) for side in settings.attention)
        settings = replace(settings, size=options.size, attention=attention)
    network = random_network(settings)
    maps = simulated_maps(settings.size, TRAINING_BATCH)
    weights = sum(parameter.numel() for parameter in network.parameters())
    print(f"{options.preset}, {settings.size} px, {weights / 1e6:.1f} M weights, {torch.get_num_threads()} thread\n")
    compare_sampling(network, maps[:1], options.steps)
    compare_steps(network, maps[:1])
    if options.training:
        compare_training(network, maps)
    for level in range(len(settings.multipliers)):
        found = find_neighbourhoods(maps[:1, :: 2**level, :: 2**level], outside=settings.classes + 1)
        print(f"{settings.size >> level} px: {100 * found.share:.1f} % of the neighbourhoods are distinct")


if __name__ == "__main__":
    main()
