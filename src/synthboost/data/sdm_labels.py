"""The two ways in which label maps of diffusion sets are numbered, told apart by how often each number occurs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError
from synthboost.io.pixels import Spacing
from synthboost.io.png import UNKNOWN_SPACING, read_png_labels

STRUCTURES_ONLY = (0, 1, 2, 3)
"""As CAMUS: 0 everything else, 1 LV cavity, 2 myocardium, 3 left atrium."""
WITH_SECTOR = (0, 1, 0, 2, 3)
"""What the diffusion model was conditioned on: 0 outside the sector, 1 LV cavity, 2 tissue, 3 myocardium, 4 atrium.

The tuple gives CAMUS' label for each number."""
BLACK_AT_MOST, ELSE_AT_LEAST = 0.50, 0.54
"""Part of the frame that is 0: at most the first where 0 is outside the sector, at least the second where 0 is all
that is no structure. In between lies nobody's mask: on 450 CAMUS frames, and on perturbed masks of them, the first kind
has 0.40 to 0.48 and the second 0.56 to 0.94."""


def recognise_coding(labels: NDArray[np.uint8], path: Path) -> tuple[int, ...]:
    """`STRUCTURES_ONLY` or `WITH_SECTOR`, by the histogram of a label map (H, W).

    A file alone can tell: where the sector is marked, the many pixels of tissue are 2 instead of 0. The largest number
    is no sufficient sign, because a mask without atrium has no 4.

    Raises:
        DataError: a number is above 4, or the histogram is neither the one's nor the other's.
    """
    counts = np.bincount(labels.ravel(), minlength=5)
    if counts[5:].any():
        values = ", ".join(f"{v} ({counts[v]} px)" for v in np.flatnonzero(counts)[:12])
        raise DataError(path, "labels", values, "numbers from 0 to 4", "Was the map resized, or scaled to 0-255?")
    zeros = counts[0] / labels.size
    if zeros <= BLACK_AT_MOST and counts[2]:
        return WITH_SECTOR
    if zeros >= ELSE_AT_LEAST and not counts[4]:
        return STRUCTURES_ONLY
    found = ", ".join(f"{value}: {count / labels.size:.1%}" for value, count in enumerate(counts) if count)
    raise DataError(
        path, "coding of the labels", found,
        f"0 in at most {BLACK_AT_MOST:.0%} of the pixels (0 no sector, 1 LV, 2 tissue, 3 myocardium, 4 atrium) "
        f"or in at least {ELSE_AT_LEAST:.0%} and no 4 (0 else, 1 LV, 2 myocardium, 3 atrium)",
        "It cannot be told which structure a number means. Number the maps as CAMUS does.",
    )  # fmt: skip


def read_sdm_labels(path: Path) -> tuple[NDArray[np.uint8], Spacing]:
    """Read a PNG of labels as (H, W) with CAMUS' labels 0-3, whichever of the two codings it is in.

    Raises:
        DataError: the file is damaged or in colour, or its coding is unclear.
    """
    labels = read_png_labels(path)
    return np.array(recognise_coding(labels, path), dtype=np.uint8)[labels], UNKNOWN_SPACING
