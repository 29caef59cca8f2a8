"""Weights that others published: SDM's (github.com/WeilunWang/semantic-diffusion-model) and those of Echo from Noise.

Both write plain state dicts of one architecture (`ema_0.9999_050000.pt`, `model050000.pt`). Their names are translated,
the sizes are read from the shapes, and what no shape tells is asked for. Of the public SDM only networks that were
trained without instance edges (`--no_instance True`) mean what ours do: an edge channel would be taken for a class.
The public SDM was trained with the linear noise schedule, Echo from Noise with the cosine one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synthboost.diffusion.checkpoint import save_diffusion
from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.settings import DiffusionSettings, NoiseSpacing
from synthboost.errors import CheckpointError, ConfigError
from synthboost.models.weights_folder import load_strictly, read_tensors

PLAIN_BLOCK = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "skip": "skip_connection",
}  # fmt: skip
"""Our names of the parts of an encoder's block, and the published ones."""
MAPPED_BLOCK = {
    "norm1.shared": "in_norm.mlp_shared.0", "norm1.gamma": "in_norm.mlp_gamma", "norm1.beta": "in_norm.mlp_beta",
    "conv1": "in_layers.1", "time": "emb_layers.1",
    "norm2.shared": "out_norm.mlp_shared.0", "norm2.gamma": "out_norm.mlp_gamma", "norm2.beta": "out_norm.mlp_beta",
    "conv2": "out_layers.2", "skip": "skip_connection",
}  # fmt: skip
"""The same of a block with SPADE."""
ECHO_FROM_NOISE_CLASSES = (0, 2, 1, 3, 4)
"""Echo from Noise's number of each class of ours: there the cavity is 1, and the other tissue of the sector 2."""
ATTENTION = {"norm": "norm", "qkv": "qkv", "out": "proj_out"}
SIZE, HEAD_WIDTH = 256, 64
"""Of the public echo weights, and of most of SDM's."""
ORIGINS: dict[str, dict[str, Any]] = {
    "sdm": {"heads_first": True, "spacing": NoiseSpacing.LINEAR},
    "echo-from-noise": {"classes": ECHO_FROM_NOISE_CLASSES, "spacing": NoiseSpacing.COSINE},
}
"""What no tensor tells, by who trained the weights."""


def convert(path: Path, folder: Path, origin: str, size: int = SIZE) -> SemanticUNet:
    """Turn a published file into a folder that `load_diffusion` reads.

    Args:
        path: see `load_published`.
        folder: written whole or not at all.
        origin: a key of `ORIGINS`.
        size: of the square images it was trained on, in pixels.

    Raises:
        CheckpointError: the file is absent, damaged, or of another architecture.
        ConfigError: `size` does not go with the file's sizes.
        OutputError: the folder cannot be written.
    """
    network = load_published(path, size, **ORIGINS[origin])
    save_diffusion(folder, network)
    return network


def load_published(
    path: Path, size: int = SIZE, head_width: int = HEAD_WIDTH, heads_first: bool = False,
    classes: Sequence[int] | None = None, spacing: NoiseSpacing = NoiseSpacing.COSINE,
) -> SemanticUNet:  # fmt: skip
    """Build the network that a published file belongs to, with its weights. No code of the file runs.

    Args:
        path: `ema_*.pt` or `model*.pt`.
        size: of the square images it was trained on, in pixels.
        head_width: channels per attention head (`--num_head_channels`).
        heads_first: whether it was trained with `--use_new_attention_order False`, the default of the public SDM;
            Echo from Noise sets it to true. No tensor tells, so a wrong choice gives wrong images.
        classes: the file's number of each class of ours, e.g. `ECHO_FROM_NOISE_CLASSES`; the same numbers when absent.
        spacing: of the noise that it was trained with.

    Raises:
        CheckpointError: the file is absent or damaged, or is of another architecture; differing tensors are named.
        ConfigError: `size`, `head_width` or `classes` does not go with the file's sizes.
    """
    state = {name: tensor.float() for name, tensor in read_tensors(path).items()}
    settings = replace(infer_settings(state, path, size, head_width), spacing=spacing)
    ours = rename(state, settings)
    if heads_first:
        ours |= {name: _split_kinds_first(ours[name], head_width) for name in ours if ".qkv." in name}
    if classes is not None:
        if sorted(classes) != list(range(settings.classes)):
            raise ConfigError(
                "load_published", "classes", classes, f"each number from 0 to {settings.classes - 1} once"
            )
        ours |= {name: ours[name][:, list(classes)] for name in ours if name.endswith(".shared.weight")}
    with torch.random.fork_rng(devices=[]):
        network = SemanticUNet(settings)
    load_strictly(network, ours, path)
    return network.eval()


