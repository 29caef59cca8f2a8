"""The optimiser and its schedule: one learning rate for the decoder, smaller ones towards the encoders' input."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import nn

from synthboost.models.base import Segmenter
from synthboost.training.config import TrainingConfig

WARM_UP = 0.2
"""Of a one-cycle schedule, the share that rises."""
PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.1, 5
"""The paper's: a tenth of the rate after five epochs without a lower validation loss."""


def make_optimizer(model: Segmenter, config: TrainingConfig) -> torch.optim.AdamW:
    """Build AdamW over what learns; parameters of equal rate form one group, the decoder's first."""
    rate = config.rate_for(model.name)
    by_rate: dict[float, list[nn.Parameter]] = defaultdict(list)
    for parameter, scale in rate_scales(model, config):
        by_rate[rate * scale].append(parameter)
    groups = [{"params": parameters, "lr": own} for own, parameters in by_rate.items()]
    return torch.optim.AdamW(groups, lr=rate, weight_decay=config.weight_decay)


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
        steps = config.epochs * steps_per_epoch + 1
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=[group["lr"] for group in optimizer.param_groups],
            total_steps=steps,
            pct_start=WARM_UP if WARM_UP * steps > 1 else min(1.0, 2 / steps),  # torch divides by the steps that rise
        )
    return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=PLATEAU_FACTOR, patience=PLATEAU_PATIENCE)
