"""Many images on one sheet, for the eye: no number sees everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthboost.domain import STRUCTURES, GreyImage, LabelMap
from synthboost.errors import DataError

COLOURS = dict(zip(STRUCTURES, ((230, 159, 0), (86, 180, 233), (0, 158, 115)), strict=True))
"""Okabe and Ito's colours, which colour-blind people can tell apart too."""


def contact_sheet(rows: Sequence[Sequence[NDArray[np.uint8]]], tile: int = 128, gap: int = 4) -> Image.Image:
    """Rows of images, grey (H, W) or coloured (H, W, 3), each squeezed to a square tile; rows may differ in length.

    Raises:
        DataError: there is no image, or one is no uint8 picture.
    """
    if not any(len(row) for row in rows):
        raise DataError("contact sheet", "images", 0, "at least one")
    columns = max(len(row) for row in rows)
    sheet = Image.new("RGB", (columns * (tile + gap) + gap, len(rows) * (tile + gap) + gap), "white")
    for down, row in enumerate(rows):
        for right, picture in enumerate(row):
            if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
                found = f"{picture.dtype} {picture.shape}"
                raise DataError("contact sheet", f"image {right} of row {down}", found, "uint8 (H, W[, 3])")
            small = Image.fromarray(picture).convert("RGB").resize((tile, tile), Image.Resampling.BILINEAR)
            sheet.paste(small, (gap + right * (tile + gap), gap + down * (tile + gap)))
    return sheet


def outlined(image: GreyImage, label_map: LabelMap) -> NDArray[np.uint8]:
    """The image (H, W) in colour (H, W, 3), with the inner border of each structure drawn over it.

    Raises:
        DataError: the sizes differ.
    """
    from scipy import ndimage

    if image.shape != label_map.shape:
        raise DataError("outline", "label map", label_map.shape, f"{image.shape}, as the image has")
    picture = np.repeat(image[..., None], 3, axis=2)
    for structure, colour in COLOURS.items():
        mask = label_map == int(structure)
        picture[mask & ~ndimage.binary_erosion(mask)] = colour
    return np.asarray(picture)
