"""The neck: three maps of the image and the sentence's state become one map at a sixteenth of the input's size.

Cross-modal fusion of CRIS (arXiv 2111.15174, section 3.1, equations 2-5). What does not depend on the sentence is
computed once per image (`project`), the rest once per pair of image and sentence (`fuse`).
"""

from __future__ import annotations

from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.models.cris.settings import CrisSettings

Projected: TypeAlias = tuple[Tensor, ...]
"""Of B images: (B, n0, g, g), (B, n1, g, g) and (B, n2, g/2, g/2), with g = S/16."""


def conv_layer(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Return a convolution that keeps the size, normalised and rectified."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


def enlarge(maps: Tensor) -> Tensor:
    """Double the height and width of (N, C, h, w)."""
    return F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)


class SentenceNorm(nn.BatchNorm1d):
    """Batch normalisation that uses its running statistics for a single sentence, which has no variance.

    torch raises an error there; here the last, smaller batch of an epoch may hold one pair.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C)."""
        if len(x) > 1:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)


class Coordinates(nn.Module):
    """A 3 x 3 convolution that also sees where it is: two more channels run from -1 to 1 along x and along y."""

    coordinates: Tensor

    def __init__(self, inputs: int, outputs: int, grid: int) -> None:
        super().__init__()
        self.conv1 = conv_layer(inputs + 2, outputs, 3)
        y, x = torch.meshgrid(*(2 * [torch.linspace(-1, 1, grid)]), indexing="ij")
        self.register_buffer("coordinates", torch.stack([x, y])[None], persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Turn (N, inputs, g, g) into (N, outputs, g, g)."""
        coordinates = self.coordinates.to(maps.dtype).expand(len(maps), -1, -1, -1)
        result: Tensor = self.conv1(torch.cat([maps, coordinates], 1))
        return result


class Neck(nn.Module):
    """Fuses the sentence into the deepest map and that one into the finer ones."""

    def __init__(self, settings: CrisSettings) -> None:
        """Build with torch's initial weights."""
        super().__init__()
        stem, embedding = settings.vision_width, settings.embedding_width
        fine, middle, coarse = settings.neck_widths
        self.txt_proj = nn.Sequential(nn.Linear(embedding, coarse, bias=False), SentenceNorm(coarse), nn.ReLU())
        self.f1_v_proj = conv_layer(embedding, coarse, 1)
        self.norm_layer = nn.Sequential(nn.BatchNorm2d(coarse), nn.ReLU())
        self.f2_v_proj = conv_layer(16 * stem, middle, 3)
        self.f2_cat = conv_layer(coarse + middle, middle, 1)
        self.f3_v_proj = conv_layer(8 * stem, fine, 3)
        self.f3_cat = conv_layer(fine + middle, middle, 1)
        self.f4_proj5 = conv_layer(coarse, middle, 3)
        self.f4_proj4 = conv_layer(middle, middle, 3)
        self.f4_proj3 = conv_layer(middle, middle, 3)
        self.aggr = conv_layer(3 * middle, middle, 1)
        self.coordconv = nn.Sequential(Coordinates(middle, middle, settings.grid), conv_layer(middle, middle, 3))

    def project(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> Projected:
        """Do what depends on the image alone, once per image."""
        return F.avg_pool2d(self.f3_v_proj(fine), 2), self.f2_v_proj(middle), self.f1_v_proj(coarse)

    def fuse(self, projected: Projected, state: Tensor) -> Tensor:
        """Let the sentence gate the coarse map's channels, and pass the result down to the finer maps.

        Takes N projected maps and the states (N, embedding) of their sentences; returns (N, n1, g, g).
        """
        fine, middle, coarse = projected
        gate = self.txt_proj(state)[..., None, None]
        coarse = self.norm_layer(coarse * gate)
        middle = self.f2_cat(torch.cat([middle, enlarge(coarse)], 1))
        fine = self.f3_cat(torch.cat([fine, middle], 1))
        levels = [self.f4_proj3(fine), self.f4_proj4(middle), enlarge(self.f4_proj5(coarse))]
        fused: Tensor = self.coordconv(self.aggr(torch.cat(levels, 1)))
        return fused
