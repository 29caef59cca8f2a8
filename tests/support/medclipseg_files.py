"""Files of MedCLIPSeg as its authors write them, of weights of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

THEIRS = (
    (r"vision\.vision_model\.embeddings\.class_embedding", "vision_model.class_embedding"),
    (r"vision\.vision_model\.embeddings\.patch_embedding", "vision_model.conv1"),
    (r"vision\.vision_model\.embeddings\.position_embedding\.weight", "vision_model.positional_embedding"),
    (r"vision\.vision_model\.pre_layrnorm", "vision_model.ln_pre"),
    (r"vision\.vision_model\.post_layernorm", "vision_model.ln_post"),
    (r"vision\.vision_model\.encoder\.layers", "vision_model.transformer.resblocks"),
    (r"layer_norm([12])", r"ln_\1"), (r"self_attn", "attn"), (r"mlp\.fc1", "mlp.c_fc"), (r"mlp\.fc2", "mlp.c_proj"),
    (r"^text_model", "text_model.transformer"), (r"^text_projection", "text_model.proj"),
)  # fmt: skip
"""Our names -> those of the authors, in this order."""


def published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give our tensors the authors' names; their query, key and value are one matrix, their projection is turned."""
    theirs: dict[str, Tensor] = {"logit_scale": torch.ones(())}
    for name, tensor in state.items():
        for ours, their_name in THEIRS:
            name = re.sub(ours, their_name, name)
        theirs[name] = tensor
    theirs["vision_model.proj"] = theirs.pop("vision.visual_projection.weight").T
    for name in [name for name in theirs if ".attn.q_proj." in name]:
        parts = [theirs.pop(name.replace("q_proj", f"{letter}_proj")) for letter in "qkv"]
        theirs[name.replace("q_proj.", "in_proj_")] = torch.cat(parts)
    return theirs
