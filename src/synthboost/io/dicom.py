"""DICOM ultrasound: one frame or a cine, grey or colour, cropped to the region that the scanner names.

Only the tags below are read; none of them names the patient. What a tag or the library says of a damaged file is never
repeated in a message, because it could.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from synthboost.domain import GreyImage
from synthboost.errors import ConfigError, DataError
from synthboost.io.pixels import check_spacing, grey_of_colour
from synthboost.io.recording import MAX_PIXELS, Recording, Region, check_length

SUFFIXES = (".dcm", ".dicom", ".ima")
LAYOUT_TAGS = (
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PlanarConfiguration", "SequenceOfUltrasoundRegions", "PixelSpacing", "FrameTime",
    "CineRate", "RecommendedDisplayFrameRate", "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData", "BluePaletteColorLookupTableData",
)  # fmt: skip
GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")
TWO_DIMENSIONAL, TISSUE, CENTIMETRES = 1, 1, 3
"""Of Region Spatial Format, Region Data Type and Physical Units (DICOM PS3.3, C.8.5.5.1)."""
DEFERRED_BYTES = 4096
"""Longer values (the pixels) are not read with the header."""


def says_dicom(path: Path) -> bool:
    """Whether the file has DICOM's mark, whatever it is called."""
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        return handle.read(132)[128:] == b"DICM"


def open_dicom(path: Path) -> Recording:
    """Open an image or a cine; see the module's text.

    The spacing is that of the two-dimensional tissue region if the scanner states it in centimetres, else Pixel
    Spacing, else unknown. Of several such regions the largest is taken.

    Raises:
        ConfigError: pydicom is not installed, or what decodes this file's compression is not.
        DataError: no DICOM, no pixels, too large, of more than 8 bits, or a region or spacing that cannot be.
    """
    header = read_header(path, (*LAYOUT_TAGS, "PixelData"))
    if "PixelData" not in header:
        raise DataError(path, "Pixel Data", "absent", "an image; reports and lists have none")
    layout = _Layout(path, header)
    rows, columns, length = layout.whole("Rows"), layout.whole("Columns"), layout.whole("NumberOfFrames", 1)
    if not 0 < rows * columns <= MAX_PIXELS:
        raise DataError(path, "size", f"{columns} x {rows}", f"1 to {MAX_PIXELS} pixels")
    check_length(path, length, (rows, columns))
    layout.require_readable_pixels()
    _require_decoder(path, str(header.file_meta.get("TransferSyntaxUID", "")))
    region, spacing_mm = layout.region((rows, columns))
    return Recording(
        path, "dicom", length, region, (rows, columns), spacing_mm, layout.frame_seconds(),
        lambda: _frames(path, header),
    )  # fmt: skip


def read_header(path: Path, tags: tuple[str, ...]) -> Any:
    """Read the named tags alone, as pydicom's data set.

    Raises:
        ConfigError: pydicom is not installed.
        DataError: not DICOM, or damaged.
    """
    pydicom = _library()
    with _silent(path):
        return pydicom.dcmread(path, specific_tags=list(tags), defer_size=DEFERRED_BYTES)


