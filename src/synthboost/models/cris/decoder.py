"""The vision-language decoder: every pixel of the fused map looks at all pixels, then at the words.

CRIS, arXiv 2111.15174, section 3.2, equations 6-8. Names of parameters are the published ones.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from synthboost.models.cris.settings import CrisSettings


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
        self.register_buffer("word_positions", _sines(settings.text_length, width), persistent=False)

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
