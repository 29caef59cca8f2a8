"""Batch normalisation over the images of all processes, so that a batch means the same however many share it.

torch's own `SyncBatchNorm` does this on GPUs alone, and replaces the modules.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm


class JointStatistics:
    """While installed, every batch normalisation of a model that learns asks all processes for mean and variance."""

    def __init__(self, model: nn.Module) -> None:
        """Install in `model`; nothing changes where there is one process."""
        self.counts = True
        """Whether what this process normalises is its share of the batch, and no stand-in for an empty one."""
        several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        self._norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats] * several
        for norm in self._norms:
            norm.forward = partial(self._normalise, norm)  # type: ignore[method-assign]

    def remove(self) -> None:
        """Give the modules their own forward pass back."""
        for norm in self._norms:
            vars(norm).pop("forward", None)
        self._norms = []

    def _normalise(self, norm: _BatchNorm, x: Tensor) -> Tensor:
        if not norm.training:
            return type(norm).forward(norm, x)
        values = x.float()
        axes = [axis for axis in range(values.dim()) if axis != 1]
        weight = float(self.counts)
        sums = weight * torch.cat([values.sum(axes), values.new_tensor([values.numel() / values.shape[1]])])
        totals = _sum_over_processes(sums)
        number = totals[-1].detach()
        if float(number) <= 1:  # one value has no variance
            mean, variance, _ = (statistic.clone() for statistic in _running(norm))
        else:
            mean = totals[:-1] / number
            deviation = values - _along(mean, values)
            variance = _sum_over_processes(weight * deviation.square().sum(axes)) / number
            _keep(norm, mean.detach(), variance.detach() * number / (number - 1))
        scale = torch.rsqrt(variance + norm.eps) * norm.weight
        result = (values - _along(mean, values)) * _along(scale, values) + _along(norm.bias, values)
        return result.to(x.dtype)


def _sum_over_processes(values: Tensor) -> Tensor:
    total: Tensor = _SumOverProcesses.apply(values)  # type: ignore[no-untyped-call]
    return total


class _SumOverProcesses(torch.autograd.Function):
    """The sum of every process' values; backwards, the sum of every process' gradients, for each has used it."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _SumOverProcesses.forward(context, gradient)


def _along(channels: Tensor, values: Tensor) -> Tensor:
    """Shape (C,) so that it can be combined with (N, C, ...)."""
    return channels.view(1, -1, *[1] * (values.dim() - 2))


@torch.no_grad()
def _keep(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics towards those of the batch; its variance is the unbiased one."""
    running_mean, running_variance, batches = _running(norm)
    batches.add_(1)
    momentum = 1 / float(batches) if norm.momentum is None else norm.momentum
    running_mean.lerp_(mean, momentum)
    running_variance.lerp_(variance, momentum)


def _running(norm: _BatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance and number of batches; only normalisations that keep them are installed."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    return norm.running_mean, norm.running_var, norm.num_batches_tracked
