"""CRIS as one network whose state dict has the published names: backbone, neck, decoder, projector."""

from __future__ import annotations

from torch import nn

from synthboost.models.cris.clip import ClipBackbone
from synthboost.models.cris.decoder import VisionLanguageDecoder
from synthboost.models.cris.neck import Neck
from synthboost.models.cris.projector import Projector
from synthboost.models.cris.settings import CrisSettings
from synthboost.models.cris.text import TextTransformer
from synthboost.models.cris.vision import EXPANSION, ModifiedResNet


class CrisNetwork(nn.Module):
    """The four parts under the names that published files have (Figure 2 of arXiv 2111.15174)."""

    def __init__(self, settings: CrisSettings, vocabulary: int) -> None:
        """Build with random weights for so many tokens."""
        super().__init__()
        width, text, embedding = settings.vision_width, settings.text_width, settings.embedding_width
        self.backbone = ClipBackbone(
            visual=ModifiedResNet(
                layers=settings.vision_layers,
                width=width,
                heads=settings.vision_heads,
                positions=settings.vision_positions,
                embedding=embedding,
            ),
            transformer=TextTransformer(text, settings.text_layers, settings.text_heads),
            vocabulary=vocabulary,
            positions=settings.text_positions,
            width=text,
            embedding=embedding,
        )
        self.neck = Neck(
            vision=(2 * EXPANSION * width, 4 * EXPANSION * width, embedding),
            widths=settings.neck_widths,
            embedding=embedding,
            grid=settings.grid,
        )
        self.decoder = VisionLanguageDecoder(
            width=text,
            layers=settings.decoder_layers,
            heads=settings.decoder_heads,
            mlp=settings.decoder_mlp,
            dropout=settings.dropout,
            grid=settings.grid,
            text_length=settings.text_length,
        )
        self.proj = Projector(embedding, text)
