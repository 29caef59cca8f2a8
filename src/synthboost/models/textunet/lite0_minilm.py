"""A TextUNet with published encoders: EfficientNet-Lite0 and MiniLM, pooled as sentence-transformers does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor
from transformers import BertConfig, BertModel

from synthboost.errors import CheckpointError
from synthboost.io.typed_json import read_json
from synthboost.models.base import Part
from synthboost.models.textunet.lite0 import WIDTHS, Lite0
from synthboost.models.textunet.network import COORDINATES, Convolutions, WayUp, with_places
from synthboost.models.textunet.settings import Lite0MiniLMSettings
from synthboost.models.weights_folder import CONFIG_FILE, load_strictly, read_tensors, weights_path

AS_MINILM: dict[str, Any] = {
    "model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": 1e-12, "max_position_embeddings": 512,
    "type_vocab_size": 2,
}  # fmt: skip


class Lite0MiniLMNetwork(WayUp):
    """A TextUNet whose encoders are EfficientNet-Lite0 and a BERT.

    The image itself is the map of the full size, which the encoder does not have: the decoder's first layers read it.
    """

    def __init__(self, settings: Lite0MiniLMSettings, tokens: int, padding: int = 0) -> None:
        """Build with random weights; `tokens` is the number of different ones."""
        super().__init__()
        self.padding = padding
        self.image = Lite0()
        config = BertConfig(
            vocab_size=tokens, hidden_size=settings.text_width, num_hidden_layers=settings.text_layers,
            num_attention_heads=settings.text_heads, intermediate_size=4 * settings.text_width,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=padding,
        )  # fmt: skip
        self.text: Any = BertModel(config, add_pooling_layer=False)
        full = settings.widths[0]
        self.full = Convolutions(1 + COORDINATES, full)
        self.add_way_up((full, *WIDTHS), settings.widths, settings.scales, settings.text_width)

    def encode_image(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return images (B, 3, S, S) in grey, and the maps at half the size and coarser."""
        return images[:, :1], *self.image(images)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Return the mean of the last layer over the tokens (M, L) of each sentence, (M, text_width).

        As sentence-transformers pools MiniLM, but with length sqrt(text_width): 1 would make small kernels.
        """
        inside = tokens != self.padding
        hidden = self.text(input_ids=tokens, attention_mask=inside.long()).last_hidden_state
        mean = (hidden * inside[..., None]).sum(1) / inside.sum(1, keepdim=True)
        return cast("Tensor", F.normalize(mean) * mean.shape[1] ** 0.5)

    def decode(
        self, maps: tuple[Tensor, ...], text: Tensor, image_index: Tensor, teaches_naming: bool
    ) -> list[Tensor]:  # fmt: skip
        """See `WayUp.decode`. Lite0's maps are brought to one scale: their deviations go from 11 down to 2."""
        grey, *others = maps
        scaled = [F.rms_norm(one, one.shape[1:]) for one in others]
        return super().decode((self.full(with_places(grey)), *scaled), text, image_index, teaches_naming)

    def encoder_blocks(self) -> dict[str, list[list[Part]]]:
        """Return stem and blocks of Lite0; embeddings and layers of MiniLM."""
        image, text = self.image, self.text
        return {
            "vision": [[image.conv_stem, image.bn0], *([block] for block in image.blocks)],
            "text": [[text.embeddings], *([layer] for layer in text.encoder.layer)],
        }

    def decoder_parts(self) -> list[Part]:
        """Return the layers of the full size, and what every TextUNet's decoder has."""
        return [self.full, *super().decoder_parts()]

    def load_encoders(self, image: Path, text: Path) -> None:
        """Take the weights of a file of Lite0 and of a folder of BERT.

        Raises:
            CheckpointError: one is damaged or absent, or holds other tensors.
        """
        self.image.load(image)
        state = {name.removeprefix("bert."): t for name, t in read_tensors(weights_path(text)).items()}
        state = {name: tensor for name, tensor in state.items() if not name.startswith(("pooler.", "cls."))}
        load_strictly(self.text, state, text, ignore=("position_ids",))


def settings_for(folder: Path, settings: Lite0MiniLMSettings) -> Lite0MiniLMSettings:
    """Return the settings with the sizes of the BERT that a folder holds.

    Raises:
        CheckpointError: it holds no BERT, or one that computes otherwise than MiniLM.
        DataError: its configuration cannot be read.
    """
    path = folder / CONFIG_FILE
    said = read_json(path)
    width: Any = said.get("hidden_size")
    wanted = AS_MINILM | {"intermediate_size": 4 * width if isinstance(width, int) else None}
    if odd := [f"{name} {said.get(name)}" for name, value in wanted.items() if said.get(name) != value]:
        raise CheckpointError(path, "config", ", ".join(odd), "a BERT that computes as MiniLM does")
    return replace(
        settings, text_width=width, text_layers=said["num_hidden_layers"], text_heads=said["num_attention_heads"]
    )
