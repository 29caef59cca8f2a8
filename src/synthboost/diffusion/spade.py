"""SPADE (arXiv 1903.07291): a normalisation whose scale and shift each pixel's label neighbourhood dictates.

Scale and shift depend on the map and the weights, never on the image or the time. So they are a value of their own,
the `Modulation`: made once for a map, used at every step of a sampler. Where a map has few distinct neighbourhoods,
they are worked out once for each of these instead of once for each pixel; in training, too. Two 3 x 3 convolutions see
5 x 5 labels, and a map of a few smooth regions has few different ones: 2 % of the pixels at 256 x 256, 6 % at 128, 18 %
at 64 (simulated hearts; `benchmarks/bench_sampling.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RADIUS = 2
"""Of two 3 x 3 convolutions."""
CORE = tuple((row, column) for row in range(3) for column in range(3))


@dataclass(frozen=True)
class Modulation:
    """What a map makes of a normalised feature map: `feature * gain + shift`."""

    values: Tensor
    """(B, 2C, h, w), or a table (U, 2C): the gain's channels, then the shift's."""
    index: Tensor | None = None
    """(B, h, w) rows of the table; absent when `values` are maps."""

    def maps(self) -> tuple[Tensor, Tensor]:
        """Return gain and shift, each (B, C, h, w)."""
        gain, shift = self.expanded().values.chunk(2, dim=1)
        return gain, shift

    def expanded(self) -> Modulation:
        """Return the same as maps: nothing is left to look up, and more memory is used."""
        if self.index is None:
            return self
        # By `embedding`, because its gather of whole rows, channels last, is several times faster than indexing.
        return Modulation(F.embedding(self.index, self.values).permute(0, 3, 1, 2))


class Spade(nn.Module):
    """Group normalisation without weights of its own, then a gain and a shift from the map."""

    def __init__(self, channels: int, groups: int, classes: int, hidden: int, side: int = 0) -> None:
        """Build with random weights.

        Args:
            channels: C, of the features.
            groups: of the normalisation.
            classes: channels of the one-hot map.
            hidden: channels between the map and its answers.
            side: rows of the features in its network.
        """
        super().__init__()
        self.groups, self.side = groups, side
        self.shared = nn.Conv2d(classes, hidden, 3, padding=1)
        self.gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, modulation: Modulation) -> Tensor:
        """Normalise (B, C, h, w) and modulate it."""
        gain, shift = modulation.maps()
        return torch.addcmul(shift, F.group_norm(x, self.groups), gain)

    def from_map(self, one_hot: Tensor) -> Modulation:
        """Work out gain and shift at every pixel of (B, classes, h, w), as published."""
        hidden = F.relu(self.shared(one_hot))
        return Modulation(torch.cat((1 + self.gamma(hidden), self.beta(hidden)), dim=1))

    def from_neighbourhoods(self, found: Neighbourhoods) -> Modulation:
        """Work out gain and shift once for each distinct neighbourhood; equal to `from_map` up to rounding."""
        width, classes = self.shared.weight.shape[:2]
        # (9 positions x all labels, hidden); labels from `classes` on are zero vectors: no label, and beyond the border
        answers = self.shared.weight.permute(2, 3, 1, 0).reshape(9, classes, width)
        answers = F.pad(answers, (0, 0, 0, found.outside + 1 - classes))
        rows = found.labels + torch.arange(9, device=found.labels.device) * answers.shape[1]
        summed = F.embedding(rows, answers.flatten(0, 1)).sum(dim=1) + _bias(self.shared)
        # Beyond the border the second convolution's padding is 0, not what the first one makes of 0.
        hidden = F.relu(summed) * (found.labels[:, 4:5] != found.outside)
        weight = torch.cat((self.gamma.weight, self.beta.weight)).permute(0, 2, 3, 1).flatten(1)
        bias = torch.cat((1 + _bias(self.gamma), _bias(self.beta)))
        return Modulation(F.linear(F.embedding(found.parts, hidden).flatten(1), weight, bias), found.index)


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias


@dataclass(frozen=True)
class Neighbourhoods:
    """The distinct neighbourhoods of a batch of maps.

    A 5 x 5 neighbourhood is stored as the nine 3 x 3 neighbourhoods around its inner pixels, because the first
    convolution has one answer for each of those. Beyond the border lies the label `outside`, which has no answer.
    """

    outside: int
    """The label beyond the border."""
    labels: Tensor
    """(V, 9) labels of each distinct 3 x 3 neighbourhood, row by row."""
    parts: Tensor
    """(U, 9) for each distinct 5 x 5 neighbourhood the rows of `labels` around its inner pixels."""
    index: Tensor
    """(B, H, W) the row of `parts` for each pixel."""

    @property
    def share(self) -> float:
        """Distinct 5 x 5 neighbourhoods per pixel, 0-1."""
        return len(self.parts) / self.index.numel()


def find_neighbourhoods(maps: Tensor, outside: int) -> Neighbourhoods:
    """Find the distinct neighbourhoods.

    Args:
        maps: (B, H, W) int64, labels from 0 to `outside` - 1.
        outside: the label to put beyond the border.
    """
    batch, height, width = maps.shape
    padded = F.pad(maps, (RADIUS,) * 4, value=outside)
    around = _windows(padded, height + 2, width + 2)
    small, first = _distinct([window.reshape(-1) for window in around], outside + 1)
    labels = torch.stack([window.reshape(-1)[first] for window in around], dim=1)
    small = small.reshape(batch, height + 2, width + 2)
    inner = _windows(small, height, width)
    large, first = _distinct([window.reshape(-1) for window in inner], len(labels))
    parts = torch.stack([window.reshape(-1)[first] for window in inner], dim=1)
    return Neighbourhoods(outside, labels, parts, large.reshape(batch, height, width))


def _windows(grid: Tensor, height: int, width: int) -> list[Tensor]:
    """Return the nine shifted views of a grid, those of a 3 x 3 convolution without padding, row by row."""
    return [grid[:, row : row + height, column : column + width] for row, column in CORE]


def _distinct(columns: Sequence[Tensor], base: int) -> tuple[Tensor, Tensor]:
    """Number the distinct rows of some columns (N,), values below `base`; exact, never a hash.

    Returns:
        the number of each row (N,), and for each number one of the rows that have it.
    """
    number, count = columns[0], base
    for column in columns[1:]:
        if count * base >= 2**62:
            number, count = _renumber(number)
        assert count * base < 2**62, "a batch of more than 10^9 pixels"
        number, count = number * base + column, count * base
    number, count = _renumber(number)
    rows = torch.arange(len(number), device=number.device)
    return number, torch.empty(count, dtype=torch.int64, device=number.device).scatter_(0, number, rows)


def _renumber(number: Tensor) -> tuple[Tensor, int]:
    values, inverse = torch.unique(number, return_inverse=True)
    return inverse, len(values)
