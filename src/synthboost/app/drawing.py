"""Masks over an image, as it is shown: square pixels, a size that fits a screen, a tint and an outline each."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthboost.domain import GreyImage, Mask
from synthboost.inference.overlay import OVERLAY_COLOURS

COLOURS = (*OVERLAY_COLOURS, (240, 228, 66), (213, 94, 0), (0, 114, 178))
"""Okabe and Ito's colour-blind safe palette without black."""
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
    grey = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
    canvas = np.repeat(grey[..., None], 3, axis=2)
    masks = [np.asarray(Image.fromarray(p).resize(size, Image.Resampling.BILINEAR)) > threshold for p in probability]
    for mask, colour in zip(masks, COLOURS, strict=False):
        canvas[mask] = (1 - opacity) * canvas[mask] + opacity * np.array(colour, dtype=np.float32)
    for mask, colour in zip(masks, COLOURS, strict=False):
        canvas[outline(mask)] = colour
    return Image.fromarray(canvas.round().clip(0, 255).astype(np.uint8))


def shown_size(shape: tuple[int, ...], spacing_mm: tuple[float, float] | None) -> tuple[int, int]:
    """Return (columns, rows) in which an image (H, W) is shown."""
    rows_mm, columns_mm = spacing_mm or (1.0, 1.0)
    height, width = shape[0] * rows_mm, shape[1] * columns_mm
    side = min(max(max(shape), SHORTEST), LONGEST)
    scale = side / max(height, width)
    return max(1, round(scale * width)), max(1, round(scale * height))


def outline(mask: Mask) -> Mask:
    """The pixels of a mask (H, W) within two pixels of its edge; the image's edge counts as one."""
    inside = np.pad(mask, 2)
    core = mask.copy()
    for row, column in ((0, 2), (4, 2), (2, 0), (2, 4), (1, 2), (3, 2), (2, 1), (2, 3)):
        core &= inside[row : row + mask.shape[0], column : column + mask.shape[1]]
    return mask & ~core


def png_bytes(picture: Image.Image) -> bytes:
    """The picture as a PNG, without any text in it."""
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()
