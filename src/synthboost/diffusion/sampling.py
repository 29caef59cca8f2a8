"""From noise to images: a sampler is a plain function of a denoiser, a noise tensor and a schedule.

A flow is integrated by Euler's or Heun's method; predicted noise is removed by DDIM, or by the schedulers of diffusers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from synthboost.diffusion.network import SemanticUNet
from synthboost.diffusion.objective import STEPS, Denoiser, NoiseSchedule
from synthboost.diffusion.settings import DiffusionSettings, NoiseSpacing, Objective
from synthboost.errors import ConfigError, require_fields

LEAST_LOG_SNR = -5.1
"""Where DPM-Solver++ begins on the cosine schedule, whose last steps have no signal left: what diffusers advises."""


class Method(StrEnum):
    """How to get from one noise level to the next."""

    DDPM = "ddpm"
    """Ancestral sampling (arXiv 2006.11239), as published: 1000 steps. The only one that draws noise at each step."""
    DDIM = "ddim"
    """arXiv 2010.02502."""
    DPM = "dpm++"
    """DPM-Solver++(2M), arXiv 2211.01095."""
    UNIPC = "unipc"
    """arXiv 2302.04867."""
    EULER = "euler"
    HEUN = "heun"
    """Second order: two evaluations a step."""


FLOW_METHODS = frozenset({Method.EULER, Method.HEUN})


@dataclass(frozen=True)
class Schedule:
    """How many steps, and of which kind."""

    method: Method
    steps: int
    spacing: NoiseSpacing = NoiseSpacing.COSINE
    """What the network was trained with; without effect on a flow."""
    learned_sigma: bool = False
    """Whether the denoiser predicts variances, and DDPM shall use them."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        require_fields(
            self,
            ("method", self.method in tuple(Method), ", ".join(Method)),
            ("steps", 1 <= self.steps <= STEPS, f"1 to {STEPS}"),
        )

    @property
    def evaluations(self) -> int:
        """How often the denoiser is called."""
        return self.steps * (2 if self.method == Method.HEUN else 1)


def default_schedule(settings: DiffusionSettings) -> Schedule:
    """Return the schedule that was measured to be as good as 1000 steps of DDPM (`docs/lab-log.md`)."""
    if settings.objective == Objective.FLOW:
        return Schedule(Method.EULER, 10)
    return Schedule(Method.DPM, 20, settings.spacing, settings.learned_sigma)


def choose_schedule(settings: DiffusionSettings, method: str = "default", steps: int | None = None) -> Schedule:
    """Return the default schedule with another method (20 steps) or number of steps, where they are given.

    Raises:
        ConfigError: the method does not go with what the network predicts, or the steps cannot be taken.
    """
    default = default_schedule(settings)
    chosen = default.method if method == "default" else Method(method)
    schedule = replace(default, method=chosen, steps=steps or (default.steps if chosen == default.method else 20))
    require_method(schedule, settings)
    return schedule


def require_method(schedule: Schedule, settings: DiffusionSettings) -> None:
    """Refuse a method that does not go with what the network predicts.

    Raises:
        ConfigError: it does not.
    """
    flow = settings.objective == Objective.FLOW
    if (schedule.method in FLOW_METHODS) != flow:
        fitting = sorted(FLOW_METHODS if flow else set(Method) - FLOW_METHODS)
        raise ConfigError(
            "sampler", "method", schedule.method, ", ".join(fitting), f"The network predicts {settings.objective}."
        )


