"""CRIS as one network whose state dict has the published names: backbone, neck, decoder, projector."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from synthboost.models.base import Part
from synthboost.models.cris.decoder import VisionLanguageDecoder
from synthboost.models.cris.neck import Neck
from synthboost.models.cris.projector import Projector
from synthboost.models.cris.settings import CrisSettings
from synthboost.models.cris.text import TextBlock, at_end, padding_of
from synthboost.models.cris.vision import ModifiedResNet


class CrisNetwork(nn.Module):
    """The four parts under the names that published files have (Figure 2 of arXiv 2111.15174)."""

    def __init__(self, settings: CrisSettings, vocabulary: int) -> None:
        """Build with random weights for so many tokens."""
        super().__init__()
        self.backbone = ClipBackbone(settings, vocabulary)
        self.neck = Neck(settings)
        self.decoder = VisionLanguageDecoder(settings)
        self.proj = Projector(settings.embedding_width, settings.text_width)


class ClipBackbone(nn.Module):
    """CLIP's two encoders: `visual`, and the text encoder's parts beside it, as in CLIP's own files."""

    def __init__(self, settings: CrisSettings, vocabulary: int) -> None:
        """Build with CLIP's initial weights."""
        super().__init__()
        width, layers = settings.text_width, settings.text_layers
        self.visual = ModifiedResNet(settings)
        blocks = [TextBlock(width, settings.text_heads, layers) for _ in range(layers)]
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
        blocks: list[list[Part]] = [[block] for block in self.transformer["resblocks"].children()]
        blocks[-1] += [self.ln_final, self.text_projection]
        return [[self.token_embedding, self.positional_embedding], *blocks]
