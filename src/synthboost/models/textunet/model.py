"""TextUNet: a U-Net that is run once per image, and whose output layer is made from the sentence, at several scales.

The sentence costs next to nothing: for each pair a weighted sum of the maps of the last levels. Ours is read character
by character, so that abbreviations and slips of the pen are words like all others. The way down is the image encoder
(`vision`), the convolutions over characters are the text encoder (`text`); the way up and what makes kernels from a
sentence are the decoder. With the preset `lite0-minilm` the encoders are published ones.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from synthboost.domain import STRUCTURES, PromptSet
from synthboost.errors import PromptError
from synthboost.models.base import Features, Part, Segmenter
from synthboost.models.textunet.network import COORDINATES, SLOPE, TextUNetNetwork
from synthboost.models.textunet.settings import PRESETS, Lite0MiniLMSettings, TextUNetSettings
from synthboost.models.weights_folder import load_weights, read_card, read_settings
from synthboost.prompts import MAXIMUM_CHARACTERS, spell_out
from synthboost.prompts.templates import PARAPHRASES, STRUCTURE_NAMES

EDGE = " "
"""Before and after every sentence, so that a word at either end looks as it does in the middle."""
CHARACTERS = string.ascii_lowercase + string.digits + " .,-'/()%"
"""In this order from 2 on; 0 is padding, 1 any other character."""
OTHER = 1
MINILM_LENGTH = 256
"""Most tokens of a sentence for MiniLM, as it was trained."""
NAMES = tuple(f"{STRUCTURE_NAMES[structure]} {PARAPHRASES[0]}." for structure in STRUCTURES)
"""A sentence for each structure: P1's."""


