"""What is minimised and how: the loss, the optimiser with its rates, and their schedule."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthboost.models.base import Segmenter
from synthboost.training.config import TrainingConfig

WEIGHT_DECAY = 0.01
"""AdamW's default; not stated in the paper."""
NAMING_WEIGHT = 0.25
"""Of the cross-entropy of which structure a sentence names, relative to the loss of the masks."""
WARM_UP = 0.2
"""Of a one-cycle schedule, the share that rises."""
PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.1, 5
"""The paper's: a tenth of the rate after five epochs without a lower validation loss."""


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """1 - soft Dice of (N, s, s) logits and 0-1 targets, averaged over pairs; a scalar in 0-1."""
    return (1 - soft_dice(logits.float().sigmoid(), target.float())).mean()


def soft_dice(probability: Tensor, truth: Tensor) -> Tensor:
    """Soft Dice of each plane of (..., s, s) probabilities and 0-1 targets, (...); 1 for an empty one found empty."""
    probability, truth = probability.flatten(-2), truth.flatten(-2)
    overlap, size = (probability * truth).sum(-1), probability.sum(-1) + truth.sum(-1)
    return (2 * overlap + 1) / (size + 1)


def segmentation_loss(logits: Tensor, target: Tensor, cross_entropy_weight: float = 0.25) -> Tensor:
    """Sum of `dice_loss` and the weighted mean binary cross-entropy, for (N, s, s) logits and 0-1 targets.

    Equation 1 of the paper. It is our own on purpose: the library loss that the paper's code calls means something else
    in each of its releases.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits.float(), target.float())
    return dice_loss(logits, target) + cross_entropy_weight * cross_entropy


def hard_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Dice of each pair at the logits' resolution, (N,) in 0-1, as a yardstick during training.

    The target counts as inside where more than half of a pixel is. Two empty masks score 1.
    """
    return mask_dice(logits.sigmoid() > 0.5, target > 0.5)


def mask_dice(predicted: Tensor, truth: Tensor) -> Tensor:
    """Dice of each of N masks (N, s, s), (N,) in 0-1; two empty masks score 1."""
    predicted, truth = predicted.flatten(1), truth.flatten(1)
    overlap, size = (predicted & truth).sum(1), predicted.sum(1) + truth.sum(1)
    return (2 * overlap / size.clamp(min=1)).where(size > 0, size.new_ones(()).float())


def make_optimizer(model: Segmenter, config: TrainingConfig) -> torch.optim.AdamW:
    """Build AdamW over what learns; parameters of equal rate form one group, the decoder's first."""
    rate = config.rate_for(model.name)
    by_rate: dict[float, list[nn.Parameter]] = defaultdict(list)
    for parameter, scale in rate_scales(model, config):
        by_rate[rate * scale].append(parameter)
    groups = [{"params": parameters, "lr": own} for own, parameters in by_rate.items()]
    return torch.optim.AdamW(groups, lr=rate, weight_decay=WEIGHT_DECAY)


def rate_scales(model: Segmenter, config: TrainingConfig) -> list[tuple[nn.Parameter, float]]:
    """Return every parameter that learns and the factor on its learning rate.

    The decoder has 1; the last of an encoder's n steps `encoder_rate * layer_decay`, the first `encoder_rate *
    layer_decay ** n` (BEiT, arXiv 2106.08254, appendix).
    """
    scales = [(parameter, 1.0) for parameter in model.parameter_groups()["decoder"]]
    for steps in model.encoder_blocks().values():
        for number, step in enumerate(steps):
            scale = config.encoder_rate * config.layer_decay ** (len(steps) - number)
            for part in step:
                parameters = part.parameters() if isinstance(part, nn.Module) else [part]
                scales += [(parameter, scale) for parameter in parameters]
    return [(parameter, scale) for parameter, scale in scales if parameter.requires_grad]


def make_scheduler(optimizer: torch.optim.Optimizer, config: TrainingConfig, steps_per_epoch: int) -> Any:
    """Build the schedule: `one-cycle` is stepped after every batch, `plateau` after every epoch."""
    if config.schedule == "one-cycle":
        return one_cycle(optimizer, config.epochs * steps_per_epoch + 1)
    return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=PLATEAU_FACTOR, patience=PLATEAU_PATIENCE)


def one_cycle(optimizer: torch.optim.Optimizer, steps: int, warm_up: float = WARM_UP) -> Any:
    """Build a one-cycle schedule of `steps` learning rates, of which a share `warm_up` rises to the optimiser's own."""
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=steps,
        pct_start=warm_up if warm_up * steps > 1 else min(1.0, 2 / steps),  # torch divides by the steps that rise
    )
