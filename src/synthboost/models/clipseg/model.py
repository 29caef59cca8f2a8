"""CLIPSeg as a Segmenter, composed from transformers' modules so that published weights load by name.

transformers' own `CLIPSegForImageSegmentation.forward` runs both encoders without gradients and once per sentence;
here the same modules are called one after the other (`TextConditioned`), so that the encoders can really be trained.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn
from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

from synthboost.domain import PromptSet
from synthboost.errors import CheckpointError, SynthboostError, first_words
from synthboost.io.atomic import write_json
from synthboost.io.typed_json import from_json, read_json
from synthboost.models.clipseg.settings import ClipSegSettings
from synthboost.models.text_conditioned import ClipTowers, TextConditioned
from synthboost.models.tokenizing import grammar_tokenizer, read_tokenizer
from synthboost.models.weights_folder import (
    CONFIG_FILE,
    FORMAT,
    MARK,
    load_weights,
    read_card,
    read_settings,
    weights_path,
)

OUTDATED_BUFFERS = ("position_ids",)
"""Stored by older releases of the library; computed, not learnt."""
PREPROCESSING = "preprocessor_config.json"
AS_WE_DO: dict[str, Any] = {
    "do_resize": True, "resample": 2, "do_center_crop": False, "do_rescale": True, "rescale_factor": 1 / 255,
    "do_normalize": True,
}  # fmt: skip
"""How the library prepares images where it does the same as we: bilinear (2), to 0-1, standardised."""
MOST_LAYERS, MARGIN = 1000, 10**6
LEGACY_END = 2


class ClipSeg(TextConditioned):
    """CLIPSeg (arXiv 2112.10003, Figure 2)."""

    name: ClassVar[str] = "clipseg"
    pixel_mean, pixel_std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    """ImageNet's, as CLIPSeg was published."""
    cpu_pairs: ClassVar[int] = 2
    """A pair's perceptrons take 4 MB, and fetching fresh memory for many costs more than reducing an image again."""

    def __init__(self, settings: ClipSegSettings, config: CLIPSegConfig, tokenizer: Any) -> None:
        """Build with random weights; `from_settings` and `from_pretrained` are the usual ways in."""
        super().__init__()
        self.settings = settings
        self.network = CLIPSegForImageSegmentation(config)
        self.tokenizer, self.text_length = tokenizer, config.text_config.max_position_embeddings
        self.input_size = settings.input_size
        self.output_size = settings.input_size // settings.patch_size * (settings.patch_size // 4) ** 2

    @classmethod
    def from_settings(cls, settings: ClipSegSettings, prompt_sets: Collection[PromptSet] = ()) -> Self:
        """Build with random weights and the grammar's own tokenizer; see `Segmenter.from_settings`."""
        tokenizer = grammar_tokenizer(prompt_sets)
        model = cls(settings, library_config(settings, tokenizer), tokenizer)
        initialise(model.network.decoder, model.network.clip.vision_model.embeddings, settings)
        return model

    @classmethod
    def from_pretrained(cls, folder: Path) -> Self:
        """Read a checkpoint of ours, or a local copy of `CIDAS/clipseg-rd64-refined` or a like model."""
        card = read_card(folder)
        config, tokenizer = _read_config(folder), read_tokenizer(folder)
        _require_tokenizer(tokenizer, config, folder)
        settings = _settings_of(config) if card is None else read_settings(ClipSegSettings, card, folder)
        size, mean, std = _read_preprocessing(folder, cls, settings)
        try:
            model = cls(replace(settings, input_size=size), config, tokenizer)
        except Exception as error:  # what only matters for random weights was not looked at before
            raise _no_config(folder, error) from error
        model.pixel_mean, model.pixel_std = mean, std
        load_weights(model.network, folder, ignore=OUTDATED_BUFFERS)
        return model

    def write_beside(self, folder: Path) -> None:
        """Write the rest of the library's layout: tokenizer, configuration and preprocessing."""
        super().write_beside(folder)
        setattr(self.network.config, MARK, FORMAT)
        self.network.config.save_pretrained(folder)
        size = {"height": self.input_size, "width": self.input_size}
        numbers = {"size": size, "image_mean": self.pixel_mean, "image_std": self.pixel_std}
        write_json(folder / PREPROCESSING, {"image_processor_type": "ViTImageProcessor", **numbers, **AS_WE_DO})

    @property
    def towers(self) -> ClipTowers:
        """CLIP's."""
        return ClipTowers(self.network.clip)