class TextUNet(Segmenter):
    """A U-Net (arXiv 1505.04597) whose last convolutions are made from a sentence (as in CRIS, arXiv 2111.15174)."""

    name: ClassVar[str] = "textunet"
    pixel_mean = pixel_std = (0.5, 0.5, 0.5)
    """To -1..1. Of the three equal channels the first alone is read."""
    text_length: int = MAXIMUM_CHARACTERS
    """Most characters of a sentence; no limit of the network."""

    def __init__(self, settings: TextUNetSettings | Lite0MiniLMSettings, tokenizer: Any = None) -> None:
        """Build with random weights; `from_settings` and `from_pretrained` are the usual ways in."""
        super().__init__()
        self.settings, self.tokenizer = settings, tokenizer
        self.rivals: Tensor | None = None
        """(3, text_width), what each structure's name is encoded as; `None` in training, and before any."""
        if isinstance(settings, TextUNetSettings):
            self.network = TextUNetNetwork(settings, OTHER + 1 + len(CHARACTERS))
        else:
            from synthboost.models.textunet.lite0_minilm import Lite0MiniLMNetwork  # transformers is slow to import

            self.network = Lite0MiniLMNetwork(settings, len(tokenizer), tokenizer.pad_token_id)
            self.text_length = MINILM_LENGTH
        self.input_size = self.output_size = settings.input_size

    @classmethod
    def from_settings(
        cls, settings: TextUNetSettings | Lite0MiniLMSettings, prompt_sets: Collection[PromptSet] = ()
    ) -> Self:
        """Build with random weights; see `Segmenter.from_settings`. Our text encoder's characters spell any word."""
        if isinstance(settings, TextUNetSettings):
            return cls(settings)
        from synthboost.models.tokenizing import grammar_tokenizer

        return cls(settings, grammar_tokenizer(prompt_sets))

    @classmethod
    def from_encoders(cls, image: Path, text: Path) -> Self:
        """Read EfficientNet-Lite0's weights from a file and MiniLM's from a folder; the decoder's are random.

        Raises:
            CheckpointError: one is damaged or absent, or of another network.
        """
        from synthboost.models.textunet.lite0_minilm import settings_for
        from synthboost.models.tokenizing import read_tokenizer

        preset = PRESETS["lite0-minilm"]
        assert isinstance(preset, Lite0MiniLMSettings)
        model = cls(settings_for(text, preset), read_tokenizer(text, ends=False))
        model.network.load_encoders(image, text)
        return model

    @classmethod
    def from_pretrained(cls, folder: Path) -> Self:
        """Read what `save_pretrained` wrote; see `Segmenter.from_pretrained`."""
        card = read_card(folder)
        if card is None or "text_heads" not in card.settings:
            model = cls(read_settings(TextUNetSettings, card, folder))
        else:
            from synthboost.models.tokenizing import read_tokenizer

            model = cls(read_settings(Lite0MiniLMSettings, card, folder), read_tokenizer(folder, ends=False))
        load_weights(model.network, folder)
        return model

    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        """Turn sentences into numbers of characters (N, L), capitals and accents aside; see `Segmenter.tokenize`.

        With a tokenizer, into its tokens; abbreviations are spelt out, since they mean nothing to MiniLM.

        Raises:
            PromptError: a sentence is longer than `text_length`.
        """
        if self.tokenizer is not None:
            return super().tokenize([spell_out(sentence) for sentence in sentences])
        rows = []
        for sentence in sentences:
            plain = unicodedata.normalize("NFKD", sentence.casefold())
            plain = " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())
            if len(plain) > self.text_length:
                raise PromptError(
                    "sentence", "length", f"{len(plain)} tokens: {sentence[:80]!r}",
                    f"at most {self.text_length} tokens, of a character each", "Shorten the sentence.",
                )  # fmt: skip
            rows.append([CHARACTERS.find(c) + OTHER + 1 for c in f"{EDGE}{plain}{EDGE}"])
        longest = max(map(len, rows))
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows])

    def unknown_words(self, sentence: str) -> tuple[str, ...]:
        """Return nothing where characters spell any word: whether a sentence says enough, `names_structure` tells."""
        return () if self.tokenizer is None else super().unknown_words(spell_out(sentence))

    def encode_image(self, images: Tensor) -> Features:
        """Return maps whose sizes halve, (B, channels, S / 2**k, S / 2**k)."""
        maps: Features = self.network.encode_image(images)
        return maps

    def image_settings(self) -> tuple[object, ...]:
        """Return the rectifiers' slope and the number of coordinates; see `Segmenter.image_settings`."""
        return SLOPE, COORDINATES

    def encode_text(self, tokens: Tensor) -> Features:
        """Return one vector of each sentence, (M, text_width)."""
        return (self.network.encode_text(tokens),)

    def train(self, mode: bool = True) -> Self:
        """Switch between training and evaluation, for which a sentence for each structure is encoded; see `decode`."""
        super().train(mode)
        self.rivals = None
        if not mode:
            with torch.inference_mode(False), torch.no_grad():
                device = self.network.naming.weight.device
                vectors = self.network.encode_text(self.tokenize(NAMES).to(device))
                if self.network.naming(vectors).argmax(1).tolist() == [int(structure) for structure in STRUCTURES]:
                    self.rivals = vectors
        return self

    def decode(self, features: Features, text: Features, image_index: Tensor) -> Tensor:
        """Draw N pairs, (N, S, S); see `Segmenter.decode`.

        In evaluation, a network that tells structures apart draws all three in each image, since they exclude each
        other: the odds of the structure that a sentence names are against the background and the other two.
        """
        if self.rivals is None:
            return self.decode_scales(features, text, image_index, teaches_naming=False)[0]
        pairs, images = len(image_index), len(features[0])
        rivals, beside = in_each(self.rivals, images)
        everything, index = torch.cat([text[0], rivals]), torch.cat([image_index, beside])
        logits = self.decode_scales(features, (everything,), index)[0]
        own, others = logits[:pairs], logits[pairs:].view(images, len(NAMES), *logits.shape[1:])[image_index]
        named = F.one_hot(self.structure_logits(text)[:, 1:].argmax(1), len(NAMES)).bool()
        return own - F.softplus(others.masked_fill(named[:, :, None, None], float("-inf")).logsumexp(1))

    def decode_scales(
        self, features: Features, text: Features, image_index: Tensor, teaches_naming: bool = True
    ) -> tuple[Tensor, ...]:
        """Draw N pairs at as many scales as `settings.scales`: (N, S, S) first, then each half the size before it.

        With `teaches_naming` the masks' loss also teaches which sentences name a structure; see `WayUp.decode`.
        """
        return tuple(reversed(self.network.decode(features, text[0], image_index, teaches_naming)))

    def structure_logits(self, text: Features) -> Tensor:
        """Return which structure each of M sentences names, (M, 4): 0 none, then as `Structure` numbers them."""
        logits: Tensor = self.network.naming(text[0])
        return logits

    def names_structure(self, text: Features) -> Tensor:
        """Whether another column than "none" is the largest of `structure_logits`; see `Segmenter.names_structure`."""
        return self.structure_logits(text).argmax(1) > 0

    def refusal_loss(self, text: Tensor | Features, text_index: Tensor) -> Tensor:
        """Mean surprise that a sentence names any structure; it teaches `structure_logits` alone."""
        with torch.no_grad():
            vectors = text[0] if isinstance(text, tuple) else self.network.encode_text(text)
        surprise: Tensor = -self.network.log_naming(vectors[text_index]).float().mean()
        return surprise

    def encoder_blocks(self) -> dict[str, list[list[Part]]]:
        """Return the network's; see `Segmenter.encoder_blocks`."""
        blocks: dict[str, list[list[Part]]] = self.network.encoder_blocks()
        return blocks

    def decoder_parts(self) -> list[Part]:
        """Return the network's; see `Segmenter.decoder_parts`."""
        parts: list[Part] = self.network.decoder_parts()
        return parts


def in_each(vectors: Tensor, images: int) -> tuple[Tensor, Tensor]:
    """Repeat the vectors of M sentences for each image: (images M, width), and the image of each pair, (images M,)."""
    return vectors.repeat(images, 1), torch.arange(images, device=vectors.device).repeat_interleave(len(vectors))
