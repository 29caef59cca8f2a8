"""What one training step really changes: which tensors get a gradient, which buffers move, what the optimiser steps.

The published code of the paper froze and trained other things than the text says (`docs/method.md`); this is
the measurement that would have shown it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.models.base import ENCODER_GROUPS, Part, Segmenter
from synthboost.models.freezing import Encoders


@dataclass(frozen=True)
class GroupAudit:
    """One parameter group after one forward and backward pass in training mode."""

    tensors: int
    parameters: int
    """Numbers, not tensors."""
    learning: int
    """Numbers that ask for a gradient."""
    trainable: int
    """Tensors that ask for a gradient."""
    with_gradient: int
    """Tensors that got a gradient with a value other than zero."""
    out_of_reach: int
    """Tensors that ask for a gradient but have no part in any mask; training by several processes stops at them."""
    buffers: int
    buffers_moved: int
    """Buffers (e.g. running statistics) whose content changed."""
    fixed_moved: int
    """Of these, those in blocks that shall not change."""


def audit(model: Segmenter, sentences: tuple[str, ...]) -> dict[str, GroupAudit]:
    """Run one step on random images and random targets, without an update, and count per parameter group.

    Args:
        model: in any freezing policy; its weights, buffers and mode are as before afterwards, and it has no gradients.
        sentences: at least one; two images are paired with all of them.
    """
    generator = torch.Generator().manual_seed(0)
    was_training = model.training
    model.train().zero_grad(set_to_none=True)
    buffers = {group: _buffers(parts) for group, parts in model.groups().items()}
    fixed = {id(buffer) for group in ENCODER_GROUPS for buffer in _buffers(model.fixed_parts(group))}
    before = {buffer: buffer.clone() for members in buffers.values() for buffer in members}
    images = torch.randn(2, 3, model.input_size, model.input_size, generator=generator)
    tokens = model.tokenize(sentences).repeat(2, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        logits = model(images, tokens, torch.arange(2).repeat_interleave(len(sentences)))
    target = torch.rand(logits.shape, generator=generator).round()
    refusal = model.refusal_loss(tokens, torch.arange(len(tokens)))
    torch.autograd.backward(F.binary_cross_entropy_with_logits(logits, target) + refusal)
    result = {}
    for group, parameters in model.parameter_groups().items():
        own = buffers.get(group, [])
        moved = [buffer for buffer in own if not torch.equal(buffer, before[buffer])]
        result[group] = GroupAudit(
            tensors=len(parameters),
            parameters=sum(p.numel() for p in parameters),
            learning=sum(p.numel() for p in parameters if p.requires_grad),
            trainable=sum(p.requires_grad for p in parameters),
            with_gradient=sum(p.grad is not None and bool(p.grad.any()) for p in parameters),
            out_of_reach=sum(p.requires_grad and p.grad is None for p in parameters),
            buffers=len(own),
            buffers_moved=len(moved),
            fixed_moved=sum(id(buffer) in fixed for buffer in moved),
        )
    for buffer, content in before.items():
        buffer.copy_(content)
    model.train(was_training).zero_grad(set_to_none=True)
    return result


def faults(encoders: Encoders, found: dict[str, GroupAudit]) -> list[str]:
    """Say in which groups an audit contradicts the policy; empty when it does what it says."""
    wrong = []
    for group, one in found.items():
        if group in ENCODER_GROUPS and not one.tensors:
            continue  # a model without such an encoder
        kind = getattr(encoders, group).kind if group in ENCODER_GROUPS else group
        if kind in ("frozen", "unused"):
            if one.trainable or one.with_gradient:
                wrong.append(f"{group} shall not learn, but {one.with_gradient} of its tensors get a gradient")
        elif not one.with_gradient:
            wrong.append(f"{group} shall learn, but none of its tensors gets a gradient")
        elif kind in ("trained", "decoder") and one.trainable < one.tensors:
            wrong.append(f"{group} shall learn, but {one.tensors - one.trainable} of its tensors ask for no gradient")
        elif one.out_of_reach:
            wrong.append(f"{group} shall learn, but {one.out_of_reach} of its tensors have no part in any mask")
        if one.fixed_moved:
            wrong.append(f"{group} is frozen, in whole or in part, but {one.fixed_moved} of its buffers moved there")
    return wrong


def _buffers(parts: Iterable[Part]) -> list[Tensor]:
    return [buffer for part in parts if isinstance(part, nn.Module) for buffer in part.buffers()]
