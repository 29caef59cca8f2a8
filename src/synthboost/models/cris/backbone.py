"""CLIP's two encoders (arXiv 2103.00020) under its published names: the residual network and the causal transformer.

The residual network has three stem convolutions, average pooling before every stride, and attention instead of a global
average at the end. CRIS (arXiv 2111.15174, section 3.1) reads three depths of it, and lets every position of the last
map attend to all others, where CLIP lets only their mean do so. Of the transformer (section 2.4) it takes the words
after the last normalisation, not projected, and the sentence at its end token, projected into the joint embedding.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.models.base import Part, steps_of
from synthboost.models.cris.settings import CrisSettings

EXPANSION = 4
"""A bottleneck's output has so many times the channels of its 3 x 3 convolution."""
HEAD_WIDTH = 64
"""Channels per head of the attention pooling."""
GELU_SLOPE = 1.702
"""CLIP's cheap GELU is x * sigmoid(1.702 x)."""


class ClipBackbone(nn.Module):
    """CLIP's two encoders: `visual`, and the text encoder's parts beside it, as in CLIP's own files."""

    def __init__(self, settings: CrisSettings, vocabulary: int) -> None:
        """Build with CLIP's initial weights."""
        super().__init__()
        width, layers = settings.text_width, settings.text_layers
        self.visual = ModifiedResNet(settings)
        blocks = [CausalBlock(width, settings.text_heads, layers) for _ in range(layers)]
        self.transformer = nn.ModuleDict({"resblocks": nn.Sequential(*blocks)})
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.empty(settings.text_positions, width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, settings.embedding_width))
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))  # of CLIP's loss; no mask depends on it
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=width**-0.5)

    def encode_text(self, tokens: Tensor, end: int) -> tuple[Tensor, Tensor, Tensor]:
        """Encode tokens (M, L) that end with the token `end`.

        Returns:
            Word features (M, L, width), zero where there is no word; the sentences' states (M, embedding); and where
            there is no word (M, L), bool.
        """
        padding = padding_of(tokens, end)
        hidden = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        words = self.ln_final(self.transformer["resblocks"](hidden))
        return words.masked_fill(padding[..., None], 0), at_end(words, padding) @ self.text_projection, padding

    def text_blocks(self) -> list[list[Part]]:
        """Return all parts of the text encoder from input to output: embeddings, then each block."""
        blocks = self.transformer["resblocks"].children()
        return steps_of(
            [self.token_embedding, self.positional_embedding], blocks, [self.ln_final, self.text_projection]
        )


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
        self.heads, self.positions = width // HEAD_WIDTH, settings.vision_positions
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


class CausalBlock(nn.Module):
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
