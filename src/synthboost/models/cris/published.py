"""Files of weights that others published: a trained CRIS, or CLIP's ResNet, turned into a folder of ours once.

Three formats are known: the authors' training script's `*.pth` (a dict that holds `state_dict`, every name with a
prefix), OpenAI's `RN50.pt` (a TorchScript archive of CLIP), and a bare state dict of either (`*.pth`, `*.safetensors`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from synthboost.errors import CheckpointError
from synthboost.models.cris.model import Cris, CrisNetwork
from synthboost.models.cris.settings import CrisSettings
from synthboost.models.tokenizing import clip_tokenizer
from synthboost.models.weights_folder import load_strictly, read_file, refuse_non_finite

BACKBONE = "backbone."
MARK = "visual.conv1.weight"
"""In every CLIP and every CRIS, and nowhere else."""
RESNET = "visual.layer1.0.conv1.weight"
"""In CLIP's residual networks, and not in its vision transformers, whose first convolution has the same name."""
CLIP_SIZES = frozenset({"input_resolution", "context_length", "vocab_size"})
"""Numbers that OpenAI's archives keep among the weights."""
CONNECT = "backbone.visual.attnpool.connect."
"""Inside the image encoder, but CRIS' addition to CLIP."""
HEAD_WIDTH = 64
"""Channels per attention head in everything that was published; no tensor's shape tells."""
COUNTER = ".num_batches_tracked"
"""Of a normalisation layer. No result depends on it, and old or exported files leave it out; torch fills it in too."""
TOKENIZER = "openai/clip-vit-base-patch32"
"""CLIP's, on the hub."""


Kind: TypeAlias = Literal["cris", "clip"]
"""What a published file holds: a whole, trained CRIS; or CLIP's two encoders, and what CRIS adds must be trained."""


@dataclass(frozen=True)
class ConversionReport:
    """What became of the tensors; every tensor of the file was used, or nothing was written."""

    kind: Kind
    matched: tuple[str, ...]
    """Tensors of the network that came from the file."""
    left_random: tuple[str, ...]
    """Tensors that the file does not have: all that CRIS adds to CLIP. Never empty for `clip`."""
    zeroed: tuple[str, ...]
    """Counters of batches that the file leaves out and that begin at zero. No result depends on them."""
    dropped: tuple[str, ...]
    """Entries of the file that are no weights of a CRIS, e.g. the optimiser's state."""


def read_published(path: Path) -> tuple[Kind, dict[str, Tensor], tuple[str, ...]]:
    """Read a published file. Pickles are read as tensors and plain values only, so that no code of theirs runs.

    Returns:
        What it holds; its tensors under the names of `CrisNetwork`, in float32; the names of other entries.

    Raises:
        CheckpointError: the file is absent, damaged, or holds something else than a CRIS or a CLIP with a ResNet.
    """
    container, dropped = _unpack(path)
    mark = next((name for name in container if name.endswith(MARK)), None)
    if mark is None or not isinstance(container[mark], Tensor):
        raise CheckpointError(
            path, "weights", f"{len(container)} entries: {', '.join(sorted(container)[:5])}",
            f"those of a CRIS or of CLIP, among them {MARK}",
        )  # fmt: skip
    prefix = mark.removesuffix(MARK)
    kind: Kind = "cris" if prefix.endswith(BACKBONE) else "clip"
    prefix = prefix.removesuffix(BACKBONE)
    if mark.removesuffix(MARK) + RESNET not in container:
        raise CheckpointError(
            path, "image encoder", "not a residual network", "CLIP's ResNet, as in RN50.pt", "Use RN50.pt or RN101.pt."
        )
    state = {name.removeprefix(prefix): tensor for name, tensor in container.items()}
    if len(state) < len(container):
        twice = sorted(name for name in container if name.startswith(prefix) and name.removeprefix(prefix) in container)
        raise CheckpointError(
            path, "entries", f"with and without the prefix {prefix!r}: {', '.join(twice[:5])}", "each tensor once"
        )
    if kind == "clip":
        dropped += tuple(sorted(CLIP_SIZES & state.keys()))
        state = {BACKBONE + name: tensor for name, tensor in state.items() if name not in CLIP_SIZES}
    strangers = [
        name
        for name, entry in state.items()
        if not isinstance(entry, Tensor) or entry.layout is not torch.strided or entry.is_meta
    ]
    if strangers:
        raise CheckpointError(path, "entries", ", ".join(strangers[:5]), "tensors only, dense and with content")
    refuse_non_finite(path, state)
    floats = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    return kind, floats, dropped


