"""Read an image or a label map from any known kind of file, safely: the one door between disk and pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import GreyImage, LabelMap
from synthboost.errors import DataError, shown
from synthboost.io import mhd, nifti, pictures
from synthboost.io.recording import Spacing, to_grey_image, to_label_map
from synthboost.io.recordings import read_frame

SUFFIXES = (".nii.gz", ".nii", ".mhd", ".png")
UNKNOWN_SPACING: Spacing = (1.0, 1.0)
"""The placeholder for an unknown spacing, as in CAMUS' own files; `data inspect --deep` points it out."""
SPACING_TOLERANCE = 1e-3
"""Relative; image and label map may come from programs that round differently."""
STRUCTURES_ONLY = (0, 1, 2, 3)
"""As CAMUS: 0 everything else, 1 LV cavity, 2 myocardium, 3 left atrium."""
WITH_SECTOR = (0, 1, 0, 2, 3)
"""What the diffusion model was conditioned on: 0 outside the sector, 1 LV cavity, 2 tissue, 3 myocardium, 4 atrium.

The tuple gives CAMUS' label for each number."""
BLACK_AT_MOST, ELSE_AT_LEAST = 0.50, 0.54
"""Part of the frame that is 0: at most the first where 0 is outside the sector, at least the second where 0 is all
that is no structure. No mask lies in between: on 450 CAMUS frames, and on perturbed masks of them, the first kind
has 0.40 to 0.48 and the second 0.56 to 0.94."""


def read_image(path: Path, number: int | None = None) -> tuple[GreyImage, Spacing]:
    """Read a grey image as (H, W) uint8, rows running away from the probe, and its spacing in mm.

    With `number` it is that frame of a clip, from 0; a film has `UNKNOWN_SPACING`.

    Raises:
        DataError: anything about the file is not as it should be; see the reader of its kind.
    """
    pixels, spacing_mm = _read(path, pictures.read_grey_png, number)
    return to_grey_image(path, pixels), spacing_mm


def read_label_map(
    path: Path, labels: Mapping[int, int] | None = None, number: int | None = None
) -> tuple[LabelMap, Spacing]:
    """Read a label map as (H, W) uint8 with values 0-3, and its spacing in mm.

    Args:
        labels: number in the file -> CAMUS' label; `None` is 0-3 as they are, where PNGs may be in either coding.
        number: of the frame in a clip, from 0.

    Raises:
        DataError: as for `read_image`, there are other labels, or the coding of a PNG is unclear.
    """
    pixels, spacing_mm = _read(path, _read_coded_png if labels is None else pictures.read_labels_png, number)
    if labels is None:
        return to_label_map(path, pixels), spacing_mm
    found, place = np.unique(pixels, return_inverse=True)
    if foreign := sorted(set(found.tolist()) - labels.keys()):
        expected = f"only {', '.join(map(str, labels))}"
        raise DataError(path, "labels", shown([f"{value:g}" for value in foreign]), expected)
    ours = np.array([labels[value] for value in found.tolist()], dtype=np.uint8)
    return ours[place].reshape(pixels.shape), spacing_mm


def check_grid(
    image_path: Path, image: tuple[GreyImage, Spacing], label_path: Path, labels: tuple[LabelMap, Spacing | None]
) -> None:
    """Accept an image and its label map, each with its spacing, if they lie on the same grid.

    Raises:
        DataError: sizes differ, or spacings that both have; names both.
    """
    if image[0].shape != labels[0].shape:
        raise DataError(
            label_path, "size", _size(labels[0]), f"{_size(image[0])} as {image_path.name} has",
            "Resample the label map with nearest neighbour, or find the one that belongs to this image.",
        )  # fmt: skip
    if labels[1] is not None and not np.allclose(image[1], labels[1], rtol=SPACING_TOLERANCE, atol=0):
        raise DataError(
            label_path, "spacing (rows, columns) in mm", labels[1], f"{image[1]} as {image_path.name} has",
            "Find the label map that belongs to this image; if a table names an image that states no spacing, add the "
            "column `spacing`.",
        )  # fmt: skip


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


def _read_coded_png(path: Path) -> LabelMap:
    labels = pictures.read_labels_png(path)
    return np.array(recognise_coding(labels, path), dtype=np.uint8)[labels]


def _read(path: Path, read_png: Callable[[Path], NDArray[Any]], number: int | None) -> tuple[NDArray[Any], Spacing]:
    name = path.name.lower()
    if number is not None:
        pixels, spacing_mm = read_frame(path, number)
        return pixels, spacing_mm or UNKNOWN_SPACING
    if name.endswith(".png"):
        return read_png(path), UNKNOWN_SPACING
    if not name.endswith(SUFFIXES):
        raise DataError(path, "kind of file", path.suffix, f"one of {', '.join(SUFFIXES)}")
    recording = mhd.open_mhd(path) if name.endswith(mhd.SUFFIXES) else nifti.open_nifti(path)
    assert recording.spacing_mm is not None
    return recording.only(), recording.spacing_mm


def _size(pixels: NDArray[Any]) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]} (columns x rows)"
