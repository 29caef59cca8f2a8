"""Low-rank adapters (LoRA, arXiv 2106.09685) through peft, put into a network in place and merged when it is saved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from synthboost.errors import ConfigError
from synthboost.models.split_attention import join_attention, split_attention

NAME = "synthboost"
"""Of the adapter inside peft's layers."""
ADAPTED = (nn.Linear, nn.Conv2d)


def add_adapters(network: nn.Module, ranks: Sequence[tuple[Iterable[nn.Module], int]], seed: int) -> None:
    """Give every matrix of some modules (linear, convolution, attention) a low-rank update that starts at zero.

    Args:
        network: holds the modules; changed in place. It must have no adapters yet.
        ranks: modules of `network`, and the rank of their updates; the updates are scaled by 1 (alpha equals rank).
        seed: of the random halves.

    Raises:
        ConfigError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise ConfigError(
            "encoders", "lora", "peft is not installed", "the extra `peft`", "pip install 'synthboost[peft]'"
        ) from error
    ranks = [(list(modules), rank) for modules, rank in ranks]
    for modules, _ in ranks:
        for module in modules:
            split_attention(module)
    rank_of = {id(part): rank for modules, rank in ranks for module in modules for part in module.modules()}
    targets = {
        name: rank_of[id(part)]
        for name, part in network.named_modules()
        if id(part) in rank_of and isinstance(part, ADAPTED)
    }
    pattern = {f"^{re.escape(name)}$": rank for name, rank in targets.items()}
    config = LoraConfig(target_modules=list(targets), rank_pattern=pattern, alpha_pattern=pattern)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, network, NAME)


def is_adapter(parameter_name: str) -> bool:
    """Whether a parameter, by its name, is part of an adapter."""
    return "lora_" in parameter_name


def remove_adapters(network: nn.Module) -> None:
    """Put the original layers back, without what the adapters learnt."""
    _unwrap(network, merge=False)
    vars(network).pop("peft_config", None)  # peft's note that there are adapters


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """Return the state dict that the network would have without adapters, their updates added to the weights."""
    if not any(map(_is_wrapper, network.modules())):
        return dict(network.state_dict())
    merged = deepcopy(network)
    _unwrap(merged, merge=True)
    return dict(merged.state_dict())


def _unwrap(network: nn.Module, merge: bool) -> None:
    for name, layer in [(name, part) for name, part in network.named_modules() if _is_wrapper(part)]:
        if merge:
            layer.merge(adapter_names=[NAME])
        parent, _, own = name.rpartition(".")
        setattr(network.get_submodule(parent), own, layer.get_base_layer())
    join_attention(network)


def _is_wrapper(module: nn.Module) -> bool:
    return hasattr(module, "get_base_layer") and hasattr(module, "base_layer")
