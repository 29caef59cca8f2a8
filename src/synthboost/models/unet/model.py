"""MONAI's U-Net as a Segmenter: a supervised baseline that understands nothing of a sentence but the structure's name.

The network draws all structures at once, one channel each; the sentence only chooses the channel. It learns from the
same triplets, by the same loss, under the same strategies as the models that read. The way down is the image encoder
(`vision`), the way up the decoder, so that frozen encoders and kept features mean the same as for every other model;
there is no `text` to learn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from synthboost.domain import STRUCTURES, PromptSet
from synthboost.errors import PromptError, extra
from synthboost.models.base import Features, Part, Segmenter
from synthboost.models.unet.settings import SLOPE, UNetSettings
from synthboost.models.weights_folder import load_weights, read_card, read_settings
from synthboost.prompts import split_words, vocabulary
from synthboost.prompts.templates import STRUCTURE_NAMES

ALL = 0
"""Stands for the empty sentence (P0): all structures together. The structures have their labels, 1-3."""


class UNet(Segmenter):
    """A U-Net (arXiv 1505.04597) with instance normalisation: MONAI's `BasicUNet`."""

    name: ClassVar[str] = "unet"
    pixel_mean = pixel_std = (0.5, 0.5, 0.5)
    """To -1..1. Of the three equal channels the first alone is read."""

    def __init__(self, settings: UNetSettings) -> None:
        """Build with random weights; `from_settings` and `from_pretrained` are the usual ways in.

        Raises:
            ConfigError: MONAI is not installed.
        """
        super().__init__()
        self.settings = settings
        self.network = _network(settings)
        self.input_size = self.output_size = settings.input_size

    @classmethod
    def from_settings(cls, settings: UNetSettings, prompt_sets: Collection[PromptSet] = ()) -> Self:
        """Build with random weights; see `Segmenter.from_settings`. No word but the structure's name is read."""
        return cls(settings)

    @classmethod
    def from_pretrained(cls, folder: Path) -> Self:
        """Read what `save_pretrained` wrote; see `Segmenter.from_pretrained`."""
        model = cls(read_settings(UNetSettings, read_card(folder), folder))
        load_weights(model.network, folder)
        return model

    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        """Turn sentences into (N, 1): what `named_structure` says of each."""
        return torch.tensor([[named_structure(sentence)] for sentence in sentences])

    def unknown_words(self, sentence: str) -> tuple[str, ...]:
        """Return the words outside the grammar, as for other small models; all but the structure's name is ignored."""
        known = set(vocabulary(tuple(PromptSet)))
        words = "".join(c if c.isalnum() else " " for c in sentence).split()
        return tuple(word for word in words if not known.issuperset(split_words(word)))

    def encode_image(self, images: Tensor) -> Features:
        """Return the maps of the five levels, (B, widths[k], S / 2**k, S / 2**k)."""
        maps = [self.network.conv_0(images[:, :1])]
        for down in self._downs:
            maps.append(down(maps[-1]))
        return tuple(maps)

    def encode_text(self, tokens: Tensor) -> Features:
        """Return the labels as they are, (M, 1)."""
        return (tokens,)

    def decode(self, features: Features, text: Features, image_index: Tensor) -> Tensor:
        """Draw all structures of every image once, and choose for each pair the one that the sentence names.

        The empty sentence gets the union: at each pixel the largest of the logits.
        """
        *skipped, hidden = features
        for up, beside in zip(self._ups, reversed(skipped), strict=True):
            hidden = up(hidden, beside)
        of_pair = self.network.final_conv(hidden)[image_index]  # (N, structures, S, S)
        label = text[0].view(-1, 1, 1, 1)
        channel = (label - 1).clamp(min=0).expand(-1, 1, *of_pair.shape[2:])
        chosen: Tensor = torch.where(label == ALL, of_pair.amax(1, keepdim=True), of_pair.gather(1, channel))
        return chosen[:, 0]

    def encoder_blocks(self) -> dict[str, list[list[Part]]]:
        """Return the five levels of the way down, and no text encoder."""
        return {"vision": [[self.network.conv_0], *([down] for down in self._downs)], "text": []}

    def decoder_parts(self) -> list[Part]:
        """Return the way up."""
        return [*self._ups, self.network.final_conv]

    @property
    def _downs(self) -> list[Any]:
        return [getattr(self.network, f"down_{level}") for level in (1, 2, 3, 4)]

    @property
    def _ups(self) -> list[Any]:
        return [getattr(self.network, f"upcat_{level}") for level in (4, 3, 2, 1)]


def _network(settings: UNetSettings) -> Any:
    with extra("baselines", "monai"):
        from monai.networks.nets import BasicUNet  # here, because importing it takes seconds
    return BasicUNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=len(STRUCTURES),
        features=(*settings.widths, settings.last_width),
        act=("LeakyReLU", {"negative_slope": SLOPE, "inplace": True}),
        norm=("instance", {"affine": True}),
        bias=False,  # every convolution is followed by a normalisation, which would take a bias away
    )


def named_structure(sentence: str) -> int:
    """Return the label of the structure that a sentence names anywhere, in capitals or not; `ALL` when it is empty.

    Raises:
        PromptError: a sentence names no structure, or more than one; guessing would draw the wrong one in silence.
    """
    words = " ".join(("", *split_words(sentence), ""))
    found = [one for one, name in STRUCTURE_NAMES.items() if f" {' '.join(split_words(name))} " in words]
    if len(found) == 1:
        return int(found[0])
    if not sentence.strip():
        return ALL
    raise PromptError(
        "sentence", "structure",
        f"{', '.join(STRUCTURE_NAMES[one] for one in found) or 'none'} in {sentence[:80]!r}",
        f"the name of one structure: {', '.join(STRUCTURE_NAMES.values())}",
        "A model without a text encoder understands nothing else.",
    )  # fmt: skip
