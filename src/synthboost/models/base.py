"""The Segmenter: image encoder, text encoder and vision-language decoder behind one interface.

One image and many sentences go in; `encode_image` runs once per image, `encode_text` once per distinct sentence,
`decode` once per pair. Training, inference and the audit know nothing else of a model.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.domain import GreyImage, Mask, PromptSet
from synthboost.errors import ConfigError, PromptError
from synthboost.io.atomic import whole_folder
from synthboost.models.adapters import add_adapters, plain_state, remove_adapters
from synthboost.models.freezing import Encoders, Tuning
from synthboost.models.weights_folder import save_weights, system_errors, write_card

Features: TypeAlias = tuple[Tensor, ...]
"""What an encoder gives: tensors that all have the images, or the sentences, as their leading dimension."""
Part: TypeAlias = nn.Module | nn.Parameter
"""A piece of a network: a module, or a bare parameter that belongs to no smaller module."""
ENCODER_GROUPS = ("vision", "text")
"""The parameter groups that an `Encoders` policy is about."""
MOST_SENTENCES = 20_000
"""Kept at most; P5 has 4,300 distinct sentences for CAMUS. Beyond, the cache starts anew."""


class Segmenter(nn.Module, ABC):
    """A model that draws the structure that a sentence names."""

    name: ClassVar[str]
    """The key in the registry, e.g. `clipseg`."""
    cpu_pairs: ClassVar[int] = 48
    """Pairs that a prediction on a CPU decodes at a time; what a decoder does once per image it does anew in each."""
    input_size: int
    """S: images enter as (3, S, S), whatever their own size and aspect."""
    output_size: int
    """s: logits leave as (s, s)."""
    pixel_mean: tuple[float, float, float]
    pixel_std: tuple[float, float, float]
    """Of the three channels, on the 0-1 scale; constants of each class."""
    settings: Any
    """A dataclass of sizes, which the card of saved weights states."""
    network: Any
    """The module that holds the weights."""
    tokenizer: Any = None
    """A tokenizer of transformers; `None` where `tokenize` and `unknown_words` need none."""
    text_length: int
    """Most tokens a sentence may have, start and end included."""
    filled: bool = False
    """Whether every sentence is filled up to so many."""

    def __init__(self) -> None:
        super().__init__()
        self.encoders = Encoders.TRAINED

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Any, prompt_sets: Collection[PromptSet] = ()) -> Self:
        """Build with random weights (from torch's global generator).

        Args:
            settings: the sizes.
            prompt_sets: whose words a tokenizer of ours knows besides the paper's.
        """

    def preprocess(self, image: GreyImage) -> Tensor:
        """Turn a uint8 image (H, W) into a float32 tensor (3, S, S); the aspect ratio is not kept."""
        return self.normalise(self.resize(image))

    def resize(self, image: GreyImage) -> Tensor:
        """Turn a uint8 image (H, W) into grey values (1, S, S) in 0-1, low-pass filtered before it is made smaller."""
        return resized(torch.from_numpy(image.copy()).float().div_(255)[None], self.input_size)

    def normalise(self, grey: Tensor) -> Tensor:
        """Turn grey values (..., 1, S, S) in 0-1 into the three standardised channels (..., 3, S, S)."""
        mean, std = grey.new_tensor(self.pixel_mean), grey.new_tensor(self.pixel_std)
        return (grey - mean[:, None, None]) / std[:, None, None]

    def preprocess_mask(self, mask: Mask) -> Tensor:
        """Turn a mask (H, W) into the target (s, s): the fraction of each output pixel that lies inside, 0-1."""
        return resized(torch.from_numpy(mask.copy()).float()[None], self.output_size)[0].clamp_(0, 1)

    def postprocess(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Turn logits (N, s, s) into probabilities (N, H, W) at an image's own size."""
        grown = F.interpolate(logits[:, None].float(), size, mode="bilinear", align_corners=False)
        return grown[:, 0].sigmoid()

    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        """Turn sentences into token numbers (N, L), L being the longest one's length, or `text_length` if `filled`.

        Raises:
            PromptError: a sentence has more tokens than the text encoder takes; nothing is cut silently.
        """
        numbers = self.tokenizer(list(sentences), add_special_tokens=True)["input_ids"]
        for sentence, tokens in zip(sentences, numbers, strict=True):
            if len(tokens) > self.text_length:
                raise PromptError(
                    "sentence", "length", f"{len(tokens)} tokens: {sentence[:80]!r}",
                    f"at most {self.text_length} tokens, start and end included", "Shorten the sentence.",
                )  # fmt: skip
        longest = self.text_length if self.filled else max(map(len, numbers))
        padding = self.tokenizer.pad_token_id
        return torch.tensor([tokens + [padding] * (longest - len(tokens)) for tokens in numbers])

    def unknown_words(self, sentence: str) -> tuple[str, ...]:
        """Return the words outside the vocabulary, which mean nothing to the text encoder; CLIP's spells any word."""
        unknown, words = self.tokenizer.unk_token_id, re.findall(r"\w+", sentence)
        return tuple(w for w in words if unknown in self.tokenizer(w, add_special_tokens=False)["input_ids"])

    @abstractmethod
    def encode_image(self, images: Tensor) -> Features:
        """Encode images (B, 3, S, S) into features, each with leading dimension B."""

    def image_settings(self) -> tuple[object, ...]:
        """Return what decides an image's features and shows neither in the encoder's weights nor in its input.

        For instance which blocks are read: features that were kept for one model must not be taken for another's.
        """
        return ()

    @abstractmethod
    def encode_text(self, tokens: Tensor) -> Features:
        """Encode tokens (M, L) into text features, each with leading dimension M."""

    def join_text(self, parts: Sequence[Features]) -> Features:
        """Join sentences that were encoded apart, so perhaps padded to other lengths, along the leading dimension."""
        return tuple(torch.cat(tensors) for tensors in zip(*parts, strict=True))

    @abstractmethod
    def decode(self, features: Features, text: Features, image_index: Tensor) -> Tensor:
        """Draw, for each of N sentences, the mask in the image it belongs to.

        Args:
            features: of B images, from `encode_image`.
            text: of N sentences, one for each pair, from `encode_text`.
            image_index: (N,) int64, which of the B images each sentence is about.

        Returns:
            Logits (N, s, s).
        """

    def names_structure(self, text: Features) -> Tensor:
        """Return which of M encoded sentences name a structure that the model draws, (M,) bool; others are refused.

        All of them, unless an architecture can tell.
        """
        return torch.ones(len(text[0]), dtype=torch.bool)

    def refusal_loss(self, text: Tensor | Features, text_index: Tensor) -> Tensor | float:
        """Return what it costs that sentences which shall draw a mask seem to name no structure (`names_structure`).

        Nothing, unless an architecture can tell. Arguments as for `forward`.
        """
        return 0.0

    @abstractmethod
    def encoder_blocks(self) -> dict[str, list[list[Part]]]:
        """Return the steps of the `vision` and the `text` encoder, from input to output.

        Only what a mask depends on. The first step is the embedding (or stem), each later one a block; every part
        stands in exactly one step. An encoder that the model does not have has no steps.
        """

    @abstractmethod
    def decoder_parts(self) -> list[Part]:
        """Return what comes after the encoders."""

    def save_pretrained(self, folder: Path) -> None:
        """Write weights (safetensors), tokenizer and our card into `folder`, whole or not at all."""
        with whole_folder(folder) as temporary:
            self.write_beside(temporary)
            save_weights(temporary, plain_state(self.network))
            write_card(temporary, self.name, asdict(self.settings))

    def write_beside(self, folder: Path) -> None:
        """Write what belongs beside the weights: the tokenizer, if there is one."""
        if self.tokenizer is not None:
            with system_errors(Exception):
                self.tokenizer.save_pretrained(folder)

    @classmethod
    @abstractmethod
    def from_pretrained(cls, folder: Path) -> Self:
        """Read what `save_pretrained` wrote, or the model's published layout.

        Raises:
            CheckpointError: a file is absent or damaged, or the weights do not fit, with what is missing.
        """

    def forward(
        self, images: Tensor | Features, text: Tensor | Features, image_index: Tensor, text_index: Tensor | None = None
    ) -> Tensor:
        """Encode each image and each sentence once, and decode their N pairs.

        Args:
            images: (B, 3, S, S), or the features of B images that were encoded earlier (in any precision).
            text: tokens (M, L), or the features of M sentences that were encoded earlier.
            image_index: (N,) int64, the image of each pair.
            text_index: (N,) int64, the sentence of each pair; `None` when pair n has sentence n.

        Returns:
            Logits (N, s, s).
        """
        features = tuple(f.float() for f in images) if isinstance(images, tuple) else self.encode_image(images)
        sentences = text if isinstance(text, tuple) else self.encode_text(text)
        if text_index is not None:
            sentences = tuple(tensor[text_index] for tensor in sentences)
        return self.decode(features, sentences, image_index)

    def groups(self) -> dict[str, list[Part]]:
        """Return the parts of each parameter group that a mask depends on: `vision`, `text`, `decoder`."""
        encoders = {group: [part for step in steps for part in step] for group, steps in self.encoder_blocks().items()}
        return {**encoders, "decoder": self.decoder_parts()}

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters of each group, frozen or not.

        `unused` holds the rest: what a published checkpoint contains but no mask depends on.
        """
        groups = {group: [p for _, p in _named_parameters(parts)] for group, parts in self.groups().items()}
        used = {id(parameter) for parameters in groups.values() for parameter in parameters}
        return {**groups, "unused": [parameter for parameter in self.parameters() if id(parameter) not in used]}

    def is_frozen(self, group: str) -> bool:
        """Whether nothing in the `vision` or `text` encoder learns, so that its output never changes."""
        tuning: Tuning = getattr(self.encoders, group)
        return tuning.kind == "frozen"

    def set_encoders(self, encoders: Encoders, seed: int = 0) -> None:
        """Choose what learns inside the encoders; the decoder always learns.

        What does not learn gets no gradient and stays in eval mode through every later `.train()`, so that
        normalisation statistics and dropout are frozen too. `unused` parameters never learn: they have no gradient.

        Args:
            encoders: the policy; adapters of an earlier one are dropped.
            seed: of the random half of LoRA's matrices (the other half starts at zero).

        Raises:
            ConfigError: an encoder has fewer blocks than shall learn, or LoRA's package is not installed.
        """
        remove_adapters(self)
        steps = self.encoder_blocks()
        for group in ENCODER_GROUPS:
            tuning: Tuning = getattr(encoders, group)
            if tuning.kind == "last" and steps[group] and tuning.amount >= len(steps[group]):
                raise ConfigError(
                    "encoders", group, tuning, f"at most last-{len(steps[group]) - 1}", "Use `trained` to train it all."
                )
        if ranks := [
            ([part for step in steps[group] for part in step if isinstance(part, nn.Module)], tuning.amount)
            for group in ENCODER_GROUPS
            if (tuning := getattr(encoders, group)).kind == "lora" and steps[group]
        ]:
            add_adapters(self, ranks, seed)
        self.encoders = encoders
        self.requires_grad_(False)
        for _, parameter in _named_parameters(self.decoder_parts()):
            parameter.requires_grad_(True)
        for group, own in self.encoder_blocks().items():
            only_adapters = getattr(encoders, group).kind == "lora"
            for name, parameter in _named_parameters(part for step in self._learning(own, group) for part in step):
                parameter.requires_grad_(not only_adapters or "lora_" in name)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Switch between training and evaluation; blocks whose own weights do not learn stay in evaluation."""
        super().train(mode)
        for group in self.encoder_blocks():
            for part in self.fixed_parts(group):
                if isinstance(part, nn.Module):
                    part.train(False)
        return self

    def fixed_parts(self, group: str) -> list[Part]:
        """Return the parts of the `vision` or `text` encoder whose own weights and buffers never change."""
        steps = self.encoder_blocks()[group]
        learning = [] if getattr(self.encoders, group).kind == "lora" else self._learning(steps, group)
        return [part for step in steps[: len(steps) - len(learning)] for part in step]

    def _learning(self, steps: list[list[Part]], group: str) -> list[list[Part]]:
        """The steps, always the last ones, in which something learns."""
        tuning: Tuning = getattr(self.encoders, group)
        if tuning.kind == "last":
            return steps[-tuning.amount :]
        return [] if tuning.kind == "frozen" else steps


def steps_of(embedding: list[Part], blocks: Iterable[Part], end: list[Part]) -> list[list[Part]]:
    """Return the steps of an encoder (see `Segmenter.encoder_blocks`) whose last block takes in what comes after it."""
    *first, last = blocks
    return [embedding, *([block] for block in first), [last, *end]]


def resized(planes: Tensor, size: int) -> Tensor:
    """Turn planes (K, H, W) into squares (K, size, size), low-pass filtered before they are made smaller."""
    return F.interpolate(planes[None], (size, size), mode="bilinear", align_corners=False, antialias=True)[0]


class TextMemory:
    """Cache of frozen text features: each distinct sentence is encoded once, and its features stay on the device."""

    def __init__(self, model: Segmenter, one_at_a_time: bool = False) -> None:
        """Remember for `model`, in evaluation mode or with a frozen text encoder, which must not change any more.

        With `one_at_a_time` a CPU encodes every sentence alone, so that no bit depends on its neighbours: a resumed
        training batches them differently.
        """
        self._model, self._one_at_a_time = model, one_at_a_time
        self._known: dict[str, Features] = {}

    @torch.no_grad()
    def recall(self, sentences: Sequence[str]) -> Features:
        """Return the text features of M sentences; those that are new are encoded."""
        if len(self._known) > MOST_SENTENCES:
            self._known.clear()
        if new := [sentence for sentence in dict.fromkeys(sentences) if sentence not in self._known]:
            device = next(self._model.parameters()).device
            alone = self._one_at_a_time and device.type == "cpu"
            for batch in [[sentence] for sentence in new] if alone else [new]:
                features = self._model.encode_text(self._model.tokenize(batch).to(device))
                for row, sentence in enumerate(batch):
                    self._known[sentence] = tuple(tensor[row : row + 1] for tensor in features)
        return self._model.join_text([self._known[sentence] for sentence in sentences])


def _named_parameters(parts: Iterable[Part]) -> list[tuple[str, nn.Parameter]]:
    named: list[tuple[str, nn.Parameter]] = []
    for part in parts:
        named += part.named_parameters() if isinstance(part, nn.Module) else [("", part)]
    return named