def convert(
    path: Path, folder: Path, tokenizer: str | Path = TOKENIZER, seed: int = 0,
    input_size: int = CrisSettings.input_size,
) -> ConversionReport:  # fmt: skip
    """Turn a published file into a folder that `load_segmenter` reads.

    From CLIP alone, whatever CRIS adds stays at its initial weights and must be trained. That includes a layer inside
    the image encoder (`connect`), which frozen encoders would keep as it is forever: it is set to add nothing, so that
    the frozen encoder is CLIP's own, and a warning says so.

    Args:
        path: see `read_published`.
        folder: written whole or not at all.
        tokenizer: CLIP's: a folder with `tokenizer.json`, or `vocab.json` and `merges.txt`; or a model on the hub.
        seed: of what is left random.
        input_size: pixels; the weights fit any multiple of 32.

    Raises:
        CheckpointError: the file or the tokenizer does not fit, with the tensors that are missing or unexpected.
        ConfigError: `input_size` cannot be.
        OutputError: the folder cannot be written.
    """
    network, report = _load(path, seed, input_size)
    words, vocabulary = clip_tokenizer(tokenizer), network.backbone.token_embedding.num_embeddings
    if len(words) != vocabulary or words.eos_token_id != vocabulary - 1:
        raise CheckpointError(
            tokenizer, "vocabulary", f"{len(words)} tokens, the end token is {words.eos_token_id}",
            f"{vocabulary} tokens, as in {path.name}, the end token last", "Give the tokenizer of the same CLIP.",
        )  # fmt: skip
    Cris(network, words).save_pretrained(folder)
    if left := len(report.left_random):
        warnings.warn(
            f"{path} holds CLIP, not CRIS: {left} of {left + len(report.matched)} tensors are untrained. `connect` in "
            "the image encoder adds nothing until it is trained, so frozen encoders give CLIP's own features.",
            UserWarning, stacklevel=2,
        )  # fmt: skip
    return report


def check(path: Path) -> ConversionReport:
    """Say what `convert` would do with a file, without a tokenizer and without writing anything.

    Raises:
        CheckpointError: as for `convert`.
    """
    return _load(path)[1]


def _load(path: Path, seed: int = 0, input_size: int = CrisSettings.input_size) -> tuple[CrisNetwork, ConversionReport]:
    """Copy the file's tensors into a network, all of them or none; what the file lacks is random."""
    kind, state, dropped = read_published(path)
    settings = infer_settings(state, path, input_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = CrisNetwork(settings, _shape(state, "backbone.token_embedding.weight", 2, path)[0])
    left = () if kind == "cris" else _added_to_clip(network)
    own = network.state_dict()
    absent = own.keys() - state.keys() - set(left)
    zeroed = tuple(sorted(name for name in absent if name.endswith(COUNTER)))
    load_strictly(network, {name: own[name] for name in (*left, *zeroed)} | dict(state), path)
    return network, ConversionReport(kind, tuple(sorted(state)), left, zeroed, dropped)


def _added_to_clip(network: CrisNetwork) -> tuple[str, ...]:
    """Make the added layer inside the image encoder silent; return the names of all that CRIS adds to CLIP."""
    norm = network.get_submodule(f"{CONNECT}1")
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.zeros_(norm.weight)
    return tuple(
        sorted(name for name in network.state_dict() if name.startswith(CONNECT) or not name.startswith(BACKBONE))
    )


def _unpack(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the mapping that holds the weights, and the names of what lies beside it."""
    found = read_file(path)
    inner = found.get("state_dict") if isinstance(found, Mapping) else None
    weights = inner if isinstance(inner, Mapping) else found
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) for name in weights):
        raise CheckpointError(path, "file", type(weights).__name__, "a file that maps names to tensors")
    return dict(weights), () if weights is found else tuple(sorted(str(name) for name in found if name != "state_dict"))


def infer_settings(state: Mapping[str, Tensor], source: Path, input_size: int) -> CrisSettings:
    """Infer the settings of published weights; what CLIP alone does not tell is as published.

    Args:
        state: tensors under the names of `CrisNetwork`, at least those of the two encoders.
        source: the file they come from, for messages.
        input_size: of the square images, in pixels; no weight depends on it.

    Raises:
        CheckpointError: a tensor that tells a size is missing, or has another number of dimensions.
        ConfigError: the sizes, or `input_size`, cannot form a network.
    """
    text_positions, text = _shape(state, "backbone.positional_embedding", 2, source)
    positions, vision = _shape(state, "backbone.visual.attnpool.positional_embedding", 2, source)
    embedding = _shape(state, "backbone.text_projection", 2, source)[1]
    sizes = {
        "input_size": input_size,
        "vision_layers": tuple(_count(state, f"backbone.visual.layer{stage}.") for stage in (1, 2, 3, 4)),
        "vision_width": vision // 32,
        "vision_positions": math.isqrt(positions - 1),
        "text_width": text,
        "text_layers": _count(state, "backbone.transformer.resblocks."),
        "text_heads": max(1, text // HEAD_WIDTH),
        "text_positions": text_positions,
        "embedding_width": embedding,
        "neck_widths": (text // 2, text, 2 * text),
        "decoder_heads": max(1, text // HEAD_WIDTH),
    }
    if decoder_layers := _count(state, "decoder.layers."):
        fine = _shape(state, "neck.f3_v_proj.0.weight", 4, source)[0]
        coarse = _shape(state, "neck.f1_v_proj.0.weight", 4, source)[0]
        mlp = _shape(state, "decoder.layers.0.ffn.0.weight", 2, source)[0]
        sizes |= {"neck_widths": (fine, text, coarse), "decoder_layers": decoder_layers, "decoder_mlp": mlp}
    return CrisSettings(**sizes)  # type: ignore[arg-type]


def _shape(state: Mapping[str, Tensor], name: str, dimensions: int, source: Path) -> tuple[int, ...]:
    found = tuple(state[name].shape) if name in state else None
    if found is None or len(found) != dimensions or 0 in found:
        raise CheckpointError(
            source, "tensors", f"{name} is {'missing' if found is None else found}", f"one of {dimensions} dimensions",
            "Nothing was loaded.",
        )  # fmt: skip
    return found


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered modules there are under a prefix."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in state if name.startswith(prefix)})
