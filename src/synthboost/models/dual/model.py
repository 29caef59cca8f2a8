"""CLIPSeg's decoder over a dual encoder whose weights others published: the decoder is random, until it is trained."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor, nn
from transformers.models.clipseg.modeling_clipseg import CLIPSegDecoder

from synthboost.domain import PromptSet
from synthboost.errors import CheckpointError, ConfigError, first_words
from synthboost.models.clipseg.model import LIBRARY_NAMES, OUTDATED_BUFFERS, initialise, library_config
from synthboost.models.dual.encoders import TOWERS, build_encoders, from_open_clip
from synthboost.models.dual.settings import PRESETS, DualSettings
from synthboost.models.text_conditioned import TextConditioned, Towers
from synthboost.models.tokenizing import grammar_tokenizer, read_tokenizer
from synthboost.models.weights_folder import (
    CONFIG_FILE,
    OPEN_CLIP_FILE,
    load_strictly,
    load_weights,
    read_card,
    read_library_config,
    read_settings,
    read_tensors,
    weights_path,
)

CLIP_PIXELS = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Mean and standard deviation of CLIP's images."""
EXPECTED = "the configuration of a CLIP or SigLIP"
DECISIVE = ("intermediate_size", "hidden_act", "layer_norm_eps", "num_attention_heads")
"""Of each tower: what the library's configuration says and our sizes do not."""


class Dual(TextConditioned):
    """CLIPSeg's decoder (arXiv 2112.10003) over CLIP, SigLIP or BiomedCLIP."""

    name: ClassVar[str] = "dual"
    cpu_pairs: ClassVar[int] = 2
    """As for CLIPSeg."""

    def __init__(self, settings: DualSettings, tokenizer: Any) -> None:
        """Build with random weights; `from_settings` and `from_pretrained` are the usual ways in."""
        super().__init__()
        self.settings, self.tokenizer, self.text_length = settings, tokenizer, settings.text_length
        self.filled = settings.family == "siglip"
        self.network = DualNetwork(settings, tokenizer)
        self.input_size = settings.input_size
        self.output_size = settings.input_size // settings.patch_size * (settings.patch_size // 4) ** 2
        self.pixel_mean, self.pixel_std = ((0.5,) * 3,) * 2 if settings.family == "siglip" else CLIP_PIXELS

    @property
    def towers(self) -> Towers:
        """The family's."""
        return TOWERS[self.settings.family](self.network.encoders)

    @classmethod
    def from_settings(cls, settings: DualSettings, prompt_sets: Collection[PromptSet] = ()) -> Self:
        """Build with random weights and the grammar's own tokenizer; see `Segmenter.from_settings`."""
        return cls(settings, grammar_tokenizer(prompt_sets))

    @classmethod
    def from_pretrained(cls, folder: Path) -> Self:
        """Read what `save_pretrained` wrote; or encoders as others published them, under a decoder with random weights.

        That is a CLIP or SigLIP in the library's layout, or open_clip's of BiomedCLIP.
        """
        card = read_card(folder)
        settings = _published(folder) if card is None else read_settings(DualSettings, card, folder)
        model = cls(settings, read_tokenizer(folder, ends=settings.family == "clip"))
        if card is not None:
            load_weights(model.network, folder)
        elif settings.family == "biomedclip":
            path = folder / OPEN_CLIP_FILE
            load_strictly(model.network.encoders, from_open_clip(read_tensors(path)), path, OUTDATED_BUFFERS)
        else:
            _require_alike(model.network.encoders.config, read_library_config(folder, EXPECTED), folder)
            load_weights(model.network.encoders, folder, OUTDATED_BUFFERS)
        return model

    def tokenize(self, sentences: Sequence[str]) -> Tensor:
        """See `Segmenter.tokenize`; SigLIP was trained on lower case."""
        siglip = self.settings.family == "siglip"
        return super().tokenize([sentence.lower() if siglip else sentence for sentence in sentences])


class DualNetwork(nn.Module):
    """All weights, those of the encoders under the names of transformers."""

    def __init__(self, settings: DualSettings, tokenizer: Any) -> None:
        super().__init__()
        self.encoders: Any = build_encoders(settings, tokenizer)
        self.decoder = CLIPSegDecoder(library_config(settings, tokenizer))
        embeddings = self.encoders.vision_model.embeddings
        initialise(self.decoder, None if settings.family == "biomedclip" else embeddings, settings)


def _published(folder: Path) -> DualSettings:
    """The sizes of encoders as others published them."""
    if (folder / OPEN_CLIP_FILE).is_file():
        return PRESETS["biomedclip"]
    weights_path(folder)
    config = read_library_config(folder, EXPECTED)
    towers = {name: getattr(config, name, config) for name in ("vision_config", "text_config")}
    if config.model_type not in ("clip", "siglip"):
        raise CheckpointError(folder / CONFIG_FILE, "model_type", config.model_type, "clip or siglip")
    vision, text = towers["vision_config"], towers["text_config"]
    try:
        sizes = {ours: getattr(towers[part], theirs) for part in towers for theirs, ours in LIBRARY_NAMES[part].items()}
        projection = config.projection_dim if config.model_type == "clip" else text.projection_size
        return replace(
            PRESETS["clip-b16"], **sizes, projection_width=projection, family=config.model_type,
            activation=vision.hidden_act, head_width=vision.hidden_size // vision.num_attention_heads,
            extract_layers=tuple(vision.num_hidden_layers * quarter // 4 for quarter in (1, 2, 3)),
        )  # fmt: skip
    except (ConfigError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise _odd(folder, first_words(error)) from error


def _require_alike(ours: Any, theirs: Any, folder: Path) -> None:
    for part in ("vision_config", "text_config"):
        for name in DECISIVE:
            expected, found = (getattr(getattr(config, part), name) for config in (ours, theirs))
            if expected != found:
                raise _odd(folder, f"{part}.{name} {found}, where only {expected} is known")


def _odd(folder: Path, found: str) -> CheckpointError:
    return CheckpointError(folder / CONFIG_FILE, "config", found, EXPECTED)