def initialise(decoder: Any, embeddings: Any, settings: ClipSegSettings) -> None:
    """Draw a decoder's weights and, if the settings say so, those of patches and positions.

    transformers 5 draws the decoder's convolutions and reductions with a standard deviation of 1, which makes logits of
    about +-60 and a sigmoid without gradient; it was never meant to be trained from there.
    """
    for layer in (*decoder.reduces, *decoder.transposed_convolution, decoder.film_mul, decoder.film_add):
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    if settings.initial_std is not None and embeddings is not None:
        film, position, patch = settings.initial_std
        for layer, std in (
            (decoder.film_mul, film), (decoder.film_add, film), (embeddings.position_embedding, position),
            (embeddings.patch_embedding, patch),
        ):  # fmt: skip
            nn.init.normal_(layer.weight, std=std)


DECODER_HEADS = 4
LIBRARY_NAMES = {
    "vision_config": {
        "hidden_size": "vision_width",
        "num_hidden_layers": "vision_layers",
        "image_size": "vision_positions",
        "patch_size": "patch_size",
    },
    "text_config": {
        "hidden_size": "text_width",
        "num_hidden_layers": "text_layers",
        "max_position_embeddings": "text_length",
    },
    "": {
        "projection_dim": "projection_width",
        "extract_layers": "extract_layers",
        "reduce_dim": "reduce_width",
        "decoder_intermediate_size": "decoder_mlp",
        "conditional_layer": "conditional_layer",
    },
}
"""Part of the library's configuration -> its name of a size -> ours."""


