"""What a TextUNet is made of, and the presets."""

from __future__ import annotations

from dataclasses import dataclass

from synthboost.errors import require_fields


@dataclass(frozen=True)
class TextUNetSettings:
    """Sizes of a TextUNet. The defaults are those of `base`."""

    input_size: int = 128
    """Square input in pixels; a multiple of the coarsest level's stride. Masks come out at the same size."""
    widths: tuple[int, ...] = (16, 32, 64, 96, 128, 160)
    """Channels of the levels, from the full size on; each level halves the size."""
    scales: int = 3
    """Levels, from the full size on, at which the sentence is compared with the image."""
    text_width: int = 96
    """Of the characters' embeddings and of the text encoder's blocks."""
    text_layers: int = 4
    """Blocks of the text encoder; each sees two characters more on either side, dilated by two from block to block."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot form a network."""
        stride = 2 ** (len(self.widths) - 1)
        require_fields(
            self,
            ("widths", len(self.widths) >= 2 and min(self.widths, default=0) >= 1, "two or more positive numbers"),
            ("input_size", self.input_size % stride == 0, f"a multiple of {stride}"),
            # A single position would have no variance for instance normalisation.
            ("input_size", self.input_size >= 2 * stride, f"{2 * stride} or more"),
            ("scales", 1 <= self.scales < len(self.widths), f"1 to {len(self.widths) - 1}"),
            ("text_width", self.text_width >= 1, "1 or more"),
            ("text_layers", 1 <= self.text_layers <= 6, "1 to 6"),
        )


@dataclass(frozen=True)
class Lite0MiniLMSettings:
    """Sizes of a TextUNet with EfficientNet-Lite0 and a BERT, by default MiniLM, as encoders."""

    input_size: int = 128
    """Square input in pixels; a multiple of Lite0's stride, 32. Masks come out at the same size."""
    widths: tuple[int, int, int, int, int] = (16, 32, 48, 64, 112)
    """Channels of the decoder, from the full size to a sixteenth of it."""
    scales: int = 3
    """Levels, from the full size on, at which the sentence is compared with the image."""
    text_width: int = 384
    text_layers: int = 6
    text_heads: int = 12

    def __post_init__(self) -> None:
        """Refuse sizes that cannot form a network."""
        require_fields(
            self,
            ("input_size", self.input_size % 32 == 0 and self.input_size >= 64, "a multiple of 32, 64 or more"),
            ("widths", len(self.widths) == 5 and min(self.widths) >= 1, "five positive numbers"),
            ("scales", 1 <= self.scales <= 5, "1 to 5"),
            ("text_layers", self.text_layers >= 1, "1 or more"),
            ("text_heads", self.text_heads >= 1 and self.text_width % self.text_heads == 0, "a divisor of text_width"),
        )


TINY = TextUNetSettings(input_size=96, widths=(12, 24, 36, 48, 72), text_width=48, text_layers=3)
"""For two CPU cores: learns from random weights in a minute or two."""

PRESETS: dict[str, TextUNetSettings | Lite0MiniLMSettings] = {
    "tiny": TINY,
    "base": TextUNetSettings(),
    "lite0-minilm": Lite0MiniLMSettings(),
}
"""Architectures by name, with random weights."""
