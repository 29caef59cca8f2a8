"""What a CLIPSeg of ours is made of, and the presets."""

from __future__ import annotations

from dataclasses import dataclass

from synthboost.errors import require_fields


@dataclass(frozen=True)
class ClipSegSettings:
    """Sizes of a CLIPSeg. The defaults are those of the published `CIDAS/clipseg-rd64-refined` (151 M parameters)."""

    input_size: int = 352
    """Square input in pixels; a multiple of `patch_size`."""
    patch_size: int = 16
    vision_width: int = 768
    vision_layers: int = 12
    vision_positions: int = 224
    """The image size for which position embeddings are stored; they are interpolated to `input_size`."""
    text_width: int = 512
    text_layers: int = 12
    text_length: int = 77
    """Most tokens a sentence may have, start and end included."""
    head_width: int = 64
    """Channels per attention head of both encoders."""
    projection_width: int = 512
    extract_layers: tuple[int, ...] = (3, 6, 9)
    """Vision blocks whose output the decoder reads, counted from 0."""
    reduce_width: int = 64
    decoder_mlp: int = 2048
    conditional_layer: int = 0
    """The decoder layer before which the sentence modulates the image (FiLM). Published: the first.

    What comes before it is computed once per image, so a late layer makes further sentences cheaper. From random
    weights both learn to use the sentence (`docs/lab-log.md`).
    """
    initial_std: tuple[float, float, float] | None = None
    """Standard deviations of the initial FiLM weights, position embeddings and patch filters; `None` keeps torch's for
    the first and the library's 0.02 for the others. A position of 0.02 is a tenth of the embedded pixels, so that a
    model from random weights is slow to learn where it is."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot form a network."""
        require_fields(
            self,
            ("input_size", self.input_size % self.patch_size == 0, f"a multiple of patch_size ({self.patch_size})"),
            ("extract_layers", max(self.extract_layers) < self.vision_layers, f"numbers below {self.vision_layers}"),
        )


TINY = ClipSegSettings(
    input_size=96, patch_size=8, vision_width=128, vision_layers=4, vision_positions=96, text_width=64, text_layers=2,
    text_length=64, head_width=32, projection_width=64, extract_layers=(1, 2, 3), decoder_mlp=256, conditional_layer=2,
    initial_std=(0.1, 0.2, 0.05),
)  # fmt: skip
"""For two CPU cores: learns from random weights in about a minute."""

PRESETS: dict[str, ClipSegSettings] = {"tiny": TINY, "rd64": ClipSegSettings()}
"""Architectures by name, with random weights; `rd64` is the published size."""
