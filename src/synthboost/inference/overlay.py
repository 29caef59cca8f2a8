"""Masks drawn over an image: a tint and an outline each, pixels shown square in mm; clips as an animated GIF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthboost.domain import GreyImage, Mask
from synthboost.io.atomic import whole_file

OVERLAY_COLOURS = ((0, 158, 115), (230, 159, 0), (86, 180, 233), (204, 121, 167))
"""Okabe and Ito's colour-blind safe palette."""
CLIP_SIDE = 320
"""Longest side of an animation, in pixels."""
CLIP_FRAMES = 150
"""Of an animation at most; of longer clips every second, third ... frame is shown."""
USUAL_SECONDS = 0.04


def draw_overlay(
    image: GreyImage, masks: NDArray[np.bool_], spacing_mm: tuple[float, float] | None, shown: Mask | None = None
) -> Image.Image:
    """Draw masks (N, H, W) over an image (H, W), which is black where it must not be `shown` (H, W)."""
    grey = image if shown is None else np.where(shown, image, 0)
    canvas = np.repeat(grey[..., None].astype(np.float32), 3, axis=2)
    for number, mask in enumerate(masks):
        colour = np.array(OVERLAY_COLOURS[number % len(OVERLAY_COLOURS)], dtype=np.float32)
        canvas[mask] = 0.75 * canvas[mask] + 0.25 * colour
        canvas[_outline(mask)] = colour
    return _square_pixels(Image.fromarray(canvas.round().astype(np.uint8)), spacing_mm)


def write_overlay(
    path: Path,
    image: GreyImage,
    masks: NDArray[np.bool_],
    spacing_mm: tuple[float, float] | None = None,
    shown: Mask | None = None,
) -> None:
    """Write what `draw_overlay` draws as a PNG."""
    with whole_file(path) as temporary:
        draw_overlay(image, masks, spacing_mm, shown).save(temporary, format="PNG")


def small(drawn: Image.Image) -> Image.Image:
    """A drawn frame as it goes into an animation: at most `CLIP_SIDE` a side, 256 colours."""
    drawn.thumbnail((CLIP_SIDE, CLIP_SIDE))
    return drawn.quantize(colors=256, method=Image.Quantize.FASTOCTREE)


def write_animation(path: Path, frames: Sequence[Image.Image], frame_seconds: float | None) -> None:
    """Write frames as an endless GIF, at their own pace if it is known; `frames` is not empty."""
    milliseconds = max(20, round(1000 * (frame_seconds or USUAL_SECONDS)))  # browsers slow down what is faster
    with whole_file(path) as temporary:
        frames[0].save(
            temporary, format="GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0
        )  # fmt: skip


def _outline(mask: Mask) -> Mask:
    inside = np.pad(mask, 1)
    neighbours = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return mask & ~neighbours


def _square_pixels(drawn: Image.Image, spacing_mm: tuple[float, float] | None) -> Image.Image:
    if spacing_mm is None or math.isclose(*spacing_mm, rel_tol=1e-3):
        return drawn
    finer = min(spacing_mm)
    size = round(drawn.width * spacing_mm[1] / finer), round(drawn.height * spacing_mm[0] / finer)
    return drawn.resize(size, Image.Resampling.BILINEAR)