def infer_settings(state: Mapping[str, Tensor], source: Path, size: int, head_width: int) -> DiffusionSettings:
    """Read the sizes from the shapes of published tensors.

    Raises:
        CheckpointError: a tensor that tells a size is missing.
        ConfigError: the sizes cannot form a network.
    """

    def shape(name: str) -> tuple[int, ...]:
        if name not in state:
            raise CheckpointError(
                source, "tensors", f"{name} is missing", "the weights of a semantic diffusion model (SDM)",
                "Nothing was loaded.",
            )  # fmt: skip
        return tuple(state[name].shape)

    width = shape("time_embed.0.weight")[1]
    channels = shape("input_blocks.0.0.weight")[1]
    spade_width, classes = shape("middle_block.0.in_norm.mlp_shared.0.weight")[:2]
    total = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("output_blocks."))
    mapped = {name.rsplit(".", 3)[0] for name in state if name.endswith(".in_norm.mlp_gamma.weight")}
    levels = 1 + sum(name.startswith("output_blocks.") and not name.endswith(".0") for name in mapped)
    per_level = total // levels
    first = [_output_block(level, 0, levels, per_level - 1) for level in range(levels)]
    return DiffusionSettings(
        size=size, channels=channels, width=width,
        multipliers=tuple(shape(f"{name}.0.in_layers.1.weight")[0] // width for name in first),
        blocks=per_level - 1,
        attention=tuple(size >> level for level in range(levels) if f"{first[level]}.1.qkv.weight" in state),
        head_width=head_width, groups=32, spade_width=spade_width, classes=classes, null_label=False, attributes=False,
        learned_sigma=shape("out.2.weight")[0] == 2 * channels,
    )  # fmt: skip


def rename(state: Mapping[str, Tensor], settings: DiffusionSettings) -> dict[str, Tensor]:
    """Give published tensors our names; names that are not in the table stay as they are."""
    table = rename_table(settings)
    renamed = {}
    for name, tensor in state.items():
        module, _, kind = name.rpartition(".")
        renamed[f"{table[module]}.{kind}" if module in table else name] = tensor
    return renamed


def rename_table(settings: DiffusionSettings) -> dict[str, str]:
    """Return for each published module our name of it."""
    table = {"time_embed.0": "time.0", "time_embed.2": "time.2", "input_blocks.0.0": "stem"}
    table |= {"out.0": "head.0", "out.2": "head.2"}
    levels, blocks = len(settings.multipliers), settings.blocks
    number = 1
    for level in range(levels):
        attended = settings.size >> level in settings.attention
        for block in range(blocks):
            _add(table, f"input_blocks.{number}.0", f"down.{level}.blocks.{block}", PLAIN_BLOCK)
            if attended:
                _add(table, f"input_blocks.{number}.1", f"down.{level}.attention.{block}", ATTENTION)
            number += 1
        if level < levels - 1:
            _add(table, f"input_blocks.{number}.0", f"down.{level}.pool", PLAIN_BLOCK)
            number += 1
        for block in range(blocks + 1):
            theirs = _output_block(level, block, levels, blocks)
            _add(table, f"{theirs}.0", f"up.{level}.blocks.{block}", MAPPED_BLOCK)
            if attended:
                _add(table, f"{theirs}.1", f"up.{level}.attention.{block}", ATTENTION)
            if level and block == blocks:
                _add(table, f"{theirs}.{1 + attended}", f"up.{level}.grow", MAPPED_BLOCK)
    _add(table, "middle_block.0", "middle.first", MAPPED_BLOCK)
    _add(table, "middle_block.1", "middle.attention", ATTENTION)
    _add(table, "middle_block.2", "middle.second", MAPPED_BLOCK)
    return table


def _add(table: dict[str, str], theirs: str, ours: str, parts: Mapping[str, str]) -> None:
    table |= {f"{theirs}.{published}": f"{ours}.{own}" for own, published in parts.items()}


def _output_block(level: int, block: int, levels: int, blocks: int) -> str:
    """Name the decoder's block; the published ones count from the deepest level on."""
    return f"output_blocks.{(levels - 1 - level) * (blocks + 1) + block}"


def _split_kinds_first(qkv: Tensor, head_width: int) -> Tensor:
    """Reorder rows (heads x (query, key, value) x width) to ((query, key, value) x heads x width)."""
    heads = len(qkv) // (3 * head_width)
    return qkv.reshape(heads, 3, head_width, -1).transpose(0, 1).reshape(qkv.shape)
