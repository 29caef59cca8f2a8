"""The sizes of a SAM 3, as far as they differ from transformers' defaults, and the presets."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal


@dataclass(frozen=True)
class Sam3Settings:
    """Which sizes; all others are in the library's configuration, which lies beside saved weights."""

    sizes: Literal["published", "tiny"] = "published"
    """`published`: 840 M parameters, 1008 px; for a GPU."""


def _transformer(layers: int) -> dict[str, int]:
    return {"hidden_size": 32, "num_layers": layers, "num_attention_heads": 2, "intermediate_size": 64}


_BACKBONE = {
    "model_type": "sam3_vit_model", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4,
    "num_attention_heads": 4, "image_size": 112, "pretrain_image_size": 56, "window_size": 4,
    "global_attn_indexes": [1, 3],
}  # fmt: skip
CONFIGURATIONS: MappingProxyType[str, dict[str, dict[str, Any]]] = MappingProxyType(
    {
        "published": {},
        "tiny": {
            "vision_config": {
                "backbone_config": _BACKBONE,
                "fpn_hidden_size": 32,
                "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
            },
            "text_config": {
                "hidden_size": 32, "intermediate_size": 64, "projection_dim": 16, "num_hidden_layers": 2,
                "num_attention_heads": 2, "max_position_embeddings": 64,
            },
            "geometry_encoder_config": _transformer(1),
            "detr_encoder_config": _transformer(2),
            "detr_decoder_config": _transformer(1) | {"num_queries": 4},
            "mask_decoder_config": {"hidden_size": 32, "num_attention_heads": 2},
        },
    }
)  # fmt: skip
"""Sizes -> parts of the library's configuration."""
PRESETS: dict[str, Sam3Settings] = {"tiny": Sam3Settings("tiny"), "sam3": Sam3Settings()}
"""Architectures by name, with random weights."""