def library_config(settings: ClipSegSettings, tokenizer: Any) -> CLIPSegConfig:
    """Return the library's configuration of a CLIPSeg with such sizes and such tokens."""
    parts: dict[str, dict[str, Any]] = {
        part: {theirs: getattr(settings, ours) for theirs, ours in names.items()}
        for part, names in LIBRARY_NAMES.items()
    }
    for part, width in (("vision_config", settings.vision_width), ("text_config", settings.text_width)):
        parts[part] |= {"intermediate_size": 4 * width, "num_attention_heads": width // settings.head_width}
    parts["text_config"]["vocab_size"] = len(tokenizer)
    tokens = ("pad_token_id", "bos_token_id", "eos_token_id")
    parts["text_config"] |= {name: getattr(tokenizer, name) for name in tokens}
    top = parts.pop("") | {"extract_layers": list(settings.extract_layers)}
    top |= {"decoder_num_attention_heads": DECODER_HEADS, "use_complex_transposed_convolution": True}
    return CLIPSegConfig(**parts, **top)


def _read_config(folder: Path) -> CLIPSegConfig:
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise CheckpointError(folder, path.name, "absent", "a folder of weights (save_pretrained layout)")
    try:
        config = CLIPSegConfig.from_pretrained(folder, local_files_only=True)
        if max(config.vision_config.num_hidden_layers, config.text_config.num_hidden_layers) > MOST_LAYERS:
            raise ValueError(f"more than {MOST_LAYERS} layers")
        if (known := path.read_bytes()) not in _NEEDED:
            _NEEDED[known] = _bytes_needed(config)
        needed = _NEEDED[known]
        if needed > 4 * (held := weights_path(folder).stat().st_size) + MARGIN:
            raise ValueError(f"its sizes need {needed} bytes and the file of weights has {held}")
    except CheckpointError:
        raise
    except Exception as error:  # the library checks little, and damaged values can raise anything
        raise _no_config(folder, error) from error
    if not config.use_complex_transposed_convolution:
        raise CheckpointError(
            folder, "use_complex_transposed_convolution", False, "true, as in CIDAS/clipseg-rd64-refined",
            "Use the refined checkpoint.",
        )  # fmt: skip
    return config


_NEEDED: dict[bytes, int] = {}
"""The configurations that were tried in this process, and the bytes of their weights."""


def _bytes_needed(config: CLIPSegConfig) -> int:
    """Run a model of a configuration, and return the bytes of its weights; an impossible one raises anything."""
    with torch.device("meta"):  # whatever the sizes are, nothing is allocated or computed
        model = ClipSeg(_settings_of(config), config, None)
        size, one = model.input_size, torch.zeros(1, dtype=torch.long)
        model(torch.zeros(1, 3, size, size), torch.zeros((1, 3), dtype=torch.long), one)
    return sum(tensor.nbytes for tensor in model.state_dict().values())


def _no_config(folder: Path, error: Exception) -> CheckpointError:
    return CheckpointError(folder / CONFIG_FILE, "config", first_words(error), "the configuration of a CLIPSeg")


def _require_tokenizer(tokenizer: Any, config: CLIPSegConfig, folder: Path) -> None:
    known = config.text_config.vocab_size
    # What it puts around a sentence has numbers of its own, which need not be those of its vocabulary.
    highest = max(*tokenizer.get_vocab().values(), *tokenizer("")["input_ids"])
    if max(highest + 1, len(tokenizer)) > known:
        found = f"{len(tokenizer)} tokens, numbered up to {highest}"
        raise CheckpointError(folder, "tokenizer", found, f"at most {known}, from 0 on, as config.json says")
    end = config.text_config.eos_token_id  # the library takes 2 for "the token with the highest number"
    if tokenizer.eos_token_id != (len(tokenizer) - 1 if end == LEGACY_END else end):
        raise CheckpointError(folder, "tokenizer", f"ends with {tokenizer.eos_token_id}", f"{end}, as in config.json")


def _settings_of(config: CLIPSegConfig) -> ClipSegSettings:
    built = {
        ours: getattr(getattr(config, part) if part else config, theirs)
        for part, names in LIBRARY_NAMES.items()
        for theirs, ours in names.items()
    } | {"extract_layers": tuple(config.extract_layers)}
    heads = config.vision_config.num_attention_heads
    return replace(ClipSegSettings(), **built, head_width=config.vision_config.hidden_size // heads)


def _read_preprocessing(
    folder: Path, model: type[ClipSeg], settings: ClipSegSettings
) -> tuple[int, tuple[float, float, float], tuple[float, float, float]]:
    """Return the square input's size, and mean and standard deviation of the channels, from the library's file."""
    path = folder / PREPROCESSING
    if not path.is_file():
        return settings.input_size, model.pixel_mean, model.pixel_std
    try:
        said = read_json(path)
        odd = [name for name, value in AS_WE_DO.items() if said.get(name, value) != value]
        size = said.get("size", settings.input_size)
        [side] = {size["height"], size["width"]} if isinstance(size, dict) else {size}
        mean, std = (
            from_json(tuple[float, float, float], said[name], path, name) for name in ("image_mean", "image_std")
        )
        replace(settings, input_size=from_json(int, side, path, "size"))
        if odd or not min(std) > 0 or not max(map(abs, (*mean, *std))) < math.inf:
            raise ValueError(", ".join(f"{name} {said[name]}" for name in odd) or "image_std is not positive")
    except (SynthboostError, KeyError, ValueError, TypeError) as error:
        found = f"{error.field}: {error.value}" if isinstance(error, SynthboostError) else first_words(error)
        expected = "square images, bilinear, in 0-1, minus three means, divided by three positive numbers"
        raise CheckpointError(path, "preprocessing", found, expected) from error
    return side, mean, std
