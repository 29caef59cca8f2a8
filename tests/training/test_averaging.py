"""The moving average of weights, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from synthboost.training.averaging import Ema


class Scalar(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(value))
        self.register_buffer("count", torch.tensor(0))


def test_the_average_follows_by_hand() -> None:
    network = Scalar(0.0)
    ema = Ema(network, decay=0.5)
    with torch.no_grad():
        network.weight.fill_(10.0)
    ema.update(network)  # decay 1 / 10
    assert ema.network.weight.item() == pytest.approx(9.0)
    with torch.no_grad():
        network.weight.fill_(0.0)
    ema.update(network)  # decay 2 / 11
    assert ema.network.weight.item() == pytest.approx(9 * 2 / 11)
    ema.updates = 1000  # decay 0.5, its limit
    ema.update(network)
    assert ema.network.weight.item() == pytest.approx(9 / 11)


def test_the_network_itself_is_left_alone_and_buffers_are_copied() -> None:
    network = Scalar(1.0)
    ema = Ema(network)
    network.count += 3
    ema.update(network)
    assert network.weight.requires_grad
    assert not ema.network.weight.requires_grad
    assert ema.network.count == 3
    assert network.weight.item() == 1.0


def test_it_goes_on_where_it_was() -> None:
    network, other = Scalar(1.0), Scalar(5.0)
    first, second = Ema(network), Ema(other)
    first.update(other)
    second.load_state_dict(first.state_dict())
    for ema in (first, second):
        ema.update(other)
    assert first.network.weight == second.network.weight
    assert first.updates == second.updates == 2
