"""What a CRIS of ours is made of, and the presets."""

from __future__ import annotations

from dataclasses import dataclass

from synthboost.errors import require_fields

STRIDE = 32
"""Pixels of the input per position of the image encoder's deepest map."""
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
    vision_positions: int = 7
    """The side of the grid for which position embeddings are stored (224 px); they are interpolated."""
    text_width: int = 512
    """Of a word's feature, and of the decoder's pixels."""
    text_layers: int = 12
    text_heads: int = 8
    text_positions: int = 77
    """Most tokens a sentence may have, start and end included: CLIP's. The authors cut sentences after 17."""
    embedding_width: int = 1024
    """CLIP's joint embedding: of a sentence's state, and of the deepest map."""
    neck_widths: tuple[int, int, int] = (256, 512, 1024)
    """Channels of the neck's maps, fine to coarse; the middle one is `text_width`."""
    decoder_layers: int = 3
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    dropout: float = 0.1
    """In the decoder."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot form a network."""
        text, heads = self.text_width, f"a divisor of text_width {self.text_width}"
        require_fields(
            self,
            ("input_size", self.input_size % STRIDE == 0, f"a multiple of {STRIDE}"),
            ("input_size", self.input_size >= LEAST_SIZE, f"{LEAST_SIZE} or more"),
            ("vision_width", self.vision_width % 2 == 0, "an even number"),
            ("text_width", text % 4 == 0, "a multiple of 4"),
            ("text_heads", text % self.text_heads == 0, heads),
            ("decoder_heads", text % self.decoder_heads == 0, heads),
            ("text_positions", self.text_positions >= 2, "2 or more"),
            ("neck_widths", self.neck_widths[1] == text, f"text_width {text} in the middle"),
            ("dropout", 0 <= self.dropout < 1, "0 or more, below 1"),
        )

    @property
    def grid(self) -> int:
        """The side of the map that the decoder sees."""
        return self.input_size // 16


TINY = CrisSettings(
    input_size=96, vision_layers=(1, 1, 1, 1), vision_width=8, vision_positions=3, text_width=32, text_layers=2,
    text_heads=2, text_positions=64, embedding_width=64, neck_widths=(16, 32, 32), decoder_layers=2, decoder_heads=4,
    decoder_mlp=128,
)  # fmt: skip
"""For two CPU cores: learns from random weights in about a minute."""

PRESETS: dict[str, CrisSettings] = {"tiny": TINY, "rn50": CrisSettings()}
"""Architectures by name, with random weights; `rn50` is the published size."""
