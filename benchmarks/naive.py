"""The naive way to run a model, which the paper's code takes: every pair of image and sentence is a row of its own.

The image is encoded again for each of its sentences, each sentence is padded to the text encoder's whole length, and a
CLIPSeg runs all its vision blocks, also those after the last one that the decoder reads.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from synthboost.models.base import Segmenter
from synthboost.models.catalogue import settings_of
from synthboost.models.clipseg.model import ClipSeg
from synthboost.models.registry import segmenter_class


def build(model: str, preset: str) -> Segmenter:
    """Build a model with the random weights of seed 0; a CRIS takes as many tokens as it has positions for (77)."""
    settings = settings_of(model, preset)
    torch.manual_seed(0)
    return segmenter_class(model).from_settings(settings).eval()


def one_row_per_pair(
    model: Segmenter, images: Tensor, tokens: Tensor, image_index: Tensor, text_index: Tensor
) -> Tensor:
    """Return the logits (N, s, s) of N pairs; arguments as of `Segmenter.forward`."""
    rows, sentences = images[image_index], pad(model, tokens)[text_index]
    if not isinstance(model, ClipSeg):
        return model(rows, sentences, torch.arange(len(rows), device=rows.device))
    if model.is_frozen("vision") and model.is_frozen("text"):
        return model.network(input_ids=sentences, pixel_values=rows, interpolate_pos_encoding=True).logits
    return _trainable_clipseg(model, rows, sentences)


def pad(model: Segmenter, tokens: Tensor) -> Tensor:
    """Lengthen tokens (M, L) to the most that the text encoder takes, by the model's own padding."""
    return F.pad(tokens, (0, model.text_length - tokens.shape[1]), value=model.tokenizer.pad_token_id)


def _trainable_clipseg(model: ClipSeg, rows: Tensor, sentences: Tensor) -> Tensor:
    # The library's own forward runs both encoders without gradients, so its modules are called one by one.
    clip, read = model.network.clip, model.settings.extract_layers
    seen = clip.get_image_features(rows, interpolate_pos_encoding=True, output_hidden_states=True)
    activations = [seen.hidden_states[number + 1] for number in read]  # the first state is the embedding
    embedding = clip.get_text_features(sentences).pooler_output
    return model.network.decoder(activations, embedding).logits
