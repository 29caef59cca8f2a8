"""EfficientNet-Lite0 without its classifier, as a pyramid of maps; the layers are named as in the weights by Google."""

from __future__ import annotations

import re
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.models.weights_folder import load_strictly, read_tensors

STEM = 32
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320))  # fmt: skip
"""Blocks, kernel, stride of the first block, expansion and channels (arXiv 1905.11946, Table 1; Lite has no
squeeze-and-excitation, and its rectifiers end at 6)."""
READ = (0, 2, 4, 10, 15)
"""The last blocks before each halving, and the last of all."""
WIDTHS = (16, 24, 40, 112, 320)
"""Channels after the blocks that are read, at strides 2, 4, 8, 16, 32."""
EPSILON = 1e-3
"""Of the normalisation. Its momentum is torch's, ten times the original's, which is meant for very long trainings."""
CLASSIFIER = ("conv_head.", "bn1.", "fc.")


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; added to the input where the shape stays (arXiv 1801.04381)."""

    def __init__(self, incoming: int, outgoing: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = incoming * expansion
        self.expands, self.adds, self.shape = expansion > 1, stride == 1 and incoming == outgoing, (kernel, stride)
        if self.expands:
            self.expand_conv, self.bn0 = convolution(incoming, inner, 1), nn.BatchNorm2d(inner, EPSILON)
        self.depthwise_conv, self.bn1 = convolution(inner, inner, kernel, stride, inner), nn.BatchNorm2d(inner, EPSILON)
        self.project_conv, self.bn2 = convolution(inner, outgoing, 1), nn.BatchNorm2d(outgoing, EPSILON)

    def forward(self, hidden: Tensor) -> Tensor:
        """Turn (B, incoming, S, S) into (B, outgoing, S / stride, S / stride)."""
        inner = F.relu6(self.bn0(self.expand_conv(hidden))) if self.expands else hidden
        inner = F.relu6(self.bn1(self.depthwise_conv(padded(inner, *self.shape))))
        projected: Tensor = self.bn2(self.project_conv(inner))
        return hidden + projected if self.adds else projected


class Lite0(nn.Module):
    """The 16 blocks (3.0 M parameters), with random weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn0 = convolution(3, STEM, 3, 2), nn.BatchNorm2d(STEM, EPSILON)
        self.blocks, incoming = nn.ModuleList(), STEM
        for count, kernel, stride, expansion, width in STAGES:
            for number in range(count):
                step = 1 if number else stride
                self.blocks.append(InvertedResidual(incoming, width, kernel, step, expansion))
                incoming = width
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Turn images (B, 3, S, S), -1 to 1, S a multiple of 32, into maps (B, `WIDTHS`, S / 2 ... S / 32)."""
        hidden, maps = F.relu6(self.bn0(self.conv_stem(padded(images, 3, 2)))), []
        for number, block in enumerate(self.blocks):
            hidden = block(hidden)
            if number in READ:
                maps.append(hidden)
        return maps

    def load(self, file: Path) -> None:
        """Take the weights of a file that names them as Google's release, converted to torch, does.

        Raises:
            CheckpointError: it is absent or damaged, or holds other tensors.
        """
        state = {re.sub(r"(^|\.)_", r"\1", name): tensor for name, tensor in read_tensors(file).items()}
        load_strictly(self, {n: tensor for n, tensor in state.items() if not n.startswith(CLASSIFIER)}, file)


def convolution(incoming: int, outgoing: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Return a convolution without bias, padded inside where it keeps the size."""
    inside = kernel // 2 if stride == 1 else 0
    return nn.Conv2d(incoming, outgoing, kernel, stride, inside, groups=groups, bias=False)


def padded(hidden: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad even sizes as TensorFlow's `same` does for a convolution of stride 2: more to the right and below."""
    before = (kernel - stride) // 2
    return hidden if stride == 1 else F.pad(hidden, (before, kernel - stride - before) * 2)
