"""Files that the authors' `train.py` writes (github.com/HealthX-Lab/MedCLIPSeg), turned into a folder of ours once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from synthboost.errors import CheckpointError
from synthboost.models.medclipseg.model import MedClipSeg
from synthboost.models.medclipseg.settings import MedClipSegSettings
from synthboost.models.tokenizing import read_tokenizer
from synthboost.models.weights_folder import load_strictly, read_file, refuse_non_finite, renamed

_VISION = "vision.vision_model."
_BLOCK, _LAYER = r"vision_model\.transformer\.resblocks\.(\d+)\.", rf"{_VISION}encoder.layers.\1."
NAMES = (
    (r"vision_model\.class_embedding", f"{_VISION}embeddings.class_embedding"),
    (r"vision_model\.conv1\.", f"{_VISION}embeddings.patch_embedding."),
    (r"vision_model\.positional_embedding", f"{_VISION}embeddings.position_embedding.weight"),
    (r"vision_model\.ln_pre\.", f"{_VISION}pre_layrnorm."),
    (r"vision_model\.ln_post\.", f"{_VISION}post_layernorm."),
    (rf"{_BLOCK}ln_([12])\.", rf"{_LAYER}layer_norm\2."),
    (rf"{_BLOCK}attn\.", rf"{_LAYER}self_attn."),
    (rf"{_BLOCK}mlp\.c_fc\.", rf"{_LAYER}mlp.fc1."),
    (rf"{_BLOCK}mlp\.c_proj\.", rf"{_LAYER}mlp.fc2."),
    (r"text_model\.transformer\.", "text_model."),
    (r"text_model\.proj\.", "text_projection."),
)
"""Beginning of a published name -> in `MedClipSegNetwork`. All others are the same."""
JOINED, PROJECTION = re.compile(r"(.+\.attn\.)in_proj_(weight|bias)"), "vision_model.proj"
WORDS = "text_model.embeddings.word_embeddings.weight"
UNUSED = "logit_scale"
"""Of the contrast that the encoders were trained with."""


def convert(path: Path, folder: Path, tokenizer: Path, settings: MedClipSegSettings) -> MedClipSeg:
    """Turn a published file into a folder that `load_segmenter` reads.

    Args:
        path: `MedCLIPSeg_unimedclip_ViT-B-16_*.pth`, a dictionary with `model`. No code of it runs.
        folder: written whole or not at all.
        tokenizer: a folder with the `tokenizer.json` of BiomedBERT, whose words BiomedCLIP has too.
        settings: the sizes; those of all published files are the preset's, and no tensor tells which layers fuse.

    Raises:
        CheckpointError: the file or the tokenizer is absent, damaged, or does not fit.
        OutputError: the folder cannot be written.
    """
    found = read_file(path)
    state = found.get("model") if isinstance(found, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise CheckpointError(path, "model", "absent or no tensors", "the weights of a MedCLIPSeg, as train.py saves")
    refuse_non_finite(path, state)
    ours = from_published({name: tensor.float() for name, tensor in state.items()})
    words = read_tokenizer(tokenizer, ends=False)
    known = len(ours.get(WORDS, ()))
    if known and len(words) != known:
        raise CheckpointError(tokenizer, "vocabulary", f"{len(words)} tokens", f"{known} tokens, as in {path.name}")
    model = MedClipSeg(settings, words)
    load_strictly(model.network, ours, path, ("position_ids",))
    model.eval().save_pretrained(folder)
    return model


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give published tensors our names; query, key and value, which are one matrix there, come apart."""
    ours: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if found := JOINED.fullmatch(name):
            parts = zip("qkv", tensor.chunk(3), strict=True)
            ours |= {renamed(f"{found[1]}{letter}_proj.{found[2]}", NAMES): part for letter, part in parts}
        elif name == PROJECTION:
            ours["vision.visual_projection.weight"] = tensor.T
        elif name != UNUSED:
            ours[renamed(name, NAMES)] = tensor
    return ours
