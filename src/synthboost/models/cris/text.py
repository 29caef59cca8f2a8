"""The text encoder: CLIP's causal transformer, which gives each word a feature and the sentence one state.

The transformer of arXiv 2103.00020, section 2.4. CRIS (arXiv 2111.15174, section 3.1) takes the words after the last
normalisation, not projected, and the sentence at its end token, projected into the joint embedding.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GELU_SLOPE = 1.702
"""CLIP's cheap GELU is x * sigmoid(1.702 x)."""


class TextBlock(nn.Module):
    """Attention, in which a word sees itself and what stands before it, then a perceptron of four times the width.

    Each is normalised before and added after.
    """

    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        widen, narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.mlp = nn.ModuleDict({"c_fc": widen, "c_proj": narrow})
        nn.init.normal_(self.attn.in_proj_weight, std=width**-0.5)
        nn.init.normal_(widen.weight, std=(2 * width) ** -0.5)
        for added in (self.attn.out_proj, narrow):  # what is added grows with depth unless it is scaled
            nn.init.normal_(added.weight, std=width**-0.5 * (2 * layers) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (M, L, width) into (M, L, width)."""
        x = x + self._attend(self.ln_1(x))
        hidden = self.mlp["c_fc"](self.ln_2(x))
        return x + self.mlp["c_proj"](hidden * torch.sigmoid(GELU_SLOPE * hidden))  # type: ignore[no-any-return]

    def _attend(self, x: Tensor) -> Tensor:
        # The mask is left unread where attention knows what causal means, but the library asks for it.
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        attended: Tensor = self.attn(x, x, x, attn_mask=later, is_causal=True, need_weights=False)[0]
        return attended


def padding_of(tokens: Tensor, end: int) -> Tensor:
    """Return where a sentence is over: True at every position after its first end token, (M, L) bool.

    Not by the number of a padding token: CLIP's own tokenizer pads with the end token, and its number 0 is the
    exclamation mark, which the published code masks instead.
    """
    ends = tokens == end
    return (ends.cumsum(1) - ends.long()) > 0


def at_end(features: Tensor, padding: Tensor) -> Tensor:
    """Return the feature of each sentence's end token: (M, C) out of (M, L, C)."""
    last = (~padding).sum(1) - 1
    return features[torch.arange(len(features), device=features.device), last]


def pad_sentences(words: Tensor, state: Tensor, padding: Tensor, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Lengthen encoded sentences to `length` words: zeros, marked as padding."""
    more = length - words.shape[1]
    return F.pad(words, (0, 0, 0, more)), state, F.pad(padding, (0, more), value=True)
