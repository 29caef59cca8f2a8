"""What a CRIS of ours is made of, the presets, and the sizes of published weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from synthboost.errors import CheckpointError, require_fields

STRIDE = 32
"""Pixels of the input per position of the image encoder's deepest map."""
LEAST_SIZE = 2 * STRIDE
"""A single position would have no variance for the normalisation of a batch of one image."""

HEAD_WIDTH = 64
"""Channels per attention head in everything that was published; no tensor's shape tells."""
VISUAL = "backbone.visual."
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


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

    def __post_init__(self) -> None:
        """Refuse sizes that cannot form a network."""
        text, heads = self.text_width, f"a divisor of text_width {self.text_width}"
        require_fields(
            self,
            ("input_size", self.input_size % STRIDE == 0, f"a multiple of {STRIDE}"),
            ("input_size", self.input_size >= LEAST_SIZE, f"{LEAST_SIZE} or more"),
            ("vision_width", self.vision_width % 2 == 0, "an even number"),
            ("vision_heads", 32 * self.vision_width % self.vision_heads == 0, "a divisor of 32 vision_width"),
            ("text_width", text % 4 == 0, "a multiple of 4"),
            ("text_heads", text % self.text_heads == 0, heads),
            ("decoder_heads", text % self.decoder_heads == 0, heads),
            ("text_length", 2 <= self.text_length <= self.text_positions, f"2 to {self.text_positions}"),
            ("neck_widths", self.neck_widths[1] == text, f"text_width {text} in the middle"),
            ("dropout", 0 <= self.dropout < 1, "0 or more, below 1"),
        )

    @property
    def grid(self) -> int:
        """The side of the map that the decoder sees."""
        return self.input_size // 16


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


def infer_settings(shapes: Shapes, source: Path, input_size: int) -> CrisSettings:
    """Infer the settings of published weights; what CLIP alone does not tell is as published.

    Args:
        shapes: of tensors under the names of `CrisNetwork`, at least those of the two encoders.
        source: the file they come from, for messages.
        input_size: of the square images, in pixels; no weight depends on it.

    Raises:
        CheckpointError: a tensor that tells a size is missing, or has another number of dimensions.
        ConfigError: the sizes, or `input_size`, cannot form a network.
    """
    text_positions, text = _shape(shapes, "backbone.positional_embedding", 2, source)
    positions, vision = _shape(shapes, f"{VISUAL}attnpool.positional_embedding", 2, source)
    embedding = _shape(shapes, "backbone.text_projection", 2, source)[1]
    sizes = {
        "input_size": input_size,
        "vision_layers": tuple(_count(shapes, f"{VISUAL}layer{stage}.") for stage in (1, 2, 3, 4)),
        "vision_width": vision // 32,
        "vision_heads": _heads(vision),
        "vision_positions": math.isqrt(positions - 1),
        "text_width": text,
        "text_layers": _count(shapes, "backbone.transformer.resblocks."),
        "text_heads": _heads(text),
        "text_positions": text_positions,
        "text_length": min(CrisSettings.text_length, text_positions),
        "embedding_width": embedding,
        "neck_widths": (text // 2, text, 2 * text),
        "decoder_heads": _heads(text),
    }
    if decoder_layers := _count(shapes, "decoder.layers."):
        fine = _shape(shapes, "neck.f3_v_proj.0.weight", 4, source)[0]
        coarse = _shape(shapes, "neck.f1_v_proj.0.weight", 4, source)[0]
        mlp = _shape(shapes, "decoder.layers.0.ffn.0.weight", 2, source)[0]
        sizes |= {"neck_widths": (fine, text, coarse), "decoder_layers": decoder_layers, "decoder_mlp": mlp}
    return CrisSettings(**sizes)  # type: ignore[arg-type]


def infer_vocabulary(shapes: Shapes, source: Path) -> int:
    """Return for how many tokens the text encoder was made.

    Raises:
        CheckpointError: the embedding is missing.
    """
    return _shape(shapes, "backbone.token_embedding.weight", 2, source)[0]


def _shape(shapes: Shapes, name: str, dimensions: int, source: Path) -> tuple[int, ...]:
    found = shapes.get(name)
    if found is None or len(found) != dimensions or 0 in found:
        raise CheckpointError(
            source, "tensors", f"{name} is {'missing' if found is None else found}", f"one of {dimensions} dimensions",
            "Nothing was loaded.",
        )  # fmt: skip
    return found


def _count(shapes: Shapes, prefix: str) -> int:
    """How many numbered modules there are under a prefix."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in shapes if name.startswith(prefix)})


def _heads(width: int) -> int:
    return max(1, width // HEAD_WIDTH)
