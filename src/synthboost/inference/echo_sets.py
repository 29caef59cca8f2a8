"""Frames of a data set as the fidelity report wants them: all on one grid, each with its sector."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import numpy as np

from synthboost.data import Dataset
from synthboost.data.loading import ordered_map
from synthboost.data.sector import find_sector
from synthboost.domain import FrameInfo, GreyImage
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.echo_set import EchoSet
from synthboost.evaluation.metrics.resample import area_weights, to_grid
from synthboost.progress import track

MOST_WITHOUT_SECTOR = 0.05
"""Share of the frames in which no sector is found. Up to it they are left out and named, beyond it nothing is read."""


def read_echo_set(dataset: Dataset, frames: Iterable[FrameInfo], size: int, workers: int = 0) -> EchoSet:
    """Read annotated frames and bring them to (size, size), squeezed as a model's input is.

    Images are averaged over each new pixel, so that frames of all sizes are blurred by the pixel alone; labels and
    sector are taken by nearest neighbour. A synthetic frame counts as its source patient's.

    Args:
        dataset: whose frames they are.
        frames: which.
        size: rows and columns; no larger than the smallest frame, else texture would be invented.
        workers: threads that read.

    Raises:
        DataError: a file is broken, a frame is not annotated or smaller than `size`, or more than a few have no visible
            sector; or there is no frame.
        ConfigError: `size` is less than 1.
    """
    if size < 1:
        raise ConfigError("fidelity", "size", size, "at least 1 pixel")
    infos = list(frames)
    if not infos:
        raise DataError(dataset.root, "frames", 0, "at least one annotated frame")
    images, label_maps, sectors, kept, blurred = [], [], [], [], []
    for frame in track(ordered_map(dataset.load, infos, workers), "reading frames", len(infos), "frame"):
        if frame.label_map is None:
            raise DataError(dataset.root, "frame", f"{frame.info.name} without a label map", "annotated frames only")
        if min(frame.image.shape) < size:
            raise DataError(
                dataset.root, "frame", f"{frame.info.name} of {frame.image.shape}", f"at least {size} x {size} pixels",
                "Choose a smaller size: an enlarged image has no finer speckle.",
            )  # fmt: skip
        try:
            sector = find_sector(frame.image, frame.info.name).mask(frame.image.shape)
        except DataError as error:
            blurred.append(f"{frame.info.name} ({error.value})")
            continue
        kept.append(frame.info)
        images.append(_averaged(frame.image, size))
        label_maps.append(to_grid(frame.label_map, (size, size)))
        sectors.append(to_grid(sector, (size, size)))
    if len(blurred) > MOST_WITHOUT_SECTOR * len(infos):
        raise DataError(
            dataset.root, f"sector of {len(blurred)} of {len(infos)} frames", "; ".join(blurred[:3]), "a visible fan"
        )
    if blurred:
        print(f"{dataset.root}: left out, no sector found: {'; '.join(blurred)}", file=sys.stderr)
    return EchoSet(
        images=np.stack(images),
        label_maps=np.stack(label_maps),
        sectors=np.stack(sectors),
        patients=tuple(str(info.source or info.patient) for info in kept),
        names=tuple(f"{info.patient.folder}/{info.name}" for info in kept),
    )


def _averaged(image: GreyImage, size: int) -> GreyImage:
    height, width = image.shape
    total = area_weights(height, size) @ image @ area_weights(width, size).T
    return np.asarray(np.rint(total * (size / height) * (size / width)), dtype=np.uint8)
