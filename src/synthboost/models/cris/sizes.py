"""The sizes of a published CRIS or CLIP, read from the shapes of its tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from synthboost.errors import CheckpointError
from synthboost.models.cris.settings import CrisSettings

HEAD_WIDTH = 64
"""Channels per attention head in everything that was published; no tensor's shape tells."""
VISUAL = "backbone.visual."


def infer_settings(state: Mapping[str, Tensor], source: Path, input_size: int) -> CrisSettings:
    """Infer the settings of weights under the names of `CrisNetwork`; what CLIP alone does not tell is published.

    Args:
        state: at least the two encoders.
        source: the file they come from, for messages.
        input_size: of the square images, in pixels; no weight depends on it.

    Raises:
        CheckpointError: a tensor that tells a size is missing, or has another number of dimensions.
        ConfigError: the sizes, or `input_size`, cannot form a network.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
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


def infer_vocabulary(state: Mapping[str, Tensor], source: Path) -> int:
    """Return for how many tokens the text encoder was made.

    Raises:
        CheckpointError: the embedding is missing.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    return _shape(shapes, "backbone.token_embedding.weight", 2, source)[0]


def _shape(shapes: Mapping[str, tuple[int, ...]], name: str, dimensions: int, source: Path) -> tuple[int, ...]:
    found = shapes.get(name)
    if found is None or len(found) != dimensions or 0 in found:
        raise CheckpointError(
            source, "tensors", f"{name} is {'missing' if found is None else found}", f"one of {dimensions} dimensions",
            "Nothing was loaded.",
        )  # fmt: skip
    return found


def _count(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> int:
    """How many numbered modules there are under a prefix."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in shapes if name.startswith(prefix)})


def _heads(width: int) -> int:
    return max(1, width // HEAD_WIDTH)
