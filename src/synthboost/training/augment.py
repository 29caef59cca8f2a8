"""Random affine and grey-level changes of a frame and its masks, drawn from a generator that the caller seeds."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
SHADING_LOG = 0.3
NOISE = 0.06
"""What comes in beyond strength 1, in full at 2: standard deviation of a smooth factor's logarithm, and the most that
white noise has. For training on images of another domain than the target's, simulated ones above all."""
SHADING_KNOTS = 4


@dataclass(frozen=True)
class Augmentation:
    """One drawn change; apply it to the image and to every mask of the frame."""

    theta: Tensor
    """(2, 3), output to input coordinates on torch's -1..1 grid."""
    gamma: float
    gain: float
    blur: float
    """0-1, how much of a 3 x 3 mean is mixed in."""
    shading: Tensor | None = None
    """(4, 4) logarithms of a factor that changes smoothly over the image."""
    noise: float = 0.0
    """Standard deviation of white noise, in the grey values' unit."""
    noise_seed: int = 0

    def image(self, pixels: Tensor) -> Tensor:
        """Change (1, H, W) grey values in 0-1; outside the moved image is black."""
        moved = _move(pixels, self.theta)
        if self.blur:
            mean = F.avg_pool2d(F.pad(moved[None], (1, 1, 1, 1), mode="replicate"), 3, stride=1)[0]
            moved = moved + self.blur * (mean - moved)
        grey = moved.clamp(0, 1) ** self.gamma * self.gain
        if self.shading is not None:
            smooth = F.interpolate(self.shading[None, None], grey.shape[-2:], mode="bicubic", align_corners=True)[0]
            grey = grey * smooth.exp()
        if self.noise:
            generator = torch.Generator().manual_seed(self.noise_seed)
            # None where the image is black: around the fan there is nothing.
            grey = grey + self.noise * (grey > 0) * torch.randn(grey.shape, generator=generator)
        return grey.clamp(0, 1)

    def masks(self, inside: Tensor) -> Tensor:
        """Change (K, H, W) fractions in 0-1 by the same movement."""
        return _move(inside, self.theta).clamp(0, 1)


def draw_augmentation(generator: np.random.Generator, strength: float, height_over_width: float) -> Augmentation:
    """Draw a change; `strength` (0-2) scales every range, and beyond 1 shading and noise come in.

    A rotation does not shear the frame, since its physical `height_over_width` is known.
    """
    angle, log_scale, x, y, log_gamma, gain, blur = generator.uniform(-1, 1, 7) * strength
    radians = np.deg2rad(angle * ROTATION_DEGREES)
    scale = np.exp(log_scale * SCALE_LOG)
    sine, cosine, aspect = np.sin(radians) / scale, np.cos(radians) / scale, height_over_width
    theta = [[cosine, -sine * aspect, x * 2 * SHIFT], [sine / aspect, cosine, y * 2 * SHIFT]]
    change = Augmentation(
        theta=torch.tensor(theta, dtype=torch.float32),
        gamma=float(np.exp(log_gamma * GAMMA_LOG)),
        gain=float(1 + gain * GAIN),
        blur=float(min(abs(blur), 1.0)) if generator.random() < BLUR_PROBABILITY * strength else 0.0,
    )
    if strength <= 1.0:
        return change
    beyond = strength - 1.0
    shading = SHADING_LOG * beyond * generator.standard_normal((SHADING_KNOTS, SHADING_KNOTS))
    return replace(
        change,
        shading=torch.tensor(shading, dtype=torch.float32),
        noise=float(NOISE * beyond * generator.random()),
        noise_seed=int(generator.integers(2**31)),
    )


def _move(planes: Tensor, theta: Tensor) -> Tensor:
    grid = F.affine_grid(theta[None], [1, *planes.shape], align_corners=False)
    return F.grid_sample(planes[None], grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]
