"""What a MedCLIPSeg of ours is made of, and the presets."""

from __future__ import annotations

from dataclasses import dataclass

from synthboost.errors import require_fields


@dataclass(frozen=True)
class MedClipSegSettings:
    """Sizes of a MedCLIPSeg. The defaults are those of the published ones, over UniMed-CLIP (215 M parameters)."""

    input_size: int = 224
    """Square input in pixels; a multiple of `patch_size`."""
    patch_size: int = 16
    layers: int = 12
    """Of each encoder: they are gone through side by side."""
    vision_width: int = 768
    text_width: int = 768
    text_length: int = 256
    """Tokens that every sentence is filled up to: what fills it takes part in the fusion, as published."""
    head_width: int = 64
    """Channels per attention head of both encoders."""
    projection_width: int = 512
    fused: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    """Layers before which words and patches meet, counted from 0, in ascending order."""
    fusion_width: int = 256
    beta: float = 2.35
    """How much the uncertainty of a key lowers its attention."""
    upscalings: int = 2
    """Each doubles the grid of patches."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot form a network."""
        ascending = self.fused == tuple(sorted({*self.fused}))
        within = bool(self.fused) and self.fused[0] >= 0 and self.fused[-1] < self.layers
        require_fields(
            self,
            ("input_size", self.input_size % self.patch_size == 0, f"a multiple of patch_size ({self.patch_size})"),
            ("fused", ascending and within, f"ascending numbers from 0 to {self.layers - 1}"),
        )


TINY = MedClipSegSettings(
    input_size=96, patch_size=8, layers=4, vision_width=128, text_width=64, text_length=48, head_width=32,
    projection_width=64, fused=(1, 2, 3), fusion_width=32,
)  # fmt: skip
"""For two CPU cores, like CLIPSeg's."""

PRESETS: dict[str, MedClipSegSettings] = {"tiny": TINY, "unimed-b16": MedClipSegSettings()}
"""Architectures by name, with random weights; `unimed-b16` is the published size."""
