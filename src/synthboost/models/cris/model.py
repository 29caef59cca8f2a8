"""CRIS as a Segmenter: our own network under the published names of its parameters.

Three things differ from the published code on purpose: padding is masked where the decoder reads the words, whatever
number it has; what depends on the image alone is computed once for all its sentences; and frozen encoders keep their
normalisation statistics (see `Segmenter.set_encoders`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from synthboost.domain import PromptSet
from synthboost.models.base import Features, Part, Segmenter
from synthboost.models.cris.backbone import ClipBackbone, pad_sentences
from synthboost.models.cris.decoder import Projector, VisionLanguageDecoder
from synthboost.models.cris.neck import Neck
from synthboost.models.cris.settings import CrisSettings
from synthboost.models.tokenizing import grammar_tokenizer, read_tokenizer
from synthboost.models.weights_folder import load_weights, read_card, read_settings


class Cris(Segmenter):
    """CRIS (arXiv 2111.15174, Figure 2)."""

    name: ClassVar[str] = "cris"
    network: CrisNetwork
    pixel_mean, pixel_std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    """CLIP's."""

    def __init__(self, network: CrisNetwork, tokenizer: Any) -> None:
        """Put together; `from_settings` and `from_pretrained` are the usual ways in."""
        super().__init__()
        self.network, self.settings = network, network.settings
        settings = self.settings
        self.tokenizer, self.text_length = tokenizer, settings.text_positions
        self.input_size, self.output_size = settings.input_size, settings.input_size // 4

    @classmethod
    def from_settings(cls, settings: CrisSettings, prompt_sets: Collection[PromptSet] = ()) -> Self:
        """Build with random weights and the grammar's own tokenizer; see `Segmenter.from_settings`."""
        tokenizer = grammar_tokenizer(prompt_sets)
        return cls(CrisNetwork(settings, len(tokenizer)), tokenizer)

    @classmethod
    def from_pretrained(cls, folder: Path) -> Self:
        """Read what `save_pretrained` or `published.convert` wrote; see `Segmenter.from_pretrained`."""
        settings, tokenizer = read_settings(CrisSettings, read_card(folder), folder), read_tokenizer(folder)
        model = cls(CrisNetwork(settings, len(tokenizer)), tokenizer)
        load_weights(model.network, folder)
        return model

    def encode_image(self, images: Tensor) -> Features:
        """Return the maps of three depths: an eighth, a sixteenth and a thirty-second of the input's size."""
        maps: Features = self.network.backbone.visual(images)
        return maps

    def encode_text(self, tokens: Tensor) -> Features:
        """Return word features (M, L, text_width), states (M, embedding_width) and where no word is (M, L), bool."""
        return self.network.backbone.encode_text(tokens, self.tokenizer.eos_token_id)

    def join_text(self, parts: Sequence[Features]) -> Features:
        """Join sentences that were encoded apart, padded to the longest of all."""
        length = max(words.shape[1] for words, _, _ in parts)
        return super().join_text([pad_sentences(words, state, padding, length) for words, state, padding in parts])

    def decode(self, features: Features, text: Features, image_index: Tensor) -> Tensor:
        """Decode N pairs; what comes before the sentence enters is computed once per image."""
        words, state, padding = text
        network = self.network
        projected = network.neck.project(*features)
        fused = network.neck.fuse(tuple(maps[image_index] for maps in projected), state)
        return network.proj(network.decoder(fused, words, padding), state)  # type: ignore[no-any-return]

    def encoder_blocks(self) -> dict[str, list[list[Part]]]:
        """Return stem, bottlenecks and attention pooling; and embeddings and blocks of the text encoder."""
        backbone = self.network.backbone
        return {"vision": backbone.visual.blocks(), "text": backbone.text_blocks()}

    def decoder_parts(self) -> list[Part]:
        """Return all that knows both image and sentence: neck, decoder and projector."""
        return [self.network.neck, self.network.decoder, self.network.proj]


class CrisNetwork(nn.Module):
    """The four parts under the names that published files have (Figure 2 of arXiv 2111.15174)."""

    def __init__(self, settings: CrisSettings, vocabulary: int) -> None:
        """Build with random weights for so many tokens."""
        super().__init__()
        self.settings = settings
        self.backbone = ClipBackbone(settings, vocabulary)
        self.neck = Neck(settings)
        self.decoder = VisionLanguageDecoder(settings)
        self.proj = Projector(settings.embedding_width, settings.text_width)
