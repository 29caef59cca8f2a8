"""The loss of the paper's equation 1: soft Dice plus weighted binary cross-entropy, both on logits.

It is our own on purpose: the library loss that the paper's code calls means something else in each of its releases.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def dice_loss(logits: Tensor, target: Tensor, smooth: float = 1.0) -> Tensor:
    """1 - soft Dice of (N, s, s) logits and 0-1 targets, averaged over pairs; a scalar in 0-1.

    `smooth` is added to numerator and denominator, so that an empty mask predicted empty costs nothing.
    """
    probability = logits.float().sigmoid().flatten(1)
    truth = target.float().flatten(1)
    overlap = (probability * truth).sum(1)
    size = probability.sum(1) + truth.sum(1)
    return (1 - (2 * overlap + smooth) / (size + smooth)).mean()


def segmentation_loss(
    logits: Tensor, target: Tensor, dice_weight: float = 1.0, cross_entropy_weight: float = 0.25
) -> Tensor:
    """Weighted sum of `dice_loss` and the mean binary cross-entropy, for (N, s, s) logits and 0-1 targets."""
    cross_entropy = F.binary_cross_entropy_with_logits(logits.float(), target.float())
    return dice_weight * dice_loss(logits, target) + cross_entropy_weight * cross_entropy


def hard_dice(logits: Tensor, target: Tensor, threshold: float = 0.5) -> Tensor:
    """Dice of each pair at the logits' resolution, (N,) in 0-1, as a yardstick during training.

    The target counts as inside where more than half of a pixel is. Two empty masks score 1.
    """
    predicted = (logits.sigmoid() > threshold).flatten(1)
    truth = (target > 0.5).flatten(1)
    overlap = (predicted & truth).sum(1)
    size = predicted.sum(1) + truth.sum(1)
    return (2 * overlap / size.clamp(min=1)).where(size > 0, size.new_ones(()).float())
