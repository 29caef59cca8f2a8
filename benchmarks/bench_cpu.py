"""A training step on a CPU: with one thread and with all, in full precision and in bf16.

    python benchmarks/bench_cpu.py --steps 5

Random images and sentences, random weights; forward, loss, backward, clipping and AdamW. It backs two rules of
`training/hardware.py`: which models train with one thread (`SMALL`), and which take bf16 by themselves on a processor
that has it (`choose_precision`). Run it on a machine that does nothing else, and with `--busy 2` beside two busy loops.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import torch
from harness import Rounds, load
from torch import Tensor, nn

from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.objective import NoiseSchedule, loss_of
from synthboost.diffusion.settings import PRESETS
from synthboost.models.registry import build_segmenter
from synthboost.training.engine import GRADIENT_CLIP
from synthboost.training.hardware import choose_precision
from synthboost.training.optimizer import segmentation_loss

SENTENCES = ["Left ventricular cavity.", "Myocardium.", "Left atrium cavity."]
BUSY = "while True: pass"
CPU = torch.device("cpu")
Step = Callable[[], None]
Losses = Callable[[int], Callable[[], Tensor]]


def segmenter(model: str, preset: str, device: torch.device = CPU) -> tuple[nn.Module, Losses]:
    """Return a model, and a function (images) -> a function that gives the loss of a batch of so many."""
    built = build_segmenter(model, preset).to(device).train()

    def losses(images: int) -> Callable[[], Tensor]:
        pixels = torch.randn(images, 3, built.input_size, built.input_size).to(device)
        tokens, index = built.tokenize(SENTENCES).to(device), torch.arange(images, device=device).repeat_interleave(3)
        targets = torch.rand(3 * images, built.output_size, built.output_size).round().to(device)
        text = torch.arange(3, device=device).repeat(images)
        return lambda: segmentation_loss(built(pixels, tokens, index, text), targets)

    return built, losses


def diffusion(preset: str, device: torch.device = CPU) -> tuple[nn.Module, Losses]:
    """The same of a diffusion network, whose maps are a disc in a sector."""
    settings = PRESETS[preset]
    network, size = SemanticUNet(settings).to(device).train(), settings.size
    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    disc = ((row - size / 2) ** 2 + (column - size / 2) ** 2 < (size / 4) ** 2).long()

    def losses(images: int) -> Callable[[], Tensor]:
        maps = (1 + disc).expand(images, -1, -1).to(device)
        noise = torch.randn(images, settings.channels, size, size).to(device)

        def loss() -> Tensor:
            condition = network.condition(maps)
            denoiser = lambda noisy, times: network(noisy, times, condition)  # noqa: E731
            return loss_of(settings, denoiser, torch.zeros_like(noise), noise, NoiseSchedule()).mean()

        return loss

    return network, losses


def stepper(network: nn.Module, loss: Callable[[], Tensor], threads: int, bf16: bool) -> Step:
    """Return a function that takes one step."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)

    def step() -> None:
        torch.set_num_threads(threads)
        with torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext():
            value = loss()
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
        optimizer.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--busy", type=int, default=0, help="processes that compute beside it")
    parser.add_argument("--only", default="", help="models whose name begins so")
    options = parser.parse_args()
    print(f"{load()}, {options.busy} busy loops")
    models = {
        **{
            f"{m} tiny": (partial(segmenter, m, "tiny"), options.images)
            for m in ("clipseg", "cris", "textunet", "unet")
        },
        **{f"diffusion {p}": (partial(diffusion, p), options.images) for p in ("tiny", "compact")},
        "clipseg rd64": (partial(segmenter, "clipseg", "rd64"), 1),
    }
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(options.busy)]
    try:
        for name, (build, images) in models.items():
            if name.startswith(options.only):
                network, losses = build()
                loss = losses(images)
                one, several = "one thread", f"{options.threads} threads"
                ways = {
                    one: stepper(network, loss, 1, False), several: stepper(network, loss, options.threads, False),
                    "one thread, bf16": stepper(network, loss, 1, True),
                }  # fmt: skip
                rounds = Rounds(ways)
                rounds.run(options.steps)
                print(f"\n{name}, {sum(p.numel() for p in network.parameters()):,} weights; "
                      f"`auto` is {choose_precision('auto', network)}\n")  # fmt: skip
                rounds.report()
                print(f"{several} take {rounds.ratio(several, one, 'wall_s'):.2f} of the time of one by the clock, "
                      f"bf16 {rounds.ratio('one thread, bf16', one, 'cpu_s'):.2f} of fp32 by processor time",
                      flush=True)  # fmt: skip
    finally:
        for process in busy:
            process.kill()


if __name__ == "__main__":
    main()
