"""MedCLIPSeg as a Segmenter: both encoders are gone through side by side, and meet before most of their layers."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertModel, CLIPVisionConfig, CLIPVisionModelWithProjection

from synthboost.domain import PromptSet
from synthboost.models.base import Features, Part, Segmenter, steps_of
from synthboost.models.dual.encoders import text_projection
from synthboost.models.medclipseg.fusion import Fusion, Upscaling
from synthboost.models.medclipseg.settings import MedClipSegSettings
from synthboost.models.tokenizing import grammar_tokenizer, read_tokenizer
from synthboost.models.weights_folder import load_weights, read_card, read_settings


class MedClipSeg(Segmenter):
    """MedCLIPSeg (arXiv 2602.20423).

    Trained, it draws the values that patches and words read in each other; evaluated, it takes their means, so that a
    mask is always the same. `uncertainty` draws them.
    """

    name: ClassVar[str] = "medclipseg"
    cpu_pairs: ClassVar[int] = 2
    """As for CLIPSeg: most layers are run for every pair."""
    pixel_mean, pixel_std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    filled = True

    def __init__(self, settings: MedClipSegSettings, tokenizer: Any) -> None:
        """Build with random weights; `from_settings` and `from_pretrained` are the usual ways in."""
        super().__init__()
        self.settings, self.tokenizer, self.text_length = settings, tokenizer, settings.text_length
        self.network = MedClipSegNetwork(settings, len(tokenizer), tokenizer.pad_token_id)
        self.input_size = settings.input_size
        self.output_size = settings.input_size // settings.patch_size * 2**settings.upscalings

    @classmethod
    def from_settings(cls, settings: MedClipSegSettings, prompt_sets: Collection[PromptSet] = ()) -> Self:
        """Build with random weights and the grammar's own tokenizer; see `Segmenter.from_settings`."""
        return cls(settings, grammar_tokenizer(prompt_sets))

    @classmethod
    def from_pretrained(cls, folder: Path) -> Self:
        """Read what `save_pretrained` wrote; `published.convert` makes such a folder of a published file."""
        settings = read_settings(MedClipSegSettings, read_card(folder), folder)
        model = cls(settings, read_tokenizer(folder, ends=False))
        load_weights(model.network, folder)
        return model

    def encode_image(self, images: Tensor) -> Features:
        """Run the vision layers before the first meeting; return (B, 1 + patches, vision width)."""
        vision = self.network.vision.vision_model
        hidden = vision.pre_layrnorm(vision.embeddings(images))
        for block in vision.encoder.layers[: self.settings.fused[0]]:
            hidden = block(hidden, None)
        return (hidden,)

    def image_settings(self) -> tuple[object, ...]:
        """Return how many layers that is, and how heads are cut; see `Segmenter.image_settings`."""
        return self.settings.fused[0], self.settings.head_width

    def encode_text(self, tokens: Tensor) -> Features:
        """Return the tokens (M, L) as they are: features of every token of every sentence would fill the memory."""
        return (tokens,)

    def decode(self, features: Features, text: Features, image_index: Tensor) -> Tensor:
        """Go through the layers of each pair, and compare its patches, upscaled, with its sentence: (N, s, s)."""
        (hidden,), (tokens,) = features, text
        patches, words = self._meet(hidden[image_index], tokens)
        grid = self.settings.input_size // self.settings.patch_size
        maps = F.normalize(patches, dim=-1).transpose(1, 2).reshape(len(tokens), -1, grid, grid)
        kernels = self.network.mask_head(F.normalize(words, dim=-1))
        return torch.einsum("nc,nchw->nhw", kernels, self.network.upscale(maps))

    def _meet(self, patches: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return the projected patches (N, P, projection width) and sentences (N, projection width)."""
        network, fused = self.network, self.settings.fused
        vision, bert = network.vision.vision_model, network.text_model
        words = bert.embeddings(tokens)
        mask = (tokens != bert.config.pad_token_id)[:, None, None]  # True: is attended to
        for number, (block, layer) in enumerate(zip(vision.encoder.layers, bert.encoder.layer, strict=True)):
            if number in fused:
                seen, read = network.pvl_adapters[fused.index(number)](patches, words)
                patches, words = patches + seen, words + read
            if number >= fused[0]:
                patches = block(patches, None)
            words = layer(words, attention_mask=mask)
        seen = network.vision.visual_projection(vision.post_layernorm(patches[:, 1:]))
        return seen, network.text_projection(words[:, 0])

    @torch.no_grad()
    def uncertainty(
        self, images: Tensor, tokens: Tensor, image_index: Tensor, samples: int = 30, seed: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Draw each pair several times, the authors 30 times; return mean probability and its entropy in nats.

        Both are (N, s, s) and depend on the seed alone. Arguments as for `forward`.
        """
        features, adapters = self.encode_image(images), self.network.pvl_adapters.train()
        try:
            with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []):
                torch.manual_seed(seed)
                drawn = [self.decode(features, (tokens,), image_index).sigmoid() for _ in range(samples)]
        finally:
            adapters.train(self.training)
        mean = torch.stack(drawn).mean(0)
        return mean, -(torch.xlogy(mean, mean) + torch.xlogy(1 - mean, 1 - mean))

    def encoder_blocks(self) -> dict[str, list[list[Part]]]:
        """Return embeddings and layers, the last with normalisation and projection; see `Segmenter.encoder_blocks`."""
        network = self.network
        vision, bert = network.vision.vision_model, network.text_model
        start, end = [vision.embeddings, vision.pre_layrnorm], [vision.post_layernorm, network.vision.visual_projection]
        return {
            "vision": steps_of(start, vision.encoder.layers, end),
            "text": steps_of([bert.embeddings], bert.encoder.layer, [network.text_projection]),
        }

    def decoder_parts(self) -> list[Part]:
        """Return the meetings, the upscaling and what makes a kernel of a sentence."""
        return [self.network.pvl_adapters, self.network.upscale, self.network.mask_head]


class MedClipSegNetwork(nn.Module):
    """All weights, those of the encoders under the names of transformers, the others under the published ones."""

    def __init__(self, settings: MedClipSegSettings, vocabulary: int, padding: int) -> None:
        super().__init__()

        def tower(width: int) -> dict[str, Any]:
            heads = {"num_hidden_layers": settings.layers, "num_attention_heads": width // settings.head_width}
            return {"hidden_size": width, "intermediate_size": 4 * width, **heads}

        vision = CLIPVisionConfig(
            **tower(settings.vision_width), hidden_act="quick_gelu", image_size=settings.input_size,
            patch_size=settings.patch_size, projection_dim=settings.projection_width,
        )  # fmt: skip
        text = BertConfig(
            **tower(settings.text_width), vocab_size=vocabulary, pad_token_id=padding, hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, max_position_embeddings=max(512, settings.text_length),
            attn_implementation="sdpa",
        )  # fmt: skip
        width = settings.projection_width
        self.vision: Any = CLIPVisionModelWithProjection(vision)
        self.text_model: Any = BertModel(text, add_pooling_layer=False)
        self.text_projection = text_projection(settings.text_width, width)
        self.pvl_adapters = nn.ModuleList(
            Fusion(settings.vision_width, settings.text_width, settings.fusion_width, settings.beta)
            for _ in settings.fused
        )
        self.upscale = nn.Sequential(*(Upscaling(width) for _ in range(settings.upscalings)))
        first, second, last = (nn.Linear(width, width) for _ in range(3))
        self.mask_head = nn.Sequential(first, nn.GELU(), second, nn.GELU(), last)
