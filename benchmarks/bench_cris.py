"""What CRIS' projector and sharing an image cost, in the published size, on one core.

Run `OMP_NUM_THREADS=1 python benchmarks/bench_cris.py`. Both ways of each comparison are interleaved in one process,
in CPU time; the best of a few repeats counts. Random weights, no gradient.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from harness import best_cpu_seconds
from torch import Tensor, nn

from synthboost.models.cris.decoder import correlate
from synthboost.models.registry import build_segmenter

SENTENCES = [f"{name} of the heart." for name in ("Left ventricular cavity", "Myocardium", "Left atrium cavity")]


def grouped(maps: Tensor, mix: nn.Conv2d, dictated: Tensor) -> Tensor:
    """Do what `correlate` does as one convolution with a group for each pair."""
    mixed = mix(maps)
    kernels = dictated[:, :-1].reshape(*mixed.shape[:2], 3, 3)
    flat = mixed.flatten(0, 1)[None]
    return F.conv2d(flat, kernels, dictated[:, -1], padding=1, groups=len(maps))[0]


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    print("| sentences | dictated kernel, grouped convolution | matrix product | ratio |\n|---|---|---|---|")
    for pairs in (1, 3, 24):
        mix, maps, dictated = nn.Conv2d(256, 256, 1), torch.randn(pairs, 256, 104, 104), torch.randn(pairs, 2305) / 256
        error = (grouped(maps, mix, dictated) - correlate(maps, mix, dictated)).abs().max()
        assert error < 1e-4, error
        slow, fast = best_cpu_seconds(
            lambda m=maps, k=mix, d=dictated: grouped(m, k, d), lambda m=maps, k=mix, d=dictated: correlate(m, k, d)
        )
        print(f"| {pairs} | {1e3 * slow:.0f} ms | {1e3 * fast:.1f} ms | {slow / fast:.1f} |")
    model = build_segmenter("cris", "rn50")
    image, tokens = torch.randn(1, 3, 416, 416), model.tokenize(SENTENCES)
    once, repeated = torch.zeros(3, dtype=torch.int64), torch.arange(3)
    slow, fast = best_cpu_seconds(
        lambda: model(image.expand(3, -1, -1, -1), tokens, repeated), lambda: model(image, tokens, once)
    )
    print(f"\nthree sentences, image repeated {slow:.2f} s, image shared {fast:.2f} s, ratio {slow / fast:.2f}")


if __name__ == "__main__":
    main()
