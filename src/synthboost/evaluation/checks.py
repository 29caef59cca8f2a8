"""What every metric requires of its masks and of their spacing; nothing is ever converted or resized to fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from synthboost.domain import LabelMap, Mask, Structure
from synthboost.errors import DataError

HIGHEST_LABEL = max(Structure)


def require_image(array: Any, name: str, *dtypes: type, remedy: str = "") -> None:
    """Accept an image (H, W) of one of the types, with at least one pixel.

    Raises:
        DataError: it is something else.
    """
    kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
    if not isinstance(array, np.ndarray) or array.dtype not in dtypes:
        raise DataError(name, "dtype", kind, " or ".join(str(np.dtype(each)) for each in dtypes), remedy)
    if array.ndim != 2 or array.size == 0:
        raise DataError(name, "shape", array.shape, "(H, W) with at least one pixel")


def require_mask(mask: Mask, name: str) -> None:
    """Accept a boolean image (H, W) with at least one pixel, whatever it contains.

    Raises:
        DataError: it is something else, for instance 0/255, probabilities, or a volume.
    """
    remedy = "Compare first: label_map == structure, or probability >= threshold."
    require_image(mask, name, np.bool_, remedy=remedy)


def require_mask_pair(true: Mask, predicted: Mask) -> None:
    """Accept two masks of one shape.

    Raises:
        DataError: one is no mask, or the shapes differ.
    """
    require_mask(true, "true mask")
    require_mask(predicted, "predicted mask")
    if true.shape != predicted.shape:
        raise DataError(
            "predicted mask", "shape", predicted.shape, f"the true mask's {true.shape}",
            "Bring the prediction back to the image's own grid before scoring.",
        )  # fmt: skip


def require_label_map(label_map: LabelMap, name: str) -> None:
    """Accept a uint8 image (H, W) with values 0-3.

    Raises:
        DataError: another dtype, another number of axes, no pixel, or a label above 3.
    """
    require_image(label_map, name, np.uint8)
    if label_map.max() > HIGHEST_LABEL:
        odd = np.unique(label_map[label_map > HIGHEST_LABEL]).tolist()
        raise DataError(name, "labels", odd, f"labels from 0 to {int(HIGHEST_LABEL)}")


def require_spacing(spacing_mm: tuple[float, float], name: str = "spacing_mm") -> None:
    """Accept two positive, finite distances.

    Raises:
        DataError: a distance is absent, zero, negative, NaN or infinite.
    """
    if len(spacing_mm) != 2 or not all(math.isfinite(s) and s > 0 for s in spacing_mm):
        raise DataError(
            name, "pixel size", spacing_mm, "two positive, finite distances (rows, columns) in mm",
            "Read the spacing from the image's header.",
        )  # fmt: skip
