"""The distinct label neighbourhoods of condition maps: what SPADE can say about a pixel, it need say only once.

Two 3 x 3 convolutions over a label map see 5 x 5 labels, and a map of a few smooth regions has few different ones:
2 % of the pixels at 256 x 256, 6 % at 128, 18 % at 64 (simulated hearts; `benchmarks/bench_sampling.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

RADIUS = 2
"""Of two 3 x 3 convolutions."""
CORE = tuple((row, column) for row in range(3) for column in range(3))


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
    centred_inside: Tensor
    """(V,) whether its middle lies in the image: a convolution's padding is 0, not what the first one makes of 0."""
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
    return Neighbourhoods(outside, labels, labels[:, 4] != outside, parts, large.reshape(batch, height, width))


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
