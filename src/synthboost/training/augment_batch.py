"""Strong random changes of a whole batch at once: what differs between hearts, scanners and settings, and more.

For networks that shall work on images of another domain than those that they are trained on. Ranges at strength 1 were
chosen on the validation patients of CAMUS with simulated training frames, by hand and not one by one.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

ROTATION_DEGREES, SCALE_LOG, SHEAR, SHIFT = 15.0, 0.2, 0.12, 0.14
"""Uniform, symmetric; rows and columns are scaled apart. The shift is in half sides."""
GAMMA_LOG, GAIN = 0.5, 0.25
SHADING_LOG, SHADING_KNOTS = 0.3, 4
"""Standard deviation of the logarithm of a factor that changes smoothly over the image."""
BLURRED_ONCE, BLURRED_TWICE = 0.2, 0.35
"""Share of images that are blurred once, by a 3 x 3 mean; and of those that are blurred once or twice."""
SPECKLE, NOISE = 0.25, 0.05
"""The largest standard deviations of noise as a factor, and of noise that is added."""
SHADOW_SHARE, SHADOW_DEPTH, SHADOW_PLACE = 0.4, 0.8, 0.7
"""Of images with a shadow behind a rib, how dark it is at most, and how far from the middle (rad)."""
SHADOW_NARROWEST, SHADOW_WIDTH = 0.03, 0.12
"""Rad: least width, and by how much it may be more."""
PROBE_HEIGHT = 0.02
"""Of the image's height, that the beams meet above it."""


def augment_batch(grey: Tensor, labels: Tensor, generator: Generator, strength: float = 1.0) -> tuple[Tensor, Tensor]:
    """Change each image in its own way, and its label map with it.

    Args:
        grey: (B, 1, S, S) in 0-1.
        labels: (B, S, S) uint8, or shares of structures (B, 4, S, S).
        generator: on the images' device; what is drawn is a function of its state and of the shape.
        strength: 0 changes nothing but the interpolation's rounding, 1 is the full strength.

    Returns:
        The changed images, in 0-1, and label maps. What comes in at the edges is black and no structure.
    """
    grey, labels = _moved(grey, labels, generator, strength)
    grey = _regained(grey, generator, strength)
    grey = _blurred(grey, generator, strength)
    grey = _with_noise(grey, generator, strength)
    return (grey * _shadows(grey, generator, strength)).clamp(0, 1), labels


def _moved(grey: Tensor, labels: Tensor, generator: Generator, strength: float) -> tuple[Tensor, Tensor]:
    angle, rows, columns, shear, x, y = _uniform((6, len(grey)), generator) * strength
    cosine, sine = (f(angle * math.radians(ROTATION_DEGREES)) for f in (torch.cos, torch.sin))
    across, along = (torch.exp(-scale * SCALE_LOG) for scale in (columns, rows))
    theta = torch.stack(
        [
            torch.stack([cosine * across, shear * SHEAR - sine * along, x * SHIFT], 1),
            torch.stack([sine * across, cosine * along, y * SHIFT], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, list(grey.shape), align_corners=False)
    planes = labels if labels.ndim == 4 else labels[:, None]
    moved = F.grid_sample(planes.to(grey.dtype), grid, mode="nearest", align_corners=False).to(labels.dtype)
    return F.grid_sample(grey, grid, align_corners=False), moved if labels.ndim == 4 else moved[:, 0]


def _regained(grey: Tensor, generator: Generator, strength: float) -> Tensor:
    gamma, gain = _uniform((2, len(grey), 1, 1, 1), generator) * strength
    knots = _normal((len(grey), 1, SHADING_KNOTS, SHADING_KNOTS), generator) * SHADING_LOG * strength
    shading = F.interpolate(knots, grey.shape[2:], mode="bicubic", align_corners=True)
    changed: Tensor = grey.clamp(0, 1) ** torch.exp(gamma * GAMMA_LOG) * (1 + gain * GAIN) * shading.exp()
    return changed


def _blurred(grey: Tensor, generator: Generator, strength: float) -> Tensor:
    chance = _chance(grey, generator)
    once = F.avg_pool2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), 3, 1)
    twice = F.avg_pool2d(F.pad(once, (1, 1, 1, 1), mode="replicate"), 3, 1)
    blurred = torch.where(chance < BLURRED_ONCE * strength, once, twice)
    return torch.where(chance < BLURRED_TWICE * strength, blurred, grey)


def _with_noise(grey: Tensor, generator: Generator, strength: float) -> Tensor:
    """Noise as a factor, in every second image of two pixels' grain, and noise that is added where it is not black."""
    fine = _normal(tuple(grey.shape), generator)
    half = _normal((len(grey), 1, grey.shape[2] // 2, grey.shape[3] // 2), generator)
    coarse = F.interpolate(half, grey.shape[2:], mode="bilinear", align_corners=False)
    speckle, choice, added = (_chance(grey, generator) for _ in range(3))
    grey = grey * (1 + speckle * SPECKLE * strength * torch.where(choice < 0.5, fine, coarse))
    return grey + (grey > 0) * fine * added * NOISE * strength


def _shadows(grey: Tensor, generator: Generator, strength: float) -> Tensor:
    """A factor, (B, 1, H, W): a dark wedge along the beams in some of the images."""
    place = _uniform((len(grey), 1, 1, 1), generator) * SHADOW_PLACE
    width, depth, chance = (_chance(grey, generator) for _ in range(3))
    row = torch.linspace(0, 1, grey.shape[2], device=grey.device)
    column = torch.linspace(-1, 1, grey.shape[3], device=grey.device)
    beam = torch.atan2(column[None], row[:, None] + PROBE_HEIGHT)
    depth = depth * SHADOW_DEPTH * (chance < SHADOW_SHARE * strength)
    return 1 - depth * torch.exp(-(((beam - place) / (SHADOW_NARROWEST + width * SHADOW_WIDTH)) ** 2))


def _uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Between -1 and 1."""
    return torch.rand(shape, generator=generator, device=generator.device) * 2 - 1


def _normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def _chance(grey: Tensor, generator: Generator) -> Tensor:
    """Between 0 and 1, one number for each image."""
    return torch.rand((len(grey), 1, 1, 1), generator=generator, device=generator.device)
