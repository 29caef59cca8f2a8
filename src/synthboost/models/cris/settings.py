"""What a CRIS of ours is made of, and the presets."""

from __future__ import annotations

from dataclasses import dataclass, fields

from synthboost.errors import ConfigError
from synthboost.models.cris.vision import STRIDE

LEAST_SIZE = 2 * STRIDE
"""A single position would have no variance for the normalisation of a batch of one image."""


@dataclass(frozen=True)
class CrisSettings:
    """Sizes of a CRIS. The defaults are those that were published for a ResNet-50 (147 M parameters)."""

    input_size: int = 416
    """Square input in pixels; a multiple of 32, at least 64."""
    vision_layers: tuple[int, int, int, int] = (3, 4, 6, 3)
    """Bottlenecks in each stage of the residual network."""
    vision_width: int = 64
    """Channels that leave its stem; its four stages have 4, 8, 16 and 32 times as many."""
    vision_heads: int = 32
    """Of the attention pooling."""
    vision_positions: int = 7
    """The side of the grid for which position embeddings are stored (224 px); they are interpolated."""
    text_width: int = 512
    """Of a word's feature, and of the decoder's pixels."""
    text_layers: int = 12
    text_heads: int = 8
    text_positions: int = 77
    """Positions for which embeddings are stored."""
    text_length: int = 56
    """Most tokens a sentence may have, start and end included; the longest sentence of P7 has 43, and the clause that
    names the domain adds a few.

    The authors published 17, for shorter sentences; it is a limit only, no weight depends on it.
    """
    embedding_width: int = 1024
    """CLIP's joint embedding: of a sentence's state, and of the deepest map."""
    neck_widths: tuple[int, int, int] = (256, 512, 1024)
    """Channels of the neck's maps, fine to coarse; the middle one is `text_width`."""
    decoder_layers: int = 3
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    dropout: float = 0.1
    """In the decoder."""
    pixel_mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    pixel_std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    """CLIP's."""
    antialias: bool = True
    """The original code resizes without low-pass filter; ours filters (`docs/differences.md`)."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot form a network."""
        self._require("input_size", self.input_size % STRIDE == 0, f"a multiple of {STRIDE}")
        self._require("input_size", self.input_size >= LEAST_SIZE, f"{LEAST_SIZE} or more")
        self._require("vision_width", self.vision_width % 2 == 0, "an even number")
        self._require("vision_heads", 32 * self.vision_width % self.vision_heads == 0, "a divisor of 32 vision_width")
        self._require("text_width", self.text_width % 4 == 0, "a multiple of 4")
        for name in ("text_heads", "decoder_heads"):
            self._require(
                name, self.text_width % getattr(self, name) == 0, f"a divisor of text_width {self.text_width}"
            )
        self._require("text_length", 2 <= self.text_length <= self.text_positions, f"2 to {self.text_positions}")
        self._require(
            "neck_widths", self.neck_widths[1] == self.text_width, f"text_width {self.text_width} in the middle"
        )
        self._require("dropout", 0 <= self.dropout < 1, "0 or more, below 1")

    @property
    def grid(self) -> int:
        """The side of the map that the decoder sees."""
        return self.input_size // 16

    def _require(self, name: str, holds: bool, expected: str) -> None:
        assert name in {field.name for field in fields(self)}
        if not holds:
            raise ConfigError("CrisSettings", name, getattr(self, name), expected)


TINY = CrisSettings(
    input_size=96,
    vision_layers=(1, 1, 1, 1),
    vision_width=8,
    vision_heads=4,
    vision_positions=3,
    text_width=32,
    text_layers=2,
    text_heads=2,
    text_positions=64,
    text_length=64,
    embedding_width=64,
    neck_widths=(16, 32, 32),
    decoder_layers=2,
    decoder_heads=4,
    decoder_mlp=128,
)
"""For two CPU cores: learns from random weights in about a minute."""

PRESETS: dict[str, CrisSettings] = {
    "tiny": TINY,
    "rn50": CrisSettings(),
}
"""Architectures by name, with random weights; `rn50` is the published size."""
