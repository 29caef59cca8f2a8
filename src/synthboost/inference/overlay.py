"""Masks painted over an image, a tint and an outline each: as pictures whose pixels are square in mm, and as clips."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from synthboost.data.sector import BRIGHT, find_sector
from synthboost.domain import GreyImage, Mask, largest_piece
from synthboost.errors import DataError
from synthboost.io.atomic import write_bytes
from synthboost.io.pictures import write_png

if TYPE_CHECKING:  # torch is loaded where something is predicted
    from synthboost.inference.predictor import Prediction

COLOURS = (
    (0, 158, 115), (230, 159, 0), (86, 180, 233), (204, 121, 167), (240, 228, 66), (213, 94, 0), (0, 114, 178),
)  # fmt: skip
"""Okabe and Ito's colour-blind safe palette without black."""
CLIP_SIDE = 320
"""Longest side of an animation, in pixels."""
USUAL_SECONDS = 0.04
SHORTEST, LONGEST = 640, 1024
"""Pixels of the longer side on a screen: smaller images are enlarged, so that outlines stay thin."""


def paint(
    image: NDArray[np.floating[Any] | np.integer[Any]], masks: Iterable[Mask], opacity: float = 0.25, rim: int = 1
) -> Image.Image:
    """Paint masks over a grey image (H, W), each in its colour of `COLOURS`: first all tints, then all outlines.

    Args:
        image: grey values 0-255.
        masks: (H, W) each.
        opacity: of the tints, 0 (outlines only) to 1.
        rim: width of the outlines in pixels; they lie inside the masks, the image's edge counts as one.
    """
    canvas = np.repeat(image[..., None].astype(np.float32), 3, axis=2)
    coloured = [(mask, np.array(COLOURS[n % len(COLOURS)], dtype=np.float32)) for n, mask in enumerate(masks)]
    for mask, colour in coloured:
        canvas[mask] = (1 - opacity) * canvas[mask] + opacity * colour
    for mask, colour in coloured:
        canvas[mask & ~_core(mask, rim)] = colour
    return Image.fromarray(canvas.round().clip(0, 255).astype(np.uint8))


def draw_overlay(
    image: GreyImage, masks: NDArray[np.bool_], spacing_mm: tuple[float, float] | None, shown: Mask | None = None
) -> Image.Image:
    """Draw masks (N, H, W) over an image (H, W), which is black where it must not be `shown` (H, W)."""
    drawn = paint(image if shown is None else np.where(shown, image, 0), masks)
    if spacing_mm is None or math.isclose(*spacing_mm, rel_tol=1e-3):
        return drawn
    finer = min(spacing_mm)
    size = round(drawn.width * spacing_mm[1] / finer), round(drawn.height * spacing_mm[0] / finer)
    return drawn.resize(size, Image.Resampling.BILINEAR)


def draw_smooth(
    image: GreyImage, prediction: Prediction, spacing_mm: tuple[float, float] | None, opacity: float
) -> Image.Image:
    """Draw a prediction over an image (H, W), both enlarged or reduced to fit a screen, pixels in their true shape.

    Probabilities are enlarged before they are cut at the threshold, which gives smooth outlines; numbers and files are
    cut at the image's own size.
    """
    size = shown_size(image.shape, spacing_mm)
    grey = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    enlarged = (np.asarray(Image.fromarray(p).resize(size, Image.Resampling.BILINEAR)) for p in prediction.probability)
    return paint(grey, [own > prediction.threshold for own in enlarged], opacity, rim=2)


def shown_size(shape: tuple[int, ...], spacing_mm: tuple[float, float] | None) -> tuple[int, int]:
    """Return (columns, rows) in which an image (H, W) is shown on a screen."""
    rows_mm, columns_mm = spacing_mm or (1.0, 1.0)
    height, width = shape[0] * rows_mm, shape[1] * columns_mm
    scale = min(max(max(shape), SHORTEST), LONGEST) / max(height, width)
    return max(1, round(scale * width)), max(1, round(scale * height))


def write_overlay(
    path: Path,
    image: GreyImage,
    masks: NDArray[np.bool_],
    spacing_mm: tuple[float, float] | None = None,
    shown: Mask | None = None,
) -> None:
    """Write what `draw_overlay` draws as a PNG."""
    write_png(path, np.asarray(draw_overlay(image, masks, spacing_mm, shown)))


def write_animation(path: Path, frames: Sequence[Image.Image], frame_seconds: float | None) -> None:
    """Write `small` pictures as an endless GIF, at their own pace if it is known; `frames` is not empty."""
    milliseconds = max(20, round(1000 * (frame_seconds or USUAL_SECONDS)))  # browsers slow down what is faster
    stream = BytesIO()  # to a file of its own Pillow writes without looking whether all was written
    frames[0].save(stream, format="GIF", save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)
    write_bytes(path, stream.getvalue())


def small(drawn: Image.Image) -> Image.Image:
    """A picture as it goes into an animation: at most `CLIP_SIDE` a side, 256 colours."""
    drawn.thumbnail((CLIP_SIDE, CLIP_SIDE))
    return drawn.quantize(colors=256, method=Image.Quantize.FASTOCTREE)


def shown_area(image: GreyImage) -> Mask:
    """(H, W) the part of an image that may be shown: the ultrasound sector, not the words burnt in beside it.

    Where no sector can be made out, it is the largest bright piece, its holes filled. Words inside the sector, or
    touching the largest piece, are shown: this is no guarantee that an image holds no name.
    """
    try:
        return find_sector(image).mask((image.shape[0], image.shape[1]))
    except DataError:
        return np.asarray(ndimage.binary_fill_holes(largest_piece(image > BRIGHT)))


def _core(mask: Mask, rim: int) -> Mask:
    """Pixels whose neighbours up to `rim` away in the four directions are in the mask too."""
    cross = np.zeros((2 * rim + 1, 2 * rim + 1), dtype=bool)
    cross[rim] = cross[:, rim] = True
    return np.asarray(ndimage.binary_erosion(mask, cross))
