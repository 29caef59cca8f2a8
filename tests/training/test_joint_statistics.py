"""Batch normalisation that several processes share: here the other one has the same values, so all sums double."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from synthboost.models.cris.neck import SentenceNorm
from synthboost.training.joint_statistics import JointStatistics


def pretend(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    """Two processes, whose sums are `factor` times those of this one."""
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    monkeypatch.setattr("torch.distributed.all_reduce", lambda tensor: tensor.mul_(factor))


def make_norm() -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(3).train()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, -1.0]))
        norm.bias.copy_(torch.tensor([0.0, 0.5, 1.0]))
    return norm


def test_values_gradients_and_running_statistics_are_those_of_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    own = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 3 + 5
    alone, shared = make_norm(), make_norm()
    whole = torch.cat([own, own]).requires_grad_()
    expected = alone(whole)
    expected.pow(3).sum().backward()
    pretend(monkeypatch, 2.0)
    joint = JointStatistics(shared)
    half = own.clone().requires_grad_()
    found = shared(half)
    found.pow(3).sum().backward()
    torch.testing.assert_close(found, expected[:2])
    torch.testing.assert_close(half.grad, whole.grad[:2], rtol=1e-4, atol=1e-4)  # type: ignore[index]
    torch.testing.assert_close(shared.running_mean, alone.running_mean)
    torch.testing.assert_close(shared.running_var, alone.running_var)
    assert shared.num_batches_tracked == 1
    joint.remove()
    assert "forward" not in vars(shared)


def test_a_single_sentence_in_all_processes_takes_the_running_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    norm = SentenceNorm(3).train()
    norm.running_mean.fill_(2.0)
    alone = copy.deepcopy(norm)
    pretend(monkeypatch, 1.0)  # the other process has none
    JointStatistics(norm)
    sentence = torch.tensor([[1.0, 2.0, 3.0]])
    torch.testing.assert_close(norm(sentence), alone(sentence))
    assert norm.running_mean.tolist() == [2.0, 2.0, 2.0]


def test_nothing_changes_in_evaluation_or_when_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    norm = make_norm()
    JointStatistics(norm)
    assert "forward" not in vars(norm)
    pretend(monkeypatch, 2.0)
    JointStatistics(norm)
    assert "forward" in vars(norm)
    images = torch.ones(1, 3, 2, 2)
    assert torch.equal(norm.eval()(images), make_norm().eval()(images))
