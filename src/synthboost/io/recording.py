"""A recording: grey frames that are read lazily, their spacing, and their place in the whole image.

What pixels, sizes and spacings a frame may have stands here too; everything else is refused, nothing is clipped or
rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthboost.domain import STRUCTURES, GreyImage, LabelMap, Mask
from synthboost.errors import DataError

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

Spacing: TypeAlias = tuple[float, float]
"""Distance between neighbouring (rows, columns) in mm."""

MAX_SIDE_PX = 4096
"""A guess: five times the largest CAMUS frame. Checked in the header, before any memory is allocated."""
SPACING_LIMITS_MM = (0.01, 10.0)
"""A guess with wide margins: CAMUS has 0.15-1.1 mm, and no depth setting of an adult heart needs less or more."""
LABELS: tuple[int, ...] = (0, *(int(s) for s in STRUCTURES))
"""Background and the structures of CAMUS."""
_SHOWN_VALUES = 8

COLOURED = 40
"""Largest minus smallest channel, beyond which a pixel is coloured; a guess above what JPEG makes of grey."""
TINTED = 0.2
"""Part of the lit pixels: if more are coloured, the image itself is tinted and its brightness is kept. A guess."""
LIT = 16
"""Brightest channel from which on a pixel counts as lit."""
MAX_PIXELS = 20_000_000
"""Of one frame; a guess: twice 4K. Larger ones are refused by their header, before they are decoded."""
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

    def crop(self, image: NDArray[Any]) -> NDArray[Any]:
        """The region of a whole image or mask (H, W)."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True, eq=False)
