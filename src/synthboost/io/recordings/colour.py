"""From colours to the grey of the ultrasound image: what a scanner draws over it in colour is dropped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import GreyImage

COLOURED = 40
"""Largest minus smallest channel, beyond which a pixel is coloured; a guess above what JPEG makes of grey."""
TINTED = 0.2
"""Part of the lit pixels: if more are coloured, the image itself is tinted and its brightness is kept. A guess."""
LIT = 16
"""Brightest channel from which on a pixel counts as lit."""


def to_grey(rgb: NDArray[np.uint8]) -> GreyImage:
    """Turn (H, W, 3) into (H, W): the brightness (ITU-R BT.601), black where an overlay is coloured.

    Electrocardiogram, text and rulers in colour vanish; so does a colour Doppler overlay, unless it fills so much of
    the image that it passes for a tint.
    """
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)  # of 65536
    grey = ((rgb.astype(np.uint32) @ weights + 32768) >> 16).astype(np.uint8)
    brightest = rgb.max(axis=-1)
    coloured = brightest - rgb.min(axis=-1) > COLOURED
    if coloured.any() and np.count_nonzero(coloured) <= TINTED * np.count_nonzero(brightest >= LIT):
        grey[coloured] = 0
    return grey
