"""The projector: the decoded map grows to a quarter of the input's size, and the sentence becomes the last kernel.

CRIS, arXiv 2111.15174, section 3.3: the sentence's state is mapped to the weights of a 3 x 3 convolution, so that
each sentence looks for its own pattern.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.models.cris.neck import conv_layer

KERNEL = 3


class Projector(nn.Module):
    """Two enlargements of the map, then a convolution whose kernel the sentence dictates."""

    def __init__(self, embedding: int, width: int) -> None:
        """Build for states of length `embedding` and maps of `width` channels, an even number."""
        super().__init__()
        half = width // 2
        self.vis = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"),
            conv_layer(width, width, 3),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            conv_layer(width, half, 3),
            nn.Conv2d(half, half, 1),
        )
        self.txt = nn.Linear(embedding, half * KERNEL**2 + 1)

    def forward(self, maps: Tensor, state: Tensor) -> Tensor:
        """Turn maps (N, width, g, g) and states (N, embedding) into logits (N, 4g, 4g)."""
        mix = self.vis[-1]
        assert isinstance(mix, nn.Conv2d)
        return correlate(self.vis[:-1](maps), mix, self.txt(state))


def correlate(maps: Tensor, mix: nn.Conv2d, dictated: Tensor) -> Tensor:
    """Apply a 1 x 1 convolution, and then to each map its own 3 x 3 kernel.

    Both are linear, so the 1 x 1 convolution is applied to the nine taps instead of to every pixel; what is left is
    one matrix product and a shifted sum. A convolution with one group per pair does the same in ten times the time.

    Args:
        maps: (N, C, h, w).
        mix: the 1 x 1 convolution, C to C channels, with bias.
        dictated: (N, 9 C + 1), kernel (channel by channel, row by row) and bias of each map.

    Returns:
        (N, h, w), the map padded with zeros after the 1 x 1 convolution.
    """
    kernel, bias = dictated[:, :-1].reshape(len(maps), -1, KERNEL**2), dictated[:, -1]
    taps = kernel.flip(2).transpose(1, 2)  # `fold` scatters what a kernel gathers, hence in reverse order
    assert mix.bias is not None
    mixed = taps @ mix.weight[:, :, 0, 0]
    scattered = torch.baddbmm((taps @ mix.bias)[..., None], mixed, maps.flatten(2))
    summed = F.fold(scattered, maps.shape[2:], KERNEL, padding=KERNEL // 2)
    return summed[:, 0] + bias[:, None, None]