class Recording:
    """One image or clip. Nothing of it names the patient but, perhaps, the file's own name."""

    path: Path
    kind: str
    """`picture`, `nifti`, `mhd`, `video` or `dicom`."""
    length: int
    """Frames."""
    region: Region
    """What `frames` shows of the whole image; the rest (names, rulers, logos) is left out."""
    whole_shape: tuple[int, int]
    """(rows, columns) of the image as it is in the file."""
    spacing_mm: Spacing | None
    """(rows, columns), or `None` when the file does not say."""
    seconds: tuple[float, ...] | None
    """From the first frame to each, or `None` when the file does not say."""
    source: Callable[[], Iterator[NDArray[Any]]]
    """Starts reading whole frames, (H, W) or in colour (H, W, 3), from the first; every call anew."""
    header: Nifti1Header | None = None
    """Of a NIfTI or MHD, so that masks lie in the same place."""

    def __post_init__(self) -> None:
        """Refuse what would not fit into memory, before a frame is decoded; see `check_length`."""
        check_length(self.path, self.length, self.whole_shape)

    @property
    def frame_seconds(self) -> float | None:
        """Between two frames on average, or `None` when the file does not say."""
        return None if self.seconds is None or self.length < 2 else round(self.seconds[-1] / (self.length - 1), 9)

    def frames(self) -> Iterator[GreyImage]:
        """Yield the frames without what was coloured; see `frames_and_colour`."""
        return (image for image, _ in self.frames_and_colour())

    def frames_and_colour(self) -> Iterator[tuple[GreyImage, Mask | None]]:
        """Yield the frames, (H, W) uint8 with the probe on top, cropped to `region`; see `without_colour`.

        Raises:
            DataError: a frame cannot be decoded or is not of grey values, or there are fewer or more than the header
                says.
        """
        number = 0
        for number, frame in enumerate(self.source(), start=1):
            if frame.shape[:2] != self.whole_shape:
                shape = frame.shape[:2]
                raise DataError(self.path, f"size of frame {number}", shape, f"{self.whole_shape}, as the first")
            if number > self.length:
                raise DataError(self.path, "frames", f"more than {self.length}", "as many as its header says")
            grey, coloured = without_colour(frame)
            image = np.ascontiguousarray(self.region.crop(to_grey_image(self.path, grey)))
            yield image, None if coloured is None else self.region.crop(coloured)
        if number < self.length:
            raise DataError(
                self.path, "frames", f"{number} can be read", f"{self.length}, as its header says",
                "The file is cut off or damaged: copy it again.",
            )  # fmt: skip

    def only(self) -> NDArray[Any]:
        """Return the one frame (H, W) in the file's own number type; see `without_colour`.

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
        return without_colour(pixels)[0]

    def batches(self, size: int) -> Iterator[list[tuple[GreyImage, Mask | None]]]:
        """Yield `frames_and_colour` in lists of `size`, the last perhaps shorter."""
        frames = self.frames_and_colour()
        while batch := list(islice(frames, size)):
            yield batch

    def in_whole(self, label_map: LabelMap) -> LabelMap:
        """Put a label map of the region (h, w) into the geometry of the whole image (H, W); 0 around it."""
        whole = np.zeros(self.whole_shape, dtype=label_map.dtype)
        self.region.crop(whole)[...] = label_map
        return whole


def check_size(path: Path, columns: int, rows: int) -> None:
    """Refuse (`DataError`) a side that is not within 1-4096 pixels (so at most 16.8 megapixels)."""
    if not (1 <= columns <= MAX_SIDE_PX and 1 <= rows <= MAX_SIDE_PX):
        raise DataError(path, "size", f"{columns} x {rows} (columns x rows)", f"1 to {MAX_SIDE_PX} pixels a side")


def check_spacing(path: Path, field: str, spacing_mm: Spacing) -> Spacing:
    """Return the spacing if it is believable; `field` is its name in the file.

    Raises:
        DataError: not finite, not positive, or outside 0.01-10 mm; names the axis.
    """
    low, high = SPACING_LIMITS_MM
    for axis, value in zip(("rows", "columns"), spacing_mm, strict=True):
        if not (math.isfinite(value) and low <= value <= high):
            raise DataError(
                path, f"{field} of the {axis}", f"{value:g} mm", f"a distance of {low:g} to {high:g} mm",
                "Correct the header: areas and distances in mm depend on it.",
            )  # fmt: skip
    return spacing_mm


def steady(frames: int, frame_seconds: float | None) -> tuple[float, ...] | None:
    """The seconds of frames that follow one another evenly, if it is known and possible how fast."""
    if frame_seconds is None or not (math.isfinite(frame_seconds) and frame_seconds > 0):
        return None
    return tuple(number * frame_seconds for number in range(frames))


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


def to_grey_image(path: Path, pixels: NDArray[Any]) -> GreyImage:
    """Return (H, W) pixels of any number type as uint8, unchanged in value.

    Raises:
        DataError: a pixel is not finite, not a whole number, or outside 0-255.
    """
    _refuse_non_finite(path, pixels)
    if pixels.dtype != np.uint8:
        low, high = pixels.min(), pixels.max()
        if low < 0 or high > 255:
            raise DataError(
                path, "pixels", f"values from {low:g} to {high:g}", "grey values from 0 to 255",
                "Window the image to 0-255 yourself, so that the choice is yours and known.",
            )  # fmt: skip
        if fractional := int(np.count_nonzero(pixels != np.rint(pixels))):
            raise DataError(
                path, "pixels", f"{fractional} of {pixels.size} not whole numbers", "whole grey values, 0-255",
                "Images in 0-1 or interpolated images must be brought to 0-255 first.",
            )  # fmt: skip
    return pixels.astype(np.uint8)


def without_colour(pixels: NDArray[Any]) -> tuple[NDArray[Any], Mask | None]:
    """Turn (H, W, 3) into (H, W): the brightness (ITU-R BT.601), black where a scanner's overlay is coloured.

    Electrocardiogram, text and rulers in colour vanish; so does a colour Doppler overlay, unless it fills so much of
    the image that it passes for a tint.

    Returns:
        The image, as it is if it was grey, and the pixels that became black, `None` if there are none.
    """
    if pixels.ndim == 2:
        return pixels, None
    grey = np.array(Image.fromarray(pixels).convert("L"))
    red, green, blue = np.moveaxis(pixels, -1, 0)
    brightest = np.maximum(np.maximum(red, green), blue)
    coloured = brightest - np.minimum(np.minimum(red, green), blue) > COLOURED
    if not coloured.any() or np.count_nonzero(coloured) > TINTED * np.count_nonzero(brightest >= LIT):
        return grey, None
    grey[coloured] = 0
    return grey, coloured


def to_label_map(path: Path, pixels: NDArray[Any]) -> LabelMap:
    """Return (H, W) labels of any number type as uint8, unchanged in value.

    Raises:
        DataError: a label is not 0, 1, 2 or 3; names the values and how often they occur.
    """
    _refuse_non_finite(path, pixels)
    if pixels.dtype == np.uint8 and pixels.max() <= max(LABELS):
        return pixels.copy()  # the ordinary case, ten times as fast as the general one below
    foreign = ~np.isin(pixels, LABELS)
    if foreign.any():
        values, counts = np.unique(pixels[foreign], return_counts=True)
        shown = ", ".join(f"{v:g} ({n} px)" for v, n in zip(values[:_SHOWN_VALUES], counts, strict=False))
        more = f" and {len(values) - _SHOWN_VALUES} more values" if len(values) > _SHOWN_VALUES else ""
        raise DataError(
            path, "labels", shown + more, "only 0 (background), 1 (LV cavity), 2 (myocardium), 3 (left atrium)",
            "Was the map resized with interpolation, or saved as 0/255?",
        )  # fmt: skip
    return pixels.astype(np.uint8)


def _refuse_non_finite(path: Path, pixels: NDArray[Any]) -> None:
    if not np.issubdtype(pixels.dtype, np.floating):
        return
    if broken := int(pixels.size - np.count_nonzero(np.isfinite(pixels))):
        raise DataError(path, "pixels", f"{broken} of {pixels.size} are NaN or infinite", "finite numbers")
