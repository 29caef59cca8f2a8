"""The moving average of a network's weights, which is better than the weights of any one step."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Generic, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class Ema(Generic[Network]):
    """The average itself: `network`, in evaluation mode, without gradients.

    The decay grows with the number of updates (n + 1) / (n + 10) up to its limit, so that the random weights of the
    beginning are forgotten in short trainings too.
    """

    def __init__(self, network: Network, decay: float = 0.999) -> None:
        """Begin with a copy of the network's weights."""
        self.network: Network = deepcopy(network).eval().requires_grad_(False)
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights of `network` after a step; buffers are copied."""
        decay = min(self.decay, (self.updates + 1) / (self.updates + 10))
        self.updates += 1
        for average, latest in zip(self.network.parameters(), network.parameters(), strict=True):
            average.lerp_(latest, 1 - decay)
        for own, other in zip(self.network.buffers(), network.buffers(), strict=True):
            own.copy_(other)

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on."""
        return {"updates": self.updates, "network": self.network.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.updates = int(state["updates"])
        self.network.load_state_dict(state["network"])
