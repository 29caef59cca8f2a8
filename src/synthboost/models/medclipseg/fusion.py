"""Where words and patches meet: attention whose keys and values are distributions (arXiv 2602.20423)."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_VARIANCE = 1e-6


class ProbabilisticAttention(nn.Module):
    """Attention of queries to a context of which each token has a mean and a variance.

    A key that is uncertain in what a query asks for is attended to less. In training values are drawn, in evaluation
    they are their means.
    """

    def __init__(self, width: int, beta: float) -> None:
        super().__init__()
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.k_proj, self.v_proj = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width)
        self.norm_k, self.norm_v = nn.LayerNorm(width), nn.LayerNorm(width)
        self.gate = nn.Parameter(torch.zeros(()))
        self.beta = beta

    def forward(self, queries: Tensor, context: Tensor) -> Tensor:
        """Return the queries (N, Q, width), mixed by a learnt gate with what they read in the context (N, K, width)."""
        asked, width = self.q_proj(queries), queries.shape[-1]
        (keys, key_variance), (values, variance) = (
            _distribution(project(context), norm)
            for project, norm in ((self.k_proj, self.norm_k), (self.v_proj, self.norm_v))
        )
        doubt = (asked.square() @ key_variance.transpose(1, 2) / width).sqrt()
        attention = (asked @ keys.transpose(1, 2) / width**0.5 - self.beta * doubt).softmax(-1)
        if self.training:
            values = values + variance.sqrt() * torch.randn_like(variance)
        share = self.gate.sigmoid()
        return cast("Tensor", share * self.out_proj(attention @ values) + (1 - share) * queries)


def _distribution(projected: Tensor, norm: nn.Module) -> tuple[Tensor, Tensor]:
    mean, spread = projected.chunk(2, dim=-1)
    return norm(mean), F.softplus(spread) + LEAST_VARIANCE


class Fusion(nn.Module):
    """One meeting: both are brought to one width, patches read words, words read these patches, and both go back."""

    def __init__(self, vision_width: int, text_width: int, width: int, beta: float) -> None:
        super().__init__()
        self.proj_vis_down = nn.Sequential(nn.Linear(vision_width, width, bias=False))
        self.proj_txt_down = nn.Linear(text_width, width, bias=False)
        self.proj_vis_up = nn.Linear(width, vision_width, bias=False)
        self.proj_txt_up = nn.Linear(width, text_width, bias=False)
        names = "cross_attn_img_to_txt", "cross_attn_txt_to_img"
        self.two_way = nn.ModuleDict({name: ProbabilisticAttention(width, beta) for name in names})

    def forward(self, patches: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is added to patches (N, P, vision width) and to words (N, L, text width)."""
        seen, read = self.proj_vis_down(patches), self.proj_txt_down(words)
        seen = self.two_way["cross_attn_img_to_txt"](seen, read)
        read = self.two_way["cross_attn_txt_to_img"](read, seen)
        return self.proj_vis_up(seen), self.proj_txt_up(read)


class ChannelNorm(nn.LayerNorm):
    """Normalisation over the channels of each position of a map (N, C, H, W)."""

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise."""
        return super().forward(maps.movedim(1, -1)).movedim(-1, 1)


class Upscaling(nn.Sequential):
    """Doubles a map (N, C, H, W): a transposed convolution, then one of each channel apart."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.act = nn.GELU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.norm = ChannelNorm(width, eps=1e-6)