@dataclass(frozen=True, eq=False)
class Start:
    """Where to begin other than at pure noise: SDEdit (arXiv 2108.01073)."""

    images: Tensor
    """(B, C, H, W) in [-1, 1], which the noise is mixed with."""
    time: float
    """From 0, which leaves the images as they are, to 1, which forgets them. A flow begins exactly there, with its
    share of the steps; predicted noise at the first step of the schedule that is at or past it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 <= self.time <= 1:
            raise ConfigError("sampler", "start", self.time, "0 (the image) to 1 (noise)")

    def steps(self, schedule: Schedule) -> int:
        """How many of the schedule's steps are left to take."""
        return math.ceil(schedule.steps * self.time - 1e-9)


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    noise: Tensor,
    schedule: Schedule,
    generators: Sequence[Generator] | None = None,
    start: Start | None = None,
) -> Tensor:
    """Turn noise into images.

    Args:
        denoiser: see `Denoiser`.
        noise: (B, C, H, W), standard normal.
        schedule: its method must go with what the denoiser predicts.
        generators: of each image, for DDPM's noise; no other method draws any.
        start: images that the noise only changes; without, they are made of noise alone.

    Returns:
        (B, C, H, W) images in [-1, 1].

    Raises:
        ConfigError: diffusers is not installed and the method is not one for flows.
    """
    if start is not None:
        assert start.images.shape == noise.shape, "one image for each noise"
        if start.time == 0:
            return start.images
        if start.time == 1:
            start = None
    if schedule.method in FLOW_METHODS:
        images = _integrate(denoiser, noise, schedule, start)
    elif schedule.method == Method.DDIM:
        images = _ddim(denoiser, noise, schedule, start)
    else:
        images = _remove_noise(denoiser, noise, schedule, generators, start)
    return images.clamp(-1, 1)


def sample_images(
    network: SemanticUNet, labels: Tensor, attributes: Tensor | None, names: Sequence[str], schedule: Schedule,
    seed: int = 0, guidance: float = 1.0, start: Start | None = None,
) -> Tensor:  # fmt: skip
    """Draw one image for each condition map, on the network's device.

    Args:
        network: in evaluation mode.
        labels: (B, S, S) condition maps.
        attributes: (B, A) codes, or `None` when unknown.
        names: of the images. The name alone decides which noise an image is made of, whatever the batch.
        schedule: see `default_schedule`.
        seed: of the whole set.
        guidance: see `known_condition`.
        start: see `sample`; its images may be on any device.

    Returns:
        (B, C, S, S) images in [-1, 1].

    Raises:
        ConfigError: the schedule does not go with the network.
        DataError: see `SemanticUNet.condition`.
    """
    require_method(schedule, network.settings)
    assert len(names) == len(labels), "one name for each map"
    size, device = network.settings.size, network.stem.weight.device
    generators = [image_generator(name, seed) for name in names]
    noise = draw_noise(generators, (network.settings.channels, size, size)).to(device)
    attributes = attributes if attributes is None else attributes.to(device)
    denoiser = known_condition(network, labels.to(device), attributes, guidance)
    if start is not None:
        start = replace(start, images=start.images.to(device))
    return sample(denoiser, noise, schedule, generators, start)


def known_condition(
    network: SemanticUNet, labels: Tensor, attributes: Tensor | None = None, guidance: float = 1.0
) -> Denoiser:
    """Return the network as a function of images and times; all that depends on the map is worked out here, once.

    Classifier-free guidance (arXiv 2207.12598): p + g (q - p), with p the prediction without labels and q the one with
    the map. Both know the attributes, so the encoder, which sees no map, runs once for the two.

    Args:
        network: in evaluation mode.
        labels: (B, S, S) condition maps.
        attributes: (B, A) codes, or `None` when unknown.
        guidance: g; 1 is none. More needs a network that was trained with maps dropped.

    Raises:
        DataError: see `SemanticUNet.condition`.
    """
    with torch.no_grad():
        # Maps instead of tables: faster at each step, more memory.
        conditional = network.condition(labels, attributes, expand=True)
        nothing = torch.full_like(labels[:1], network.settings.null)
        unconditional = network.condition(nothing, expand=True) if guidance != 1 else None

    def denoise(images: Tensor, times: Tensor) -> Tensor:
        encoded = network.encode(images, times, conditional)
        output = network.decode(encoded, conditional)
        if unconditional is None:
            return output
        channels = images.shape[1]
        without = network.decode(encoded, unconditional)[:, :channels]
        guided = without + guidance * (output[:, :channels] - without)
        return torch.cat((guided, output[:, channels:]), dim=1)  # variances, if any, are those with the map

    return denoise


