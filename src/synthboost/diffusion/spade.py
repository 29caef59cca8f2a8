"""SPADE (arXiv 1903.07291): a normalisation whose scale and shift each pixel's label neighbourhood dictates.

Scale and shift depend on the map and the weights, never on the image or the time. So they are a value of their own,
the `Modulation`: made once for a map, used at every step of a sampler. Where a map has few distinct neighbourhoods,
they are worked out once for each of these instead of once for each pixel; in training, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.diffusion.neighbourhoods import Neighbourhoods


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

    def __init__(self, channels: int, groups: int, classes: int, hidden: int) -> None:
        """Build with random weights.

        Args:
            channels: C, of the features.
            groups: of the normalisation.
            classes: channels of the one-hot map.
            hidden: channels between the map and its answers.
        """
        super().__init__()
        self.groups = groups
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
        hidden = F.relu(summed) * found.centred_inside[:, None]
        weight = torch.cat((self.gamma.weight, self.beta.weight)).permute(0, 2, 3, 1).flatten(1)
        bias = torch.cat((1 + _bias(self.gamma), _bias(self.beta)))
        return Modulation(F.linear(F.embedding(found.parts, hidden).flatten(1), weight, bias), found.index)


def _bias(convolution: nn.Conv2d) -> Tensor:
    assert convolution.bias is not None
    return convolution.bias
