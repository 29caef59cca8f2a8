"""What CLIPSeg's decoder over another dual encoder is made of, and the presets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from synthboost.models.clipseg.settings import TINY as TINY_CLIPSEG
from synthboost.models.clipseg.settings import ClipSegSettings

Family: TypeAlias = Literal["clip", "siglip", "biomedclip"]


@dataclass(frozen=True)
class DualSettings(ClipSegSettings):
    """Sizes; the defaults are those of CLIP ViT-B/16 under CLIPSeg's decoder."""

    family: Family = "clip"
    """`siglip`: also SigLIP 2, for a fixed input size. `biomedclip`: a ViT and a BERT."""
    activation: str = "quick_gelu"
    """Of the encoders' perceptrons, as transformers names it."""


TINY = DualSettings(**(vars(TINY_CLIPSEG) | {"text_length": 48}), family="siglip", activation="gelu_pytorch_tanh")
"""For two CPU cores, like CLIPSeg's."""

PRESETS: dict[str, DualSettings] = {
    "tiny": TINY,
    "clip-b16": DualSettings(),
    "siglip2-b16": DualSettings(
        text_width=768, text_length=64, projection_width=768, family="siglip", activation="gelu_pytorch_tanh"
    ),
    "biomedclip": DualSettings(text_width=768, text_length=256, family="biomedclip", activation="gelu"),
}
"""Architectures by name, with random weights; but `tiny`, all have the published sizes."""
