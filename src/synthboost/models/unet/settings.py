"""What a U-Net of ours is made of, and the presets."""

from __future__ import annotations

from dataclasses import dataclass

from synthboost.errors import require_fields

STRIDE = 16
"""Pixels of the input per position of the deepest map: four halvings."""
LEAST_SIZE = 2 * STRIDE
"""A single position would have no variance for instance normalisation."""
SLOPE = 0.1
"""Of the leaky rectifiers."""


@dataclass(frozen=True)
class UNetSettings:
    """Sizes of a U-Net: five levels of two 3 x 3 convolutions each. The defaults are for 256 px (7.8 M parameters)."""

    input_size: int = 256
    """Square input in pixels; a multiple of 16, at least 32. Masks come out at the same size."""
    widths: tuple[int, int, int, int, int] = (32, 64, 128, 256, 512)
    """Channels of the encoder's levels, from the full size to a sixteenth of it."""
    last_width: int = 32
    """Channels before the last, 1 x 1 convolution."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot form a network."""
        require_fields(
            self,
            ("input_size", self.input_size % STRIDE == 0, f"a multiple of {STRIDE}"),
            ("input_size", self.input_size >= LEAST_SIZE, f"{LEAST_SIZE} or more"),
            ("widths", len(self.widths) == 5 and min(self.widths) >= 1, "five positive numbers"),
            ("widths", all(width % 2 == 0 for width in self.widths[2:]), "even numbers from the third on"),
            ("last_width", self.last_width >= 1, "1 or more"),
        )


TINY = UNetSettings(input_size=96, widths=(8, 16, 32, 64, 128), last_width=8)
"""For two CPU cores: learns from random weights in about a minute."""

PRESETS: dict[str, UNetSettings] = {
    "tiny": TINY,
    "unet256": UNetSettings(),
}
"""Architectures by name, with random weights."""
