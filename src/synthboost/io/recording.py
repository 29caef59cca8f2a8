"""A recording: grey frames that are read lazily, their spacing, and their place in the whole image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from numpy.typing import NDArray

from synthboost.domain import GreyImage, LabelMap
from synthboost.errors import DataError
from synthboost.io.pixels import Spacing, to_grey_image

MAX_PIXELS = 64_000_000
"""Of one frame; larger ones are refused by their header, before they are decoded."""
MAX_FRAMES = 10_000
"""A guess: two minutes at 80 Hz."""
MAX_CLIP_PIXELS = 1_000_000_000
"""Of all frames together, because the label map of a clip is kept in memory: 1,000 frames of 1,000 x 1,000."""


@dataclass(frozen=True)
class Region:
    """The part of the whole image that shows the ultrasound image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Region:
        """All of an image of shape (rows, columns)."""
        return cls(0, 0, *shape)

    def crop(self, image: GreyImage) -> GreyImage:
        """The region of a whole image (H, W)."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True, eq=False)
class Recording:
    """One image or clip. Nothing of it names the patient but, perhaps, the file's own name."""

    path: Path
    kind: str
    """`picture`, `nifti`, `mhd`, `video` or `dicom`."""
    length: int
    """Frames; of a video, as its header says."""
    region: Region
    """What `frames` shows of the whole image; the rest (names, rulers, logos) is left out."""
    whole_shape: tuple[int, int]
    """(rows, columns) of the image as it is in the file."""
    spacing_mm: Spacing | None
    """(rows, columns), or `None` when the file does not say."""
    frame_seconds: float | None
    """Between two frames, or `None` when the file does not say."""
    source: Callable[[], Iterator[NDArray[Any]]]
    """Starts reading whole frames (H, W) from the first; every call anew."""
    header: Nifti1Header | None = None
    """Of a NIfTI or MHD, so that masks lie in the same place."""

    def __post_init__(self) -> None:
        """Refuse what would not fit into memory, before a frame is decoded; see `check_length`."""
        check_length(self.path, self.length, self.whole_shape)

    def frames(self) -> Iterator[GreyImage]:
        """Yield the frames, (H, W) uint8 with the probe on top, cropped to `region`.

        Raises:
            DataError: a frame cannot be decoded or is not of grey values, or there are fewer or more than the header
                says.
        """
        number = 0
        for number, frame in enumerate(self.source(), start=1):
            if frame.shape != self.whole_shape:
                raise DataError(self.path, f"size of frame {number}", frame.shape, f"{self.whole_shape}, as the first")
            if number > self.length:
                raise DataError(self.path, "frames", f"more than {self.length}", "as many as its header says")
            yield np.ascontiguousarray(self.region.crop(to_grey_image(self.path, frame)))
        if number < self.length:
            raise DataError(
                self.path, "frames", f"{number} can be read", f"{self.length}, as its header says",
                "The file is cut off or damaged: copy it again.",
            )  # fmt: skip

    def only(self) -> NDArray[Any]:
        """Return the one frame (H, W) in the file's own number type.

        Raises:
            DataError: the recording is a clip, or the frame cannot be read.
        """
        if self.length != 1:
            rows, columns = self.whole_shape
            raise DataError(
                self.path, "size", f"{columns} x {rows} x {self.length} (columns x rows x frames)", "one 2-D image",
                "Save the frame you mean by itself.",
            )  # fmt: skip
        (pixels,) = self.source()
        return pixels

    def batches(self, size: int) -> Iterator[list[GreyImage]]:
        """Yield the frames in lists of `size`, the last perhaps shorter."""
        frames = self.frames()
        while batch := list(islice(frames, size)):
            yield batch

    def in_whole(self, label_map: LabelMap) -> LabelMap:
        """Put a label map of the region (h, w) into the geometry of the whole image (H, W); 0 around it."""
        whole = np.zeros(self.whole_shape, dtype=label_map.dtype)
        self.region.crop(whole)[...] = label_map
        return whole


def check_pixels(path: Path, rows: int, columns: int) -> None:
    """Refuse an image (`DataError`) that is empty or too large to decode."""
    if not 0 < rows * columns <= MAX_PIXELS:
        raise DataError(path, "size", f"{columns} x {rows}", f"1 to {MAX_PIXELS} pixels")


def check_length(path: Path, frames: int, shape: tuple[int, int]) -> None:
    """Refuse clips (`DataError`) without a frame, or with more frames or pixels than the limits."""
    if not 1 <= frames <= MAX_FRAMES:
        raise DataError(path, "frames", frames, f"1 to {MAX_FRAMES}")
    if frames * shape[0] * shape[1] > MAX_CLIP_PIXELS:
        raise DataError(
            path, "size", f"{frames} frames of {shape[0]} x {shape[1]}", f"at most {MAX_CLIP_PIXELS} pixels together",
            "Cut the clip, or make it smaller.",
        )  # fmt: skip
