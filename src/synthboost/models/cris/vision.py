"""The image encoder: CLIP's modified residual network, its attention pooling kept as a map.

The network of arXiv 2103.00020, section 2.4: three stem convolutions, average pooling before every stride, attention
instead of a global average at the end. CRIS (arXiv 2111.15174, section 3.1) reads three depths of it, and lets every
position of the last map attend to all others, where CLIP lets only their mean do so. Names of parameters are the
published ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.models.base import Part
from synthboost.models.cris.settings import CrisSettings

EXPANSION = 4
"""A bottleneck's output has so many times the channels of its 3 x 3 convolution."""


class ModifiedResNet(nn.Module):
    """Images (B, 3, S, S) to three maps: (B, 8w, S/8, S/8), (B, 16w, S/16, S/16), (B, embedding, S/32, S/32)."""

    def __init__(self, settings: CrisSettings) -> None:
        """Build with random weights."""
        super().__init__()
        layers, width = settings.vision_layers, settings.vision_width
        half = width // 2
        self.conv1, self.bn1 = nn.Conv2d(3, half, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = nn.Conv2d(half, half, 3, padding=1, bias=False), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = nn.Conv2d(half, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, layers[0], stride=1)
        self.layer2 = _stage(width * EXPANSION, width * 2, layers[1], stride=2)
        self.layer3 = _stage(width * 2 * EXPANSION, width * 4, layers[2], stride=2)
        self.layer4 = _stage(width * 4 * EXPANSION, width * 8, layers[3], stride=2)
        self.attnpool = AttentionPool(width * 8 * EXPANSION, settings)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the maps of stages 2, 3 and 4, the last one attended."""
        fine = self.layer2(self.layer1(self.stem(images)))
        middle = self.layer3(fine)
        return fine, middle, self.attnpool(self.layer4(middle))

    def stem(self, images: Tensor) -> Tensor:
        """Return (B, w, S/4, S/4)."""
        for convolution, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            images = F.relu(norm(convolution(images)))
        return F.avg_pool2d(images, 2)

    def blocks(self) -> list[list[Part]]:
        """Return all modules from input to output: the stem, each bottleneck, the attention pooling."""
        stem: list[Part] = [self.conv1, self.bn1, self.conv2, self.bn2, self.conv3, self.bn3]
        stages = (self.layer1, self.layer2, self.layer3, self.layer4)
        bottlenecks: list[list[Part]] = [[block] for stage in stages for block in stage]
        return [stem, *bottlenecks, [self.attnpool]]


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions around a shortcut; a stride is an average pooling, so it does not alias."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * EXPANSION
        self.stride = stride
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Turn (B, inputs, h, w) into (B, 4 planes, h / stride, w / stride)."""
        hidden = F.relu(self.bn1(self.conv1(x)))
        hidden = F.relu(self.bn2(self.conv2(hidden)))
        hidden = self.bn3(self.conv3(self._pool(hidden)))
        shortcut = x if self.downsample is None else self.downsample(self._pool(x))
        return F.relu(hidden + shortcut)

    def _pool(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.stride) if self.stride > 1 else x


class AttentionPool(nn.Module):
    """Self-attention over all positions of a map, beside a 1 x 1 convolution that CRIS adds (`connect`)."""

    def __init__(self, width: int, settings: CrisSettings) -> None:
        super().__init__()
        self.heads, self.positions = settings.vision_heads, settings.vision_positions
        embedding = settings.embedding_width
        # One more than the grid has: CLIP's first embedding belongs to the mean of all positions, which has no part
        # here and is stored only because published files have it.
        self.positional_embedding = nn.Parameter(torch.randn(self.positions**2 + 1, width) * width**-0.5)
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, embedding)
        self.connect = nn.Sequential(nn.Conv2d(width, embedding, 1, bias=False), nn.BatchNorm2d(embedding))
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.c_proj):
            nn.init.normal_(projection.weight, std=width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (B, width, h, w) into (B, embedding, h, w)."""
        height, width = x.shape[2:]
        placed = (x + self._positions_for(height, width)).flatten(2).transpose(1, 2)
        query, key, value = (
            projection(placed).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        pooled = self.c_proj(attended).transpose(1, 2).unflatten(2, (height, width))
        return F.relu(pooled + self.connect(x))

    def _positions_for(self, height: int, width: int) -> Tensor:
        side = self.positions
        stored = self.positional_embedding[1:].T.reshape(1, -1, side, side)
        return F.interpolate(stored, (height, width), mode="bicubic", align_corners=False)


def _stage(inputs: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
    rest = [Bottleneck(planes * EXPANSION, planes, stride=1) for _ in range(blocks - 1)]
    return nn.Sequential(Bottleneck(inputs, planes, stride), *rest)
