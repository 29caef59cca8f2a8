"""The vision-language decoder, and the projector that turns its map into logits.

In the decoder (CRIS, arXiv 2111.15174, section 3.2, equations 6-8) every pixel of the fused map attends to all pixels,
then to the words. In the projector (section 3.3) the map grows to a quarter of the input's size, and the sentence's
state is mapped to the weights of a 3 x 3 convolution. Names of parameters are the published ones.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.models.cris.neck import conv_layer
from synthboost.models.cris.settings import CrisSettings

KERNEL = 3
"""The side of the kernel that a sentence dictates."""


class VisionLanguageDecoder(nn.Module):
    """Transformer layers over the pixels of a map, with the words of a sentence as memory."""

    pixel_positions: Tensor
    word_positions: Tensor

    def __init__(self, settings: CrisSettings) -> None:
        """Build with torch's initial weights."""
        super().__init__()
        width = settings.text_width
        self.layers = nn.ModuleList(
            DecoderLayer(width, settings.decoder_heads, settings.decoder_mlp, settings.dropout)
            for _ in range(settings.decoder_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.register_buffer("pixel_positions", _sines_2d(settings.grid, width), persistent=False)
        self.register_buffer("word_positions", _sines(settings.text_positions, width), persistent=False)

    def forward(self, maps: Tensor, words: Tensor, padding: Tensor) -> Tensor:
        """Decode N pairs: maps (N, width, g, g) with words (N, L, width); `padding` (N, L) is True where no word is."""
        placed_words = words + self.word_positions[: words.shape[1]]
        pixels = maps.flatten(2).transpose(1, 2)
        for layer in self.layers:
            pixels = layer(pixels, self.pixel_positions, words, placed_words, padding)
        return self.norm(pixels).transpose(1, 2).unflatten(2, maps.shape[2:])  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Self-attention, attention to the words, perceptron; each normalised before and, inside its branch, after."""

    def __init__(self, width: int, heads: int, mlp: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.self_attn_norm, self.cross_attn_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ffn = nn.Sequential(
            nn.Linear(width, mlp), nn.ReLU(), nn.Dropout(dropout), nn.LayerNorm(mlp), nn.Linear(mlp, width)
        )
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, pixels: Tensor, positions: Tensor, words: Tensor, placed_words: Tensor, padding: Tensor
    ) -> Tensor:
        """Turn pixels (N, g * g, width) into the same shape.

        Args:
            pixels: features of the map's pixels, row by row.
            positions: (g * g, width), added to queries and to the pixels' keys, not to values.
            words: (N, L, width), the values that pixels read.
            placed_words: `words` with their positions, the keys.
            padding: (N, L), True where there is no word.
        """
        seen = self.norm1(pixels)
        placed = seen + positions
        attended = self.self_attn(placed, placed, seen, need_weights=False)[0]
        pixels = pixels + self.dropout(self.self_attn_norm(attended))
        query = self.norm2(pixels) + positions
        read = self.multihead_attn(query, placed_words, words, key_padding_mask=padding, need_weights=False)[0]
        pixels = pixels + self.dropout(self.cross_attn_norm(read))
        return pixels + self.dropout(self.ffn(self.norm3(pixels)))  # type: ignore[no-any-return]


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


def _sines(length: int, width: int) -> Tensor:
    """Return sine position codes (length, width): sines at even places, cosines at odd ones."""
    slowness = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
    angle = torch.arange(length)[:, None] * slowness
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1)


def _sines_2d(grid: int, width: int) -> Tensor:
    """Return position codes (grid * grid, width) of pixels row by row: first half the column, second half the row."""
    codes = _sines(grid, width // 2)
    column, row = codes[None].expand(grid, -1, -1), codes[:, None].expand(-1, grid, -1)
    return torch.cat([column, row], 2).flatten(0, 1)
