"""The layers of a TextUNet: encoders of image and text, a way up, and the kernels that a sentence makes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.domain import STRUCTURES
from synthboost.models.base import Part, steps_of
from synthboost.models.textunet.settings import TextUNetSettings

SLOPE = 0.1
"""Of the leaky rectifiers."""
COORDINATES = 2
"""Channels beside the grey value: row and column, -1 to 1, since a heart's place in the fan is known in advance."""
REACH = 2
"""Characters that a convolution of the text encoder sees on either side, before dilation."""
DOUBT = 4.0
"""By how much "names no structure" is behind at random weights: what was never trained on such sentences finds none."""


class Convolutions(nn.Sequential):
    """Two 3 x 3 convolutions, each with instance normalisation and a leaky rectifier; the first may halve the size."""

    def __init__(self, incoming: int, outgoing: int, stride: int = 1) -> None:
        layers: list[nn.Module] = []
        for channels, step in ((incoming, stride), (outgoing, 1)):
            layers += [
                nn.Conv2d(channels, outgoing, 3, step, padding=1, bias=False),
                nn.InstanceNorm2d(outgoing, affine=True),
                nn.LeakyReLU(SLOPE, inplace=True),
            ]
        super().__init__(*layers)


class TextBlock(nn.Module):
    """A residual convolution over characters, dilated; what lies behind the sentence's end stays zero."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Conv1d(width, width, 2 * REACH + 1, padding=REACH * dilation, dilation=dilation)
        self.out = nn.Linear(width, width)

    def forward(self, hidden: Tensor, inside: Tensor) -> Tensor:
        """Change (M, L, width); `inside` is (M, L, 1), 1 for characters and 0 for padding."""
        seen = (self.norm(hidden) * inside).transpose(1, 2)
        return cast("Tensor", hidden + self.out(F.gelu(self.mix(seen).transpose(1, 2))) * inside)


class WayUp(nn.Module):
    """The decoder of every TextUNet: a way up, and what makes kernels from a sentence and names its structure."""

    up: nn.ModuleList
    kernels: nn.ModuleList
    naming: nn.Linear

    def add_way_up(self, maps: Sequence[int], widths: Sequence[int], scales: int, text: int) -> None:
        """Build with random weights.

        Args:
            maps: channels of the encoder's maps, from the full size on.
            widths: channels of the way up, likewise, without the coarsest map.
            scales: how many of these the sentence is compared with.
            text: channels of a sentence's vector.
        """
        below = (*widths[1:], maps[-1])
        ways = zip(below, maps[:-1], widths, strict=True)
        self.up = nn.ModuleList([Convolutions(deep + beside, own) for deep, beside, own in ways][::-1])
        self.kernels = nn.ModuleList([nn.Linear(text, width + 1) for width in widths[:scales][::-1]])
        self.naming = nn.Linear(text, 1 + len(STRUCTURES))
        with torch.no_grad():
            self.naming.bias[0] -= DOUBT

    def decode(
        self, maps: tuple[Tensor, ...], text: Tensor, image_index: Tensor, teaches_naming: bool
    ) -> list[Tensor]:  # fmt: skip
        """Return logits from the coarsest scale to (N, S, S): way up once per image, then each pair's kernels.

        A kernel is a vector of weights and a bias: at each position of a scale it gives how well the image there fits
        the sentence. What the coarser scales say is interpolated and added. First comes, everywhere, the logarithm of
        the probability that the sentence names a structure at all, so that one that names none has an empty mask.

        The masks' loss teaches that probability (`teaches_naming`) only if some masks shall be empty. To any other
        loss it is one more bias, which ends anywhere.
        """
        *skipped, hidden = maps
        names = self.log_naming(text)[:, None, None]
        scales = [names if teaches_naming else names.detach()]
        coarse = len(self.up) - len(self.kernels)
        for number, (up, beside) in enumerate(zip(self.up, reversed(skipped), strict=True)):
            grown = F.interpolate(hidden, beside.shape[2:], mode="bilinear", align_corners=False)
            hidden = up(torch.cat([grown, beside], 1))
            if number < coarse:
                continue
            kernel = self.kernels[number - coarse](text) / hidden.shape[1] ** 0.5
            fit = torch.einsum("nchw,nc->nhw", hidden[image_index], kernel[:, :-1]) + kernel[:, -1, None, None]
            coarser = F.interpolate(scales[-1][:, None], fit.shape[1:], mode="bilinear", align_corners=False)[:, 0]
            scales.append(fit + coarser)
        return scales[1:]

    def log_naming(self, text: Tensor) -> Tensor:
        """Return the logarithm of the probability that each of N sentences names a structure, (N,)."""
        return cast("Tensor", self.naming(text).log_softmax(1)[:, 1:].logsumexp(1))

    def decoder_parts(self) -> list[Part]:
        """Return the way up, and what makes kernels from a sentence and tells the structure that it names."""
        return [*self.up, *self.kernels, self.naming]


class TextUNetNetwork(WayUp):
    """A TextUNet whose encoders are ours: convolutions over the image, and over characters."""

    def __init__(self, settings: TextUNetSettings, characters: int) -> None:
        """Build with random weights; `characters` is the number of different ones, padding (0) included."""
        super().__init__()
        widths, text = settings.widths, settings.text_width
        self.characters = nn.Embedding(characters, text)
        self.text = nn.ModuleList([TextBlock(text, 2**number) for number in range(settings.text_layers)])
        self.text_norm = nn.LayerNorm(text)
        first = Convolutions(1 + COORDINATES, widths[0])
        self.down = nn.ModuleList([first, *(Convolutions(a, b, 2) for a, b in pairwise(widths))])
        self.add_way_up(widths, widths[:-1], settings.scales, text)

    def encode_image(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of the way down of images (B, 3, S, S), from the full size on."""
        maps = [self.down[0](with_places(images[:, :1]))]
        for level in self.down[1:]:
            maps.append(level(maps[-1]))
        return tuple(maps)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Return one vector (M, text_width) for each row of characters (M, L); padding changes nothing.

        Of every channel the largest value counts: what names a structure stands out among whatever else is said. It
        learnt in fewer steps than a weighted mean did.
        """
        inside = (tokens > 0)[..., None]
        hidden = self.characters(tokens) * inside
        for block in self.text:
            hidden = block(hidden, inside)
        return cast("Tensor", self.text_norm(hidden.masked_fill(~inside, float("-inf")).amax(1)))

    def encoder_blocks(self) -> dict[str, list[list[Part]]]:
        """Return the levels of the way down; and characters, blocks and pooling of the text encoder."""
        text = steps_of([self.characters], self.text, [self.text_norm])
        return {"vision": [[level] for level in self.down], "text": text}


def with_places(grey: Tensor) -> Tensor:
    """Add row and column of each pixel, -1 to 1, to grey images (B, 1, S, S): (B, 3, S, S)."""
    count, _, rows, columns = grey.shape
    row, column = (torch.linspace(-1, 1, size, device=grey.device) for size in (rows, columns))
    return torch.cat([grey, torch.stack(torch.meshgrid(row, column, indexing="ij")).expand(count, -1, -1, -1)], 1)
