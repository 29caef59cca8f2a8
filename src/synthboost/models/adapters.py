"""Low-rank adapters (LoRA, arXiv 2106.09685) through peft, put into a network in place and merged when it is saved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.errors import extra

NAME = "synthboost"
"""Of the adapter inside peft's layers."""
ADAPTED = (nn.Linear, nn.Conv2d)
"""Not convolutions of each channel apart: their filters are smaller than an update would be."""


def add_adapters(network: nn.Module, ranks: Sequence[tuple[Sequence[nn.Module], int]], seed: int) -> None:
    """Give every matrix of some modules (linear, convolution, attention) a low-rank update that starts at zero.

    Args:
        network: holds the modules; changed in place. It must have no adapters yet.
        ranks: modules of `network`, and the rank of their updates; the updates are scaled by 1 (alpha equals rank).
        seed: of the random halves.

    Raises:
        ConfigError: peft is not installed.
    """
    with extra("peft", "peft"):
        from peft import LoraConfig, inject_adapter_in_model
    for modules, _ in ranks:
        for parent, name, part in _children(modules):
            if isinstance(part, nn.MultiheadAttention):
                setattr(parent, name, SplitAttention(part))  # of the very same parameters
    rank_of = {id(part): rank for modules, rank in ranks for module in modules for part in module.modules()}
    targets = {
        name: rank_of[id(part)]
        for name, part in network.named_modules()
        if id(part) in rank_of and isinstance(part, ADAPTED) and getattr(part, "groups", 1) == 1
    }
    pattern = {f"^{re.escape(name)}$": rank for name, rank in targets.items()}
    config = LoraConfig(target_modules=list(targets), rank_pattern=pattern, alpha_pattern=pattern)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, network, NAME)


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


class SplitAttention(nn.Module):
    """Self-attention with the very parameters of a `nn.MultiheadAttention`, as two linear layers.

    torch's module keeps the matrices of query, key and value as a bare parameter. peft wraps it whole, merges its
    update before every forward pass and takes it out afterwards; release 0.21 adds that of the output matrix twice
    (huggingface/peft, pull request 3774), and what is rounded on the way changes the frozen weights.
    """

    def __init__(self, whole: nn.MultiheadAttention) -> None:
        super().__init__()
        assert whole.batch_first
        assert not whole.dropout
        vars(self)["whole"] = whole  # not as a part: its parameters would have two names
        self.heads = whole.num_heads
        self.in_proj = nn.Linear(whole.embed_dim, 3 * whole.embed_dim, device="meta")
        self.in_proj.weight, self.in_proj.bias = whole.in_proj_weight, whole.in_proj_bias
        self.out_proj = whole.out_proj

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor, is_causal: bool, need_weights: bool
    ) -> tuple[Tensor, None]:
        """Turn words (M, L, width) into the same shape; called as the text encoder calls the original (causal)."""
        assert query is key is value
        assert is_causal
        assert not need_weights
        q, k, v = self.in_proj(query).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(attended.transpose(1, 2).flatten(2)), None


def _unwrap(network: nn.Module, merge: bool) -> None:
    for name, layer in [(name, part) for name, part in network.named_modules() if _is_wrapper(part)]:
        if merge:
            layer.merge(adapter_names=[NAME])
        parent, _, own = name.rpartition(".")
        setattr(network.get_submodule(parent), own, layer.get_base_layer())
    for holder, name, part in _children([network]):
        if isinstance(part, SplitAttention):
            setattr(holder, name, part.whole)


def _is_wrapper(module: nn.Module) -> bool:
    return hasattr(module, "get_base_layer") and hasattr(module, "base_layer")


def _children(modules: Iterable[nn.Module]) -> list[tuple[nn.Module, str, nn.Module]]:
    """Return (parent, name, child) of everything below some modules."""
    parents = [parent for module in modules for parent in module.modules()]
    return [(parent, name, child) for parent in parents for name, child in parent.named_children()]
