"""What a network is trained to do: to predict the noise in an image, or the velocity that leads from image to noise.

Losses are per image, so that the caller decides how they are averaged. Times are drawn by the caller, too:
`draw_steps` and `draw_times`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Generator, Tensor

from synthboost.diffusion.settings import DiffusionSettings, NoiseSpacing, Objective

Denoiser: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(images (B, C, H, W), times (B,) from 0 to 1000) -> (B, C or 2C, H, W): a network that knows its condition."""
STEPS = 1000
"""Of the noise schedule, as published; a flow's time of 1 enters the network as this, too."""
VLB_WEIGHT = 0.001
"""Of the variational bound beside the squared error (arXiv 2102.09672; Echo from Noise; the public SDM has 1)."""
MOST_BETA = 0.999
GREY_STEP = 2 / 255
"""Between two grey values of an 8-bit image in [-1, 1]."""


@dataclass(frozen=True)
class NoiseSchedule:
    """Variances of `STEPS` steps of noise, in float64."""

    spacing: NoiseSpacing = NoiseSpacing.COSINE

    @cached_property
    def betas(self) -> Tensor:
        """(STEPS,) the share of variance that is replaced at each step."""
        if self.spacing == NoiseSpacing.LINEAR:
            return torch.linspace(1e-4, 0.02, STEPS, dtype=torch.float64)
        edges = torch.arange(STEPS + 1, dtype=torch.float64) / STEPS
        kept = torch.cos((edges + 0.008) / 1.008 * math.pi / 2) ** 2
        return (1 - kept[1:] / kept[:-1]).clamp(max=MOST_BETA)

    @cached_property
    def kept(self) -> Tensor:
        """(STEPS,) the share of the image's variance that is left after each step."""
        return torch.cumprod(1 - self.betas, dim=0)

    @cached_property
    def posterior_log_variance(self) -> Tensor:
        """(STEPS,) of x_(t-1) given x_t and the image; at step 0, where it is none, that of step 1."""
        before = torch.cat((torch.ones(1, dtype=torch.float64), self.kept[:-1]))
        variance = self.betas * (1 - before) / (1 - self.kept)
        return torch.cat((variance[1:2], variance[1:])).log()

    def add_noise(self, images: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """Return the images (B, C, H, W) as they are after `steps` (B,)."""
        kept = _at(self.kept, steps, images)
        return kept.sqrt() * images + (1 - kept).sqrt() * noise

    def posterior_mean(self, images: Tensor, noisy: Tensor, steps: Tensor) -> Tensor:
        """Return the mean of x_(t-1) given x_t and the image."""
        beta, kept = _at(self.betas, steps, images), _at(self.kept, steps, images)
        before = kept / (1 - beta)
        return (before.sqrt() * beta * images + (1 - beta).sqrt() * (1 - before) * noisy) / (1 - kept)

    def recover(self, noisy: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """Return the images that `noise` was added to."""
        kept = _at(self.kept, steps, noisy)
        return (noisy - (1 - kept).sqrt() * noise) / kept.sqrt()

    def noise_between(self, noisy: Tensor, images: Tensor, steps: Tensor) -> Tensor:
        """Return the noise that was added to the images."""
        kept = _at(self.kept, steps, noisy)
        return (noisy - kept.sqrt() * images) / (1 - kept).sqrt()


def noise_loss(
    denoiser: Denoiser, images: Tensor, noise: Tensor, steps: Tensor, schedule: NoiseSchedule,
    vlb_weight: float = VLB_WEIGHT,
) -> Tensor:  # fmt: skip
    """Return (B,) the squared error of the predicted noise, and where variances are predicted, their bound.

    Args:
        denoiser: gives noise, or noise and variances.
        images: (B, C, H, W) in [-1, 1].
        noise: standard normal, of the same shape.
        steps: (B,) integers, 0 to `STEPS` - 1.
        schedule: see there.
        vlb_weight: of the bound, in bits per value. It trains the variances only: the noise has no gradient there.
    """
    noisy = schedule.add_noise(images, noise, steps)
    output = denoiser(noisy, steps.to(images.dtype))
    predicted = output[:, : images.shape[1]]
    loss = _mean(predicted - noise)
    if output.shape[1] == 2 * images.shape[1]:
        spread = output[:, images.shape[1] :]
        loss = loss + vlb_weight * bound(predicted.detach(), spread, images, noisy, steps, schedule)
    return loss


def bound(
    predicted: Tensor, spread: Tensor, images: Tensor, noisy: Tensor, steps: Tensor, schedule: NoiseSchedule
) -> Tensor:
    """Return (B,) each step's term of the variational bound (arXiv 2102.09672), in bits per value.

    Args:
        predicted: (B, C, H, W) the noise.
        spread: (B, C, H, W) where the log variance lies between the least (-1) and the greatest (1) possible.
        images: (B, C, H, W) in [-1, 1].
        noisy: the same after `steps`.
        steps: (B,).
        schedule: see there.
    """
    least, most = _at(schedule.posterior_log_variance, steps, images), _at(schedule.betas.log(), steps, images)
    log_variance = least + (spread + 1) / 2 * (most - least)
    mean = schedule.posterior_mean(schedule.recover(noisy, predicted, steps), noisy, steps)
    true_mean = schedule.posterior_mean(images, noisy, steps)
    divergence = 0.5 * (
        log_variance - least - 1 + (least - log_variance).exp() + (true_mean - mean).square() * (-log_variance).exp()
    )
    surprise = -_log_probability(images, mean, log_variance)
    last = (steps == 0).view(-1, 1, 1, 1)
    return torch.where(last, surprise, divergence).flatten(1).mean(dim=1) / math.log(2)


def flow_loss(denoiser: Denoiser, images: Tensor, noise: Tensor, times: Tensor) -> Tensor:
    """Return (B,) the squared error of the predicted velocity.

    Args:
        denoiser: gives the velocity noise - images.
        images: (B, C, H, W) in [-1, 1].
        noise: standard normal, of the same shape.
        times: (B,) from 0 (image) to 1 (noise).
    """
    share = times.view(-1, 1, 1, 1).to(images.dtype)
    return _mean(denoiser((1 - share) * images + share * noise, STEPS * times.to(images.dtype)) - (noise - images))


def draw_steps(count: int, generator: Generator | None = None) -> Tensor:
    """Draw (count,) integers from 0 to `STEPS` - 1, all equally likely."""
    return torch.randint(STEPS, (count,), generator=generator)


def draw_times(count: int, generator: Generator | None = None) -> Tensor:
    """Draw (count,) times from 0 to 1, those in the middle most often (logit-normal, arXiv 2403.03206)."""
    return torch.randn(count, generator=generator).sigmoid()


def drop_conditions(
    labels: Tensor, attributes: Tensor, settings: DiffusionSettings, share: float, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Take the map from some images, and the attributes from others, so that the network learns to do without.

    Args:
        labels: (B, S, S) condition maps.
        attributes: (B, A) codes.
        settings: of the network.
        share: of images without map; every single attribute is taken with the same probability.
        generator: of the choice.
    """
    chance = torch.rand((len(labels), 1 + attributes.shape[1]), generator=generator)
    dropped = (chance < share).to(labels.device)
    bare = torch.where(dropped[:, :1, None], torch.full_like(labels, settings.null), labels)
    return bare, attributes.masked_fill(dropped[:, 1:], 0)


def loss_of(
    settings: DiffusionSettings, denoiser: Denoiser, images: Tensor, noise: Tensor, schedule: NoiseSchedule,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Draw times and return the loss (B,) of the network's objective."""
    if settings.objective == Objective.FLOW:
        return flow_loss(denoiser, images, noise, draw_times(len(images), generator).to(images.device))
    return noise_loss(denoiser, images, noise, draw_steps(len(images), generator).to(images.device), schedule)


def _at(values: Tensor, steps: Tensor, like: Tensor) -> Tensor:
    """Return (B, 1, 1, 1) values of the images' steps."""
    return values.to(like.device)[steps].to(like.dtype).view(-1, 1, 1, 1)


def _mean(difference: Tensor) -> Tensor:
    return difference.square().flatten(1).mean(dim=1)


def _log_probability(images: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the log probability of each 8-bit grey value under a normal distribution; the ends take the tails."""
    scale = (-0.5 * log_variance).exp()
    above = torch.special.ndtr((images - mean + GREY_STEP / 2) * scale)
    below = torch.special.ndtr((images - mean - GREY_STEP / 2) * scale)
    above = torch.where(images > 0.999, torch.ones_like(above), above)
    below = torch.where(images < -0.999, torch.zeros_like(below), below)
    return (above - below).clamp(min=1e-12).log()
