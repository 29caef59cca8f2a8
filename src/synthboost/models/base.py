"""The Segmenter: image encoder, text encoder and vision-language decoder behind one interface.

One image and many sentences go in; `encode_image` runs once per image, `encode_text` once per distinct sentence,
`decode` once per pair. Training, inference and the audit know nothing else of a model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.domain import Encoders, GreyImage, Mask

ENCODER_GROUPS = ("vision", "text")
"""The parameter groups that `Encoders.FROZEN` freezes."""


class Segmenter(nn.Module, ABC):
    """A model that draws the structure that a sentence names."""

    name: ClassVar[str]
    """The key in the registry, e.g. `clipseg`."""
    input_size: int
    """S: images enter as (3, S, S), whatever their own size and aspect."""
    output_size: int
    """s: logits leave as (s, s)."""
    pixel_mean: tuple[float, float, float]
    pixel_std: tuple[float, float, float]
    """Of the three channels, on the 0-1 scale."""
    antialias: bool
    """Whether images are low-pass filtered before they are made smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen_groups: frozenset[str] = frozenset()

    def preprocess(self, image: GreyImage) -> Tensor:
        """Turn a uint8 image (H, W) into a float32 tensor (3, S, S); the aspect ratio is not kept."""
        return self.normalise(self.resize(image))

    def resize(self, image: GreyImage) -> Tensor:
        """Turn a uint8 image (H, W) into grey values (1, S, S) in 0-1."""
        pixels = torch.from_numpy(image.copy()).float().div_(255)[None, None]
        size = (self.input_size, self.input_size)
        return F.interpolate(pixels, size, mode="bilinear", align_corners=False, antialias=self.antialias)[0]

    def normalise(self, grey: Tensor) -> Tensor:
        """Turn grey values (1, S, S) in 0-1 into the three standardised channels (3, S, S)."""
        mean, std = torch.tensor(self.pixel_mean), torch.tensor(self.pixel_std)
        return (grey - mean[:, None, None]) / std[:, None, None]

    def preprocess_mask(self, mask: Mask) -> Tensor:
        """Turn a mask (H, W) into the target (s, s): the fraction of each output pixel that lies inside, 0-1."""
        inside = torch.from_numpy(mask.copy()).float()[None, None]
        size = (self.output_size, self.output_size)
        fraction = F.interpolate(inside, size, mode="bilinear", align_corners=False, antialias=True)
        return fraction[0, 0].clamp_(0, 1)

    def postprocess(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Turn logits (N, s, s) into probabilities (N, H, W) at an image's own size."""
        grown = F.interpolate(logits[:, None].float(), size, mode="bilinear", align_corners=False)
        return grown[:, 0].sigmoid()

    @abstractmethod
    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        """Turn sentences into token numbers (N, L), L being the longest sentence's length.

        Raises:
            PromptError: a sentence has more tokens than the text encoder takes; nothing is cut silently.
        """

    @abstractmethod
    def unknown_words(self, sentence: str) -> tuple[str, ...]:
        """Return the words of a sentence that the text encoder has never seen, so that they mean nothing to it."""

    @abstractmethod
    def encode_image(self, images: Tensor) -> tuple[Tensor, ...]:
        """Encode images (B, 3, S, S) into features, each with leading dimension B."""

    @abstractmethod
    def encode_text(self, tokens: Tensor) -> Tensor:
        """Encode tokens (N, L) into text features with leading dimension N."""

    @abstractmethod
    def decode(self, features: tuple[Tensor, ...], text: Tensor, image_index: Tensor) -> Tensor:
        """Draw, for each of N sentences, the mask in the image it belongs to.

        Args:
            features: of B images, from `encode_image`.
            text: of N sentences, from `encode_text`.
            image_index: (N,) int64, which of the B images each sentence is about.

        Returns:
            Logits (N, s, s).
        """

    @abstractmethod
    def group_modules(self) -> dict[str, list[nn.Module]]:
        """Return the modules of each parameter group that a mask depends on: `vision`, `text`, `decoder`."""

    @abstractmethod
    def save_pretrained(self, folder: Path) -> None:
        """Write weights (safetensors), configuration and tokenizer into `folder`, whole or not at all."""

    @classmethod
    @abstractmethod
    def from_pretrained(cls, folder: Path) -> Self:
        """Read what `save_pretrained` wrote, or the model's published layout.

        Raises:
            CheckpointError: a file is absent or damaged, or the weights do not fit, with what is missing.
        """

    def forward(self, images: Tensor, tokens: Tensor, image_index: Tensor) -> Tensor:
        """Encode (B, 3, S, S) images and (N, L) tokens, each once, and decode the N pairs into (N, s, s) logits."""
        return self.decode(self.encode_image(images), self.encode_text(tokens), image_index)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters of each group, frozen or not.

        `unused` holds the rest: what a published checkpoint contains but no mask depends on.
        """
        groups = {
            group: [parameter for module in modules for parameter in module.parameters()]
            for group, modules in self.group_modules().items()
        }
        used = {id(parameter) for parameters in groups.values() for parameter in parameters}
        return {**groups, "unused": [parameter for parameter in self.parameters() if id(parameter) not in used]}

    def set_encoders(self, encoders: Encoders) -> None:
        """Freeze or train the encoders.

        A frozen group gets no gradient and stays in eval mode through every later `.train()`, so that normalisation
        statistics and dropout are frozen too. `unused` parameters never train: they have no gradient to train by.
        """
        self.frozen_groups = frozenset(ENCODER_GROUPS if encoders is Encoders.FROZEN else ())
        for group, parameters in self.parameter_groups().items():
            learns = group not in self.frozen_groups and group != "unused"
            for parameter in parameters:
                parameter.requires_grad_(learns)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Switch between training and evaluation; frozen groups stay in evaluation."""
        super().train(mode)
        modules = self.group_modules()
        for group in self.frozen_groups:
            for module in modules[group]:
                module.train(False)
        return self