class _Layout:
    """What the header says of the pixels, checked."""

    def __init__(self, path: Path, header: Any) -> None:
        self.path, self.header = path, header

    def whole(self, name: str, absent: int | None = None) -> int:
        with _silent(self.path, name):
            value = self.header.get(name)
            if value in (None, "") and absent is not None:
                return absent
            return int(value)

    def require_readable_pixels(self) -> None:
        with _silent(self.path, "PhotometricInterpretation"):
            kind = str(self.header.PhotometricInterpretation)
        if kind not in GREY + COLOUR:
            raise DataError(
                self.path, "Photometric Interpretation", "none of ours", f"one of {', '.join(GREY + COLOUR)}"
            )
        if (bits := self.whole("BitsStored")) != 8 or self.whole("BitsAllocated") != 8:
            raise DataError(self.path, "Bits Stored", bits, "8, as ultrasound has", "Window the image to 8 bits first.")

    def frame_seconds(self) -> float | None:
        for name in ("FrameTime", "CineRate", "RecommendedDisplayFrameRate"):
            try:
                value = float(self.header.get(name))
            except (TypeError, ValueError):
                continue
            if np.isfinite(value) and value > 0:
                return value / 1000 if name == "FrameTime" else 1 / value
        return None

    def region(self, shape: tuple[int, int]) -> tuple[Region, tuple[float, float] | None]:
        """The largest region of tissue in two dimensions, else the whole image; and the spacing there."""
        with _silent(self.path, "SequenceOfUltrasoundRegions"):
            listed = [
                item for item in self.header.get("SequenceOfUltrasoundRegions") or ()
                if (item.get("RegionSpatialFormat"), item.get("RegionDataType")) == (TWO_DIMENSIONAL, TISSUE)
            ]  # fmt: skip
            found = [(self._place(item, shape), item) for item in listed]
        if not found:
            return Region.whole(shape), self._pixel_spacing()
        region, item = max(found, key=lambda pair: pair[0].height * pair[0].width)
        with _silent(self.path, "PhysicalDeltaX"):
            units = item.get("PhysicalUnitsXDirection"), item.get("PhysicalUnitsYDirection")
            deltas = item.get("PhysicalDeltaY"), item.get("PhysicalDeltaX")
            if units == (CENTIMETRES, CENTIMETRES) and None not in deltas:
                rows_mm, columns_mm = (abs(float(delta)) * 10 for delta in deltas)
                return region, check_spacing(self.path, "Physical Delta", (rows_mm, columns_mm))
        return region, self._pixel_spacing()

    def _place(self, item: Any, shape: tuple[int, int]) -> Region:
        left, top = int(item.RegionLocationMinX0), int(item.RegionLocationMinY0)
        right, bottom = int(item.RegionLocationMaxX1) + 1, int(item.RegionLocationMaxY1) + 1
        # Some scanners count the last column and row one too far.
        if not (0 <= left < right <= shape[1] + 1 and 0 <= top < bottom <= shape[0] + 1):
            raise DataError(
                self.path, "ultrasound region", f"columns {left}-{right - 1}, rows {top}-{bottom - 1}",
                f"within {shape[1]} x {shape[0]}",
            )  # fmt: skip
        return Region(top, left, min(bottom, shape[0]) - top, min(right, shape[1]) - left)

    def _pixel_spacing(self) -> tuple[float, float] | None:
        with _silent(self.path, "PixelSpacing"):
            values = self.header.get("PixelSpacing")
            if not values:
                return None
            rows_mm, columns_mm = (float(value) for value in values)
            return check_spacing(self.path, "Pixel Spacing", (rows_mm, columns_mm))


def _frames(path: Path, header: Any) -> Iterator[GreyImage]:
    from pydicom.pixels import iter_pixels

    with _silent(path, "pixels"):
        kind = str(header.PhotometricInterpretation)
        frames = iter_pixels(path)  # YBR comes as RGB
    while True:
        with _silent(path, "pixels"):
            frame = next(frames, None)
            if frame is None:
                return
            grey = _grey(frame, kind, header)
        yield grey


def _grey(frame: Any, kind: str, header: Any) -> GreyImage:
    from pydicom.pixels import apply_color_lut

    pixels = np.asarray(frame)
    if kind == "PALETTE COLOR":
        colours = apply_color_lut(pixels, header)
        pixels = colours.astype(np.uint8) if colours.dtype == np.uint8 else (colours >> 8).astype(np.uint8)
    if pixels.ndim == 3:
        return grey_of_colour(pixels.astype(np.uint8, copy=False))
    grey = pixels.astype(np.uint8)
    return 255 - grey if kind == "MONOCHROME1" else grey


def _require_decoder(path: Path, syntax: str) -> None:
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    uid = UID(syntax)
    if not uid.is_valid or not uid.is_transfer_syntax:
        raise DataError(path, "Transfer Syntax UID", "none of DICOM's", "a standard transfer syntax")
    if not uid.is_compressed or uid.is_deflated:
        return
    try:
        decoder = get_decoder(uid)
    except NotImplementedError as error:
        raise DataError(
            path, "compression", uid.name, "an image compression that pydicom knows", "Convert it to uncompressed."
        ) from error
    if not decoder.is_available:
        needed = "; ".join(decoder.missing_dependencies)
        raise ConfigError(
            str(path), "compression", uid.name, "what decodes it, installed", f"Install one of these: {needed}."
        )


def _library() -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise ConfigError(
            "DICOM", "pydicom", "not installed", "the extra `dicom`", "pip install 'synthboost[dicom]'"
        ) from error
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings repeat what stands in tags
    return pydicom


@contextmanager
def _silent(path: Path, field: str = "file") -> Iterator[None]:
    """No warning leaves the block, and every error of the library becomes one of ours that names no tag's content."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (DataError, ConfigError):
        raise
    except Exception as error:  # pydicom raises nearly every kind on damaged files
        raise DataError(
            path, field, f"cannot be read ({type(error).__name__})", "readable DICOM", "Copy or export it again."
        ) from None
