"""Random affine and grey-level changes of a frame and its masks, drawn from a generator that the caller seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

ROTATION_DEGREES = 15.0
SCALE_LOG = 0.15
SHIFT = 0.06
"""Of the image's side."""
GAMMA_LOG = 0.4
GAIN = 0.15
BLUR_PROBABILITY = 0.3
"""Ranges at strength 1, uniform and symmetric; chosen to cover what differs between echo machines (a guess)."""


@dataclass(frozen=True)
class Augmentation:
    """One drawn change; apply it to the image and to every mask of the frame."""

    theta: Tensor
    """(2, 3), output to input coordinates on torch's -1..1 grid."""
    gamma: float
    gain: float
    blur: float
    """0-1, how much of a 3 x 3 mean is mixed in."""

    def image(self, pixels: Tensor) -> Tensor:
        """Change (1, H, W) grey values in 0-1; outside the moved image is black."""
        moved = _move(pixels, self.theta)
        if self.blur:
            mean = F.avg_pool2d(F.pad(moved[None], (1, 1, 1, 1), mode="replicate"), 3, stride=1)[0]
            moved = moved + self.blur * (mean - moved)
        return (moved.clamp(0, 1) ** self.gamma * self.gain).clamp(0, 1)

    def masks(self, inside: Tensor) -> Tensor:
        """Change (K, H, W) fractions in 0-1 by the same movement."""
        return _move(inside, self.theta).clamp(0, 1)


def draw_augmentation(generator: np.random.Generator, strength: float, height_over_width: float) -> Augmentation:
    """Draw a change.

    Args:
        generator: seeded by the caller per (seed, epoch, frame).
        strength: 0-1, scales every range.
        height_over_width: physical height over width of the frame, so that a rotation does not shear it.
    """
    angle, log_scale, x, y, log_gamma, gain, blur = generator.uniform(-1, 1, 7) * strength
    radians = np.deg2rad(angle * ROTATION_DEGREES)
    scale = np.exp(log_scale * SCALE_LOG)
    sine, cosine, aspect = np.sin(radians) / scale, np.cos(radians) / scale, height_over_width
    theta = [[cosine, -sine * aspect, x * 2 * SHIFT], [sine / aspect, cosine, y * 2 * SHIFT]]
    return Augmentation(
        theta=torch.tensor(theta, dtype=torch.float32),
        gamma=float(np.exp(log_gamma * GAMMA_LOG)),
        gain=float(1 + gain * GAIN),
        blur=float(abs(blur)) if generator.random() < BLUR_PROBABILITY * strength else 0.0,
    )


def _move(planes: Tensor, theta: Tensor) -> Tensor:
    grid = F.affine_grid(theta[None], [1, *planes.shape], align_corners=False)
    return F.grid_sample(planes[None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]
