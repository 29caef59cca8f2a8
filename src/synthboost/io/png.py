"""Read a PNG: a grey image, perhaps saved as three equal channels, or a map of labels. It holds no spacing in mm."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthboost.errors import DataError
from synthboost.io.pixels import Spacing, check_size

UNKNOWN_SPACING: Spacing = (1.0, 1.0)
"""What stands for a spacing that nobody knows, as in CAMUS' own files; `data inspect --deep` points it out."""
GREYEST = 6.0
"""Largest mean difference between channels, in grey values, of what is still grey; a guess.

A diffusion model that paints three channels does not paint them quite alike."""


def read_png(path: Path, content: bytes | None = None) -> tuple[NDArray[np.uint8], Spacing]:
    """Read grey pixels (rows, columns); of three channels their mean, rounded. With `content`, the path is only a name.

    Raises:
        DataError: not a readable PNG of 8 bits a channel, too large, or in colour.
    """
    pixels = _read(path, ("L", "RGB"), content)
    if pixels.ndim == 2:
        return pixels, UNKNOWN_SPACING
    colour = float(np.mean(pixels.max(axis=-1).astype(np.int16) - pixels.min(axis=-1)))
    if colour > GREYEST:
        raise DataError(
            path, "channels", f"differ by {colour:.1f} grey values on average", f"a grey image (at most {GREYEST:g})",
            "Take the image without overlays, as the scanner or the model made it.",
        )  # fmt: skip
    return np.rint(pixels.mean(axis=-1)).astype(np.uint8), UNKNOWN_SPACING


def read_png_labels(path: Path) -> NDArray[np.uint8]:
    """Read labels (rows, columns) as they stand in the file: of a palette its indices, of three channels any one.

    Raises:
        DataError: as for `read_png`, or the channels differ anywhere.
    """
    pixels = _read(path, ("L", "P", "RGB"))
    if pixels.ndim == 2:
        return pixels
    if (pixels != pixels[..., :1]).any():
        raise DataError(
            path, "channels", "differ", "one number per pixel",
            "Take the label maps, not their coloured pictures (`labels_visible`).",
        )  # fmt: skip
    return np.ascontiguousarray(pixels[..., 0])


def _read(path: Path, modes: tuple[str, ...], content: bytes | None = None) -> NDArray[np.uint8]:
    try:
        with Image.open(path if content is None else io.BytesIO(content), formats=("PNG",)) as file:
            check_size(path, *file.size)
            if file.mode not in modes:
                raise DataError(path, "kind of pixels", file.mode, f"one of {', '.join(modes)}, 8 bits a channel")
            return np.array(file, dtype=np.uint8)
    except DataError:
        raise
    except Exception as error:  # Pillow raises nearly every kind on damaged files (struct, zlib, Syntax, Value, OS)
        raise DataError(path, "file", error, "a readable PNG") from error
