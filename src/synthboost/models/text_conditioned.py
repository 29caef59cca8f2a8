"""Segmenters with CLIPSeg's decoder over any dual encoder of transformers, which is gone through block by block.

An image is encoded once for all its sentences, vision blocks that the decoder does not read are not run, and what comes
before the sentence enters the decoder is computed once per image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor, nn

from synthboost.models.base import Features, Part, Segmenter, steps_of


class Towers(ABC):
    """The two encoders of a model, step by step."""

    prefix: int = 1
    """Tokens before the patches."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @abstractmethod
    def embed(self, images: Tensor) -> Tensor:
        """Turn images (B, 3, S, S) into what the first vision block reads, (B, prefix + patches, width)."""

    @property
    @abstractmethod
    def embedding_parts(self) -> list[Part]:
        """What `embed` runs."""

    @property
    @abstractmethod
    def blocks(self) -> Sequence[nn.Module]:
        """The vision blocks."""

    @abstractmethod
    def embed_text(self, tokens: Tensor) -> Tensor:
        """Encode tokens (M, L) into the pooled, projected embedding (M, projection width) of each sentence."""

    @abstractmethod
    def text_steps(self) -> list[list[Part]]:
        """Return the embedding, and the blocks, the last one with pooling and projection."""

    def settings(self) -> tuple[object, ...]:
        """Return what decides an image's features beside weights."""
        vision = self.model.config.vision_config
        return vision.num_attention_heads, vision.hidden_act, vision.layer_norm_eps


class ClipTowers(Towers):
    """CLIP (arXiv 2103.00020): a class token; causal text, read at its end, so that padding has no influence."""

    def embed(self, images: Tensor) -> Tensor:
        """See `Towers.embed`; positions are interpolated."""
        vision = self.model.vision_model
        return cast("Tensor", vision.pre_layrnorm(vision.embeddings(images, interpolate_pos_encoding=True)))

    @property
    def embedding_parts(self) -> list[Part]:
        """See `Towers.embedding_parts`."""
        return [self.model.vision_model.embeddings, self.model.vision_model.pre_layrnorm]

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """See `Towers.blocks`."""
        return cast("Sequence[nn.Module]", self.model.vision_model.encoder.layers)

    def embed_text(self, tokens: Tensor) -> Tensor:
        """See `Towers.embed_text`."""
        return cast("Tensor", self.model.get_text_features(input_ids=tokens).pooler_output)

    def text_steps(self) -> list[list[Part]]:
        """See `Towers.text_steps`."""
        text = self.model.text_model
        return steps_of([text.embeddings], text.encoder.layers, [text.final_layer_norm, self.model.text_projection])


class TextConditioned(Segmenter):
    """What a Segmenter with CLIPSeg's decoder (arXiv 2112.10003, Figure 2) does with its towers."""

    @property
    @abstractmethod
    def towers(self) -> Towers:
        """The encoders."""

    def encode_image(self, images: Tensor) -> Features:
        """Run the vision blocks as far as they are read; return (B, prefix + patches, width) of each read one."""
        hidden, outputs, read = self.towers.embed(images), {}, self.settings.extract_layers
        for number, block in enumerate(self.towers.blocks[: max(read) + 1]):
            hidden = block(hidden, None)
            outputs[number] = hidden
        return tuple(outputs[number] for number in read)

    def image_settings(self) -> tuple[object, ...]:
        """Return the blocks that are read and what the library's configuration adds; see `Segmenter.image_settings`."""
        return self.settings.extract_layers, *self.towers.settings()

    def encode_text(self, tokens: Tensor) -> Features:
        """Encode tokens (M, L) into the pooled, projected embedding (M, projection_width) of each sentence."""
        return (self.towers.embed_text(tokens),)

    def decode(self, features: Features, text: Features, image_index: Tensor) -> Tensor:
        """Decode N pairs; what comes before the sentence enters is computed once per image."""
        (embedding,) = text
        decoder = self.network.decoder
        hidden: Tensor | None = None
        per_pair = False
        stages = zip(reversed(features), decoder.reduces, decoder.layers, strict=True)
        for depth, (activation, reduce, layer) in enumerate(stages):
            reduced = reduce(activation)
            if per_pair:
                reduced = reduced[image_index]
            hidden = reduced if hidden is None else hidden + reduced
            if depth == self.settings.conditional_layer:
                # Feature-wise scale and shift of (N, tokens, reduce) by the sentence.
                scale, shift = decoder.film_mul(embedding)[:, None], decoder.film_add(embedding)[:, None]
                hidden = scale * hidden[image_index] + shift
                per_pair = True
            hidden = layer(hidden, attention_mask=None)
        assert hidden is not None
        patches = hidden[:, self.towers.prefix :].transpose(1, 2)  # (N, reduce, grid * grid)
        grid = round(patches.shape[2] ** 0.5)
        logits: Tensor = decoder.transposed_convolution(patches.reshape(*patches.shape[:2], grid, grid))
        return logits[:, 0]

    def encoder_blocks(self) -> dict[str, list[list[Part]]]:
        """Return the transformers' embeddings and blocks; see `Segmenter.encoder_blocks`."""
        towers, used = self.towers, max(self.settings.extract_layers) + 1
        blocks = list[list[Part]]([block] for block in towers.blocks[:used])
        return {
            "vision": [towers.embedding_parts, *blocks],
            "text": towers.text_steps(),
        }

    def decoder_parts(self) -> list[Part]:
        """Return the decoder; see `Segmenter.decoder_parts`."""
        return [self.network.decoder]
