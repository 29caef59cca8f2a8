"""Masks over an image, as it is shown: square pixels, a size that fits a screen, a tint and an outline each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthboost.domain import GreyImage
from synthboost.inference.overlay import paint

SHORTEST, LONGEST = 640, 1024
"""Pixels of the longer side as shown: smaller images are enlarged, so that outlines stay thin."""


def draw(
    image: GreyImage,
    probability: NDArray[np.float32],
    spacing_mm: tuple[float, float] | None,
    opacity: float,
    threshold: float,
) -> Image.Image:
    """Draw where each probability (N, H, W) exceeds `threshold` over the image (H, W).

    Probabilities are enlarged before they are cut, which gives smooth outlines; numbers and files are cut at the
    image's own size.

    Args:
        image: uint8.
        probability: 0-1; the n-th has the n-th of `COLOURS`.
        spacing_mm: (rows, columns), to show pixels in their true shape.
        opacity: of the tints, 0 (outlines only) to 1.
        threshold: 0-1.
    """
    size = shown_size(image.shape, spacing_mm)
    grey = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    enlarged = [np.asarray(Image.fromarray(own).resize(size, Image.Resampling.BILINEAR)) for own in probability]
    return paint(grey, [own > threshold for own in enlarged], opacity, rim=2)


def shown_size(shape: tuple[int, ...], spacing_mm: tuple[float, float] | None) -> tuple[int, int]:
    """Return (columns, rows) in which an image (H, W) is shown."""
    rows_mm, columns_mm = spacing_mm or (1.0, 1.0)
    height, width = shape[0] * rows_mm, shape[1] * columns_mm
    side = min(max(max(shape), SHORTEST), LONGEST)
    scale = side / max(height, width)
    return max(1, round(scale * width)), max(1, round(scale * height))
