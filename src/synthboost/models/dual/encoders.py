"""The dual encoders of transformers: how each is built, gone through, and read from its published files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, CLIPConfig, CLIPModel, SiglipConfig, SiglipModel, ViTConfig, ViTModel

from synthboost.models.base import Part, steps_of
from synthboost.models.dual.settings import DualSettings, Family
from synthboost.models.text_conditioned import ClipTowers, Towers
from synthboost.models.weights_folder import renamed


class SiglipTowers(ClipTowers):
    """SigLIP (arXiv 2303.15343): no class token; text of one length, which is read at its last token."""

    prefix = 0

    def embed(self, images: Tensor) -> Tensor:
        """See `Towers.embed`; positions are interpolated."""
        return cast("Tensor", self.model.vision_model.embeddings(images, interpolate_pos_encoding=True))

    @property
    def embedding_parts(self) -> list[Part]:
        """See `Towers.embedding_parts`."""
        return [self.model.vision_model.embeddings]

    def text_steps(self) -> list[list[Part]]:
        """See `Towers.text_steps`."""
        text = self.model.text_model
        return steps_of([text.embeddings], text.encoder.layers, [text.final_layer_norm, text.head])


class BiomedClip(nn.Module):
    """BiomedCLIP (arXiv 2303.00915): a ViT, and a BERT whose first token two linear layers project."""

    def __init__(self, vision: ViTConfig, text: BertConfig, projection_width: int) -> None:
        """Build with random weights."""
        super().__init__()
        self.config = type("Config", (), {"vision_config": vision})
        self.vision_model = ViTModel(vision, add_pooling_layer=False)
        self.text_model = BertModel(text, add_pooling_layer=False)
        self.projection = text_projection(text.hidden_size, projection_width)


def text_projection(width: int, projection_width: int) -> nn.Sequential:
    """Return the two layers that project a sentence, as open_clip puts them behind a BERT."""
    hidden = (width + projection_width) // 2
    return nn.Sequential(
        nn.Linear(width, hidden, bias=False), nn.GELU(), nn.Linear(hidden, projection_width, bias=False)
    )


class BiomedTowers(Towers):
    """BiomedCLIP's."""

    def embed(self, images: Tensor) -> Tensor:
        """See `Towers.embed`; positions are interpolated."""
        return cast("Tensor", self.model.vision_model.embeddings(images, interpolate_pos_encoding=True))

    @property
    def embedding_parts(self) -> list[Part]:
        """See `Towers.embedding_parts`."""
        return [self.model.vision_model.embeddings]

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """See `Towers.blocks`."""
        return cast("Sequence[nn.Module]", self.model.vision_model.layers)

    def embed_text(self, tokens: Tensor) -> Tensor:
        """See `Towers.embed_text`; padding is masked."""
        text = self.model.text_model
        inside = (tokens != text.config.pad_token_id).long()
        hidden = text(input_ids=tokens, attention_mask=inside).last_hidden_state
        return cast("Tensor", self.model.projection(hidden[:, 0]))

    def text_steps(self) -> list[list[Part]]:
        """See `Towers.text_steps`."""
        text = self.model.text_model
        return steps_of([text.embeddings], text.encoder.layer, [self.model.projection])


TOWERS: dict[Family, type[Towers]] = {"clip": ClipTowers, "siglip": SiglipTowers, "biomedclip": BiomedTowers}


def build_encoders(settings: DualSettings, tokenizer: Any) -> Any:
    """Build with random weights, for as many tokens as the tokenizer has."""
    vision, text = _sizes(settings, tokenizer)
    if settings.family == "clip":
        return CLIPModel(CLIPConfig(vision_config=vision, text_config=text, projection_dim=settings.projection_width))
    if settings.family == "siglip":
        text |= {"projection_size": settings.projection_width}
        return SiglipModel(SiglipConfig(vision_config=vision, text_config=text))
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return BiomedClip(
        ViTConfig(**vision, layer_norm_eps=1e-6), BertConfig(**text, **dropout), settings.projection_width
    )


def _sizes(settings: DualSettings, tokenizer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    def tower(width: int, layers: int) -> dict[str, Any]:
        return {
            "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": width // settings.head_width,
            "intermediate_size": 4 * width, "hidden_act": settings.activation,
        }  # fmt: skip

    vision = {"image_size": settings.vision_positions, "patch_size": settings.patch_size}
    text = {"max_position_embeddings": settings.text_length, "vocab_size": len(tokenizer)}
    text |= {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    text["bos_token_id"] = tokenizer.bos_token_id
    if settings.family == "biomedclip":
        text["max_position_embeddings"] = max(512, settings.text_length)
    return (
        tower(settings.vision_width, settings.vision_layers) | vision,
        tower(settings.text_width, settings.text_layers) | text,
    )


NAMES = (
    (r"visual\.trunk\.cls_token", "vision_model.embeddings.cls_token"),
    (r"visual\.trunk\.pos_embed", "vision_model.embeddings.position_embeddings"),
    (r"visual\.trunk\.patch_embed\.proj\.", "vision_model.embeddings.patch_embeddings.projection."),
    (r"visual\.trunk\.blocks\.(\d+)\.norm1\.", r"vision_model.layers.\1.layernorm_before."),
    (r"visual\.trunk\.blocks\.(\d+)\.norm2\.", r"vision_model.layers.\1.layernorm_after."),
    (r"visual\.trunk\.blocks\.(\d+)\.attn\.proj\.", r"vision_model.layers.\1.attention.o_proj."),
    (r"visual\.trunk\.blocks\.(\d+)\.attn\.([qkv])\.", r"vision_model.layers.\1.attention.\2_proj."),
    (r"visual\.trunk\.blocks\.(\d+)\.mlp\.", r"vision_model.layers.\1.mlp."),
    (r"visual\.trunk\.norm\.", "vision_model.layernorm."),
    (r"text\.transformer\.", "text_model."),
    (r"text\.proj\.", "projection."),
)
"""Beginning of a name in open_clip's file of BiomedCLIP -> in `BiomedClip`."""
NOT_USED = ("visual.head.", "logit_scale", "text.transformer.pooler.")


def from_open_clip(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of open_clip's file of BiomedCLIP; what projects images, and the scale, are left out."""
    apart: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if ".attn.qkv." in name:  # timm keeps query, key and value in one matrix
            for letter, part in zip("qkv", torch.chunk(tensor, 3), strict=True):
                apart[name.replace("qkv", letter)] = part
        elif not name.startswith(NOT_USED):
            apart[name] = tensor
    return {renamed(name, NAMES): tensor for name, tensor in apart.items()}
