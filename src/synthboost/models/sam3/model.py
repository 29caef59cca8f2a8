"""SAM 3 as a Segmenter: its semantic path alone, which says of each pixel whether the words mean it.

The detector's queries, boxes and scores, the tracker and the encoder of boxes take no part.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor
from transformers.models.sam3.configuration_sam3 import Sam3Config
from transformers.models.sam3.modeling_sam3 import Sam3Model

from synthboost.domain import PromptSet
from synthboost.models.base import Features, Part, Segmenter, steps_of
from synthboost.models.cris.backbone import padding_of
from synthboost.models.sam3.settings import CONFIGURATIONS, Sam3Settings
from synthboost.models.tokenizing import grammar_tokenizer, read_tokenizer
from synthboost.models.weights_folder import (
    FORMAT,
    MARK,
    load_strictly,
    load_weights,
    read_card,
    read_library_config,
    read_settings,
    read_tensors,
    weights_path,
)

SCALE = 4
"""Logits per patch and axis."""
DETECTOR, TRACKER = "detector_model.", ("tracker_model.", "tracker_neck.")
"""Beginnings of names in published files."""


class Sam3(Segmenter):
    """SAM 3 (arXiv 2511.16719), trained and asked through its semantic map."""

    name: ClassVar[str] = "sam3"
    pixel_mean = pixel_std = (0.5, 0.5, 0.5)
    cpu_pairs: ClassVar[int] = 2
    filled = True

    def __init__(self, settings: Sam3Settings, config: Sam3Config, tokenizer: Any) -> None:
        """Build with random weights; `from_settings` and `from_pretrained` are the usual ways in."""
        super().__init__()
        self.settings, self.network, self.tokenizer = settings, Sam3Model(config), tokenizer
        self.text_length = config.text_config.max_position_embeddings
        self.input_size = config.image_size
        self.output_size = config.image_size // config.vision_config.backbone_config.patch_size * SCALE

    @classmethod
    def from_settings(cls, settings: Sam3Settings, prompt_sets: Collection[PromptSet] = ()) -> Self:
        """Build with random weights and the grammar's own tokenizer; see `Segmenter.from_settings`."""
        tokenizer = grammar_tokenizer(prompt_sets)
        tokens = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
        parts = CONFIGURATIONS[settings.sizes]
        text = (
            Sam3Config().text_config.to_dict() | parts.get("text_config", {}) | tokens | {"vocab_size": len(tokenizer)}
        )
        return cls(settings, Sam3Config(**(parts | {"text_config": text})), tokenizer)

    @classmethod
    def from_pretrained(cls, folder: Path) -> Self:
        """Read what `save_pretrained` wrote, or a local copy of `facebook/sam3`."""
        card, config = read_card(folder), read_library_config(folder, "the configuration of a SAM 3")
        settings = Sam3Settings() if card is None else read_settings(Sam3Settings, card, folder)
        model = cls(settings, getattr(config, "detector_config", None) or config, read_tokenizer(folder))
        if card is None:
            path = weights_path(folder)
            state = {n.removeprefix(DETECTOR): t for n, t in read_tensors(path).items() if not n.startswith(TRACKER)}
            load_strictly(model.network, state, path)
        else:
            load_weights(model.network, folder)
        return model

    def write_beside(self, folder: Path) -> None:
        """Write tokenizer and the library's configuration."""
        super().write_beside(folder)
        setattr(self.network.config, MARK, FORMAT)
        self.network.config.save_pretrained(folder)

    def encode_image(self, images: Tensor) -> Features:
        """Return three maps, (B, width, 4 G, 4 G), (B, width, 2 G, 2 G) and (B, width, G, G) for G x G patches."""
        *used, _ = self.network.vision_encoder(images).fpn_hidden_states
        return tuple(used)

    def encode_text(self, tokens: Tensor) -> Features:
        """Return word features (M, L, width), and where words are, (M, L) bool."""
        words = self.network.get_text_features(input_ids=tokens).pooler_output
        return words, ~padding_of(tokens, self.tokenizer.eos_token_id)

    def decode(self, features: Features, text: Features, image_index: Tensor) -> Tensor:
        """Let each pair's pixels see its words, and draw the semantic map, (N, 4 G, 4 G)."""
        words, inside = text
        network, maps = self.network, [one[image_index] for one in features]
        coarse = maps[-1]
        places = network.vision_encoder.neck.position_encoding(coarse.shape, coarse.device, coarse.dtype)
        seen = network.detr_encoder(
            vision_features=[coarse], text_features=words, vision_pos_embeds=[places], text_mask=inside
        ).last_hidden_state
        drawn = network.mask_decoder(
            decoder_queries=seen[:, :1], backbone_features=maps, encoder_hidden_states=seen, prompt_features=words,
            prompt_mask=inside,
        )  # fmt: skip
        logits: Tensor = drawn.semantic_seg[:, 0]  # what the query gives, an instance's mask, is not used
        return logits

    def encoder_blocks(self) -> dict[str, list[list[Part]]]:
        """Return embeddings and blocks, the last with what makes the pyramid, or the words' projection."""
        vision, text = self.network.vision_encoder, self.network.text_encoder.text_model
        body, end = vision.backbone, [text.final_layer_norm, self.network.text_projection]
        return {
            "vision": steps_of([body.embeddings, body.layer_norm], body.layers, vision.neck.fpn_layers[:-1]),
            "text": steps_of([text.embeddings], text.encoder.layers, end),
        }

    def decoder_parts(self) -> list[Part]:
        """Return the fusion of pixels and words, and what draws the semantic map."""
        mask = self.network.mask_decoder
        pixels, stages = mask.pixel_decoder, len(self.network.vision_encoder.neck.fpn_layers) - 2
        return [
            self.network.detr_encoder, mask.prompt_cross_attn, mask.prompt_cross_attn_norm,
            *pixels.conv_layers[:stages], *pixels.norms[:stages], mask.semantic_projection,
        ]  # fmt: skip
