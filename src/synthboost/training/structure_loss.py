"""The loss of all structures of an image together: masks that exclude each other, at several scales, and sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from synthboost.domain import STRUCTURES
from synthboost.training.frame_stream import CERTAIN
from synthboost.training.optimizer import mask_dice, soft_dice

SCALE_WEIGHT = 0.5
"""Of each scale relative to the finer one before it."""
BINARY_WEIGHT = 0.25
"""Of what each sentence's probability costs on its own, as it is when a single sentence is given."""


def structures_loss(scales: Sequence[Tensor], labels: Tensor, annotated: Tensor | None = None) -> Tensor:
    """Cross-entropy over background and structures, soft Dice of their probabilities, and binary cross-entropy.

    The background's logit is 0: a structure is where its logit is above 0, as for a sentence alone, and the largest.

    Args:
        scales: logits (B, 3, h, w) of the three structures, the labels' size first, then coarser ones.
        labels: (B, H, W), 0-3, or shares (B, 4, H, W), 0-255; what is no structure's is the background's.
        annotated: (B, 3) bool, the structures that each image's labels say something of; `None`: all. Where none of
            them is, an image may show the background or any other: its marginal probability counts (Shi et al., Med
            Image Anal 70:101979, 2021).

    Returns:
        A scalar: the mean over the scales, weighted.
    """
    inside = shares_of(labels)
    return weighted_mean([_loss_of(logits.float(), _shrunk(inside, logits), annotated) for logits in scales])


def shares_of(labels: Tensor) -> Tensor:
    """Return what part of each pixel is background, and each structure's: (B, 4, H, W), 0-1; see `structures_loss`."""
    if labels.ndim == 3:
        return F.one_hot(labels.long(), 1 + len(STRUCTURES)).permute(0, 3, 1, 2).float()
    structures = labels[:, 1:].float() / CERTAIN
    return torch.cat([(1 - structures.sum(1, keepdim=True)).clamp(min=0), structures], 1)


def absence_loss(scales: Sequence[Tensor]) -> Tensor:
    """Binary cross-entropy of logits (N, h, w), at each scale, whose sentences name nothing that could be drawn."""
    return weighted_mean([F.softplus(logits.float()).mean() for logits in scales])


def weighted_mean(losses: Sequence[Tensor]) -> Tensor:
    """Mean over scales, each of which weighs `SCALE_WEIGHT` of the one before."""
    weights = [SCALE_WEIGHT**number for number in range(len(losses))]
    return torch.stack([weight * loss for weight, loss in zip(weights, losses, strict=True)]).sum() / sum(weights)


def structure_dice(logits: Tensor, labels: Tensor) -> Tensor:
    """Dice of each structure in each image, (B, 3) in 0-1, where the largest of the logits and 0 decides.

    Args:
        logits: (B, 3, H, W).
        labels: (B, H, W), 0-3. A structure that is neither there nor predicted has a Dice of 1.
    """
    predicted = with_background(logits.float()).argmax(1)
    return torch.stack([mask_dice(predicted == structure, labels == structure) for structure in STRUCTURES], 1)


def with_background(logits: Tensor) -> Tensor:
    """Put the background's logit, 0, before those of the structures: (B, 3, h, w) to (B, 4, h, w)."""
    return torch.cat([torch.zeros_like(logits[:, :1]), logits], 1)


def _loss_of(logits: Tensor, inside: Tensor, annotated: Tensor | None) -> Tensor:
    log_share = with_background(logits).log_softmax(1)
    share, truth = log_share[:, 1:].exp(), inside[:, 1:]
    if annotated is None:
        cross_entropy = -(inside * log_share).sum(1).mean()
        binary = F.binary_cross_entropy_with_logits(logits, truth)
        return cross_entropy + (1 - soft_dice(share, truth)).mean() + BINARY_WEIGHT * binary
    known = annotated[:, :, None, None]
    elsewhere = log_share.masked_fill(F.pad(known, (0, 0, 0, 0, 1, 0)), -math.inf).logsumexp(1)
    cross_entropy = -(inside[:, 0] * elsewhere + (truth * log_share[:, 1:] * known).sum(1)).mean()
    binary = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")[annotated].mean()
    return cross_entropy + (1 - soft_dice(share, truth))[annotated].mean() + BINARY_WEIGHT * binary


def _shrunk(inside: Tensor, logits: Tensor) -> Tensor:
    """(B, 4, H, W) fractions at the logits' scale."""
    size = logits.shape[2:]
    return inside if inside.shape[2:] == size else F.interpolate(inside, size, mode="area")


def by_image(pairs: Tensor) -> Tensor:
    """View (3 B, h, w), the structures of the first image first, as (B, 3, h, w)."""
    return pairs.view(-1, len(STRUCTURES), *pairs.shape[1:])