def image_generator(name: str, seed: int = 0) -> Generator:
    """Return the generator (CPU) of one image, the same in every process.

    Args:
        name: of the image, e.g. `patient0001_2CH_ED_3`; any other name has an independent generator.
        seed: of the whole set.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def draw_noise(generators: Sequence[Generator], shape: tuple[int, ...]) -> Tensor:
    """Draw standard normal noise (B, *shape), each image from its own generator, in float32 on the CPU."""
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators])


def to_grey(images: Tensor) -> NDArray[np.uint8]:
    """Turn (B, C, H, W) in [-1, 1] into grey values (B, H, W), 0-255; the mean of the channels."""
    grey = (images.float().mean(dim=1) + 1) * 127.5
    return grey.clamp(0, 255).round().to(torch.uint8).cpu().numpy()


def _integrate(denoiser: Denoiser, noise: Tensor, schedule: Schedule, start: Start | None) -> Tensor:
    """Follow the velocity from time 1 (noise), or from the start, to 0 (image)."""
    first, steps, x = 1.0, schedule.steps, noise
    if start is not None:
        first, steps = start.time, start.steps(schedule)
        x = (1 - first) * start.images + first * noise
    length = first / steps
    for step in range(steps):
        time = first - step * length
        velocity = denoiser(x, x.new_full((len(x),), STEPS * time))
        ahead = x - length * velocity
        if schedule.method == Method.HEUN:
            next_velocity = denoiser(ahead, x.new_full((len(x),), STEPS * max(0.0, time - length)))
            ahead = x - length * (velocity + next_velocity) / 2
        x = ahead
    return x


def _ddim(denoiser: Denoiser, noise: Tensor, schedule: Schedule, start: Start | None) -> Tensor:
    """Walk to the image without new noise (equation 12 of arXiv 2010.02502), as Echo from Noise and SDM do.

    The image that is predicted is clipped to [-1, 1], and the direction is that from it to x: the noise that was
    predicted does not belong to the clipped image and leads away from any.
    """
    known, x, count = NoiseSchedule(schedule.spacing), noise, noise.shape[1]
    steps = np.arange(STEPS, 0, -STEPS / schedule.steps).round().astype(int) - 1
    if start is not None:
        steps = steps[len(steps) - start.steps(schedule) :]
        x = known.add_noise(start.images, noise, torch.full((len(x),), int(steps[0])))
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        at = torch.full((len(x),), int(step), device=x.device)
        image = known.recover(x, denoiser(x, at.to(x))[:, :count], at).clamp(-1, 1)
        if following is None:
            return image
        x = known.add_noise(image, known.noise_between(x, image, at), torch.full_like(at, int(following)))
    raise AssertionError


def _remove_noise(
    denoiser: Denoiser,
    noise: Tensor,
    schedule: Schedule,
    generators: Sequence[Generator] | None,
    start: Start | None,
) -> Tensor:
    scheduler = _scheduler(schedule)
    scheduler.set_timesteps(schedule.steps)
    times, x = scheduler.timesteps, noise
    if start is not None:
        times = times[len(times) - start.steps(schedule) :]
        x = NoiseSchedule(schedule.spacing).add_noise(start.images, noise, times[:1].expand(len(noise)))
    drawn = {"generator": None if generators is None else list(generators)} if schedule.method == Method.DDPM else {}
    channels = noise.shape[1] * (2 if schedule.method == Method.DDPM and schedule.learned_sigma else 1)
    for step in times:
        output = denoiser(x, step.to(x).expand(len(x)))
        x = scheduler.step(output[:, :channels], step, x, **drawn).prev_sample
    return x


def _scheduler(schedule: Schedule) -> Any:
    """Build the scheduler; all of them begin at the last step and clip what they think the image is to [-1, 1]."""
    try:
        from diffusers import DDPMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler
    except ImportError as error:
        raise ConfigError(
            "sampler", schedule.method, "diffusers is not installed", "the extra `synthesis`",
            "pip install 'synthboost[synthesis]', or use a flow model, which does not need diffusers.",
        ) from error  # fmt: skip
    betas: dict[str, Any] = {"num_train_timesteps": STEPS, "timestep_spacing": "trailing"}
    if schedule.spacing == NoiseSpacing.COSINE:
        betas |= {"beta_schedule": "squaredcos_cap_v2"}
    else:
        betas |= {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}
    clip = {"thresholding": True, "sample_max_value": 1.0}
    if schedule.method == Method.DDPM:
        variances = "learned_range" if schedule.learned_sigma else "fixed_small"
        return DDPMScheduler(**betas, clip_sample=True, variance_type=variances)
    if schedule.method == Method.DPM:
        return DPMSolverMultistepScheduler(**betas, **clip, lambda_min_clipped=LEAST_LOG_SNR)
    return UniPCMultistepScheduler(**betas, **clip)
