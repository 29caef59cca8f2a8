"""What every metric requires of its masks and of their spacing; nothing is ever converted or resized to fit."""

from __future__ import annotations

import math

import numpy as np

from synthboost.domain import LabelMap, Mask, Structure
from synthboost.errors import DataError

HIGHEST_LABEL = max(Structure)


def require_mask(mask: Mask, name: str) -> None:
    """Accept a boolean image (H, W) with at least one pixel, whatever it contains.

    Raises:
        DataError: it is something else, for instance 0/255, probabilities, or a volume.
    """
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        kind = mask.dtype if isinstance(mask, np.ndarray) else type(mask).__name__
        raise DataError(
            name, "dtype", kind, "bool",
            "Compare first: label_map == structure, or probability >= threshold.",
        )  # fmt: skip
    if mask.ndim != 2 or mask.size == 0:
        raise DataError(name, "shape", mask.shape, "(H, W) with at least one pixel")


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
    if not isinstance(label_map, np.ndarray) or label_map.dtype != np.uint8:
        kind = label_map.dtype if isinstance(label_map, np.ndarray) else type(label_map).__name__
        raise DataError(name, "dtype", kind, "uint8")
    if label_map.ndim != 2 or label_map.size == 0:
        raise DataError(name, "shape", label_map.shape, "(H, W) with at least one pixel")
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
