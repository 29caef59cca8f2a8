"""Which part of an image may be shown: the ultrasound sector, not the words that are burnt in beside it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from synthboost.data.sector import BRIGHT, find_sector
from synthboost.domain import GreyImage, Mask
from synthboost.errors import DataError


def shown_area(image: GreyImage) -> Mask:
    """(H, W) pixels of the sector; where none can be made out, of the largest bright piece, its holes filled.

    Words inside the sector, or touching the largest piece, are shown: this is no guarantee that an image holds no name.
    """
    try:
        return find_sector(image).mask((image.shape[0], image.shape[1]))
    except DataError:
        pieces, count = ndimage.label(image > BRIGHT, structure=np.ones((3, 3)))
        if count == 0:
            return np.zeros(image.shape, dtype=bool)
        largest = np.bincount(pieces.ravel())[1:].argmax() + 1
        return np.asarray(ndimage.binary_fill_holes(pieces == largest))
