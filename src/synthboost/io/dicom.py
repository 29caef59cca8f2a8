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
from synthboost.errors import ConfigError, DataError, extra
from synthboost.io.recording import (
    Recording,
    Region,
    Spacing,
    check_length,
    check_pixels,
    check_spacing,
    grey_of_colour,
)

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
    rows, columns = _whole(path, header, "Rows"), _whole(path, header, "Columns")
    length, shape = _whole(path, header, "NumberOfFrames", 1), (rows, columns)
    check_pixels(path, rows, columns)
    check_length(path, length, shape)
    _require_readable_pixels(path, header)
    _require_decoder(path, str(header.file_meta.get("TransferSyntaxUID", "")))
    region, spacing_mm = _region(path, header, shape)
    seconds = _frame_seconds(header)
    return Recording(path, "dicom", length, region, shape, spacing_mm, seconds, lambda: _frames(path, header))


def read_header(path: Path, tags: tuple[str, ...]) -> Any:
    """Read the named tags alone, as pydicom's data set.

    Raises:
        ConfigError: pydicom is not installed.
        DataError: not DICOM, or damaged.
    """
    with extra("dicom", "pydicom"):
        import pydicom
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings repeat what stands in tags
    with _silent(path):
        return pydicom.dcmread(path, specific_tags=list(tags), defer_size=DEFERRED_BYTES)


def _whole(path: Path, header: Any, name: str, absent: int | None = None) -> int:
    with _silent(path, name):
        value = header.get(name)
        return absent if value in (None, "") and absent is not None else int(value)


def _require_readable_pixels(path: Path, header: Any) -> None:
    with _silent(path, "PhotometricInterpretation"):
        kind = str(header.PhotometricInterpretation)
    if kind not in GREY + COLOUR:
        raise DataError(path, "Photometric Interpretation", "none of ours", f"one of {', '.join(GREY + COLOUR)}")
    if (bits := _whole(path, header, "BitsStored")) != 8 or _whole(path, header, "BitsAllocated") != 8:
        raise DataError(path, "Bits Stored", bits, "8, as ultrasound has", "Window the image to 8 bits first.")


def _frame_seconds(header: Any) -> float | None:
    for name in ("FrameTime", "CineRate", "RecommendedDisplayFrameRate"):
        try:
            value = float(header.get(name))
        except (TypeError, ValueError):
            continue
        if np.isfinite(value) and value > 0:
            return value / 1000 if name == "FrameTime" else 1 / value
    return None


def _region(path: Path, header: Any, shape: tuple[int, int]) -> tuple[Region, Spacing | None]:
    """The largest region of tissue in two dimensions, else the whole image; and the spacing there."""
    with _silent(path, "SequenceOfUltrasoundRegions"):
        found = [
            (_place(path, item, shape), item)
            for item in header.get("SequenceOfUltrasoundRegions") or ()
            if (item.get("RegionSpatialFormat"), item.get("RegionDataType")) == (TWO_DIMENSIONAL, TISSUE)
        ]
    region = Region.whole(shape)
    if found:
        region, item = max(found, key=lambda pair: pair[0].height * pair[0].width)
        with _silent(path, "PhysicalDeltaX"):
            units = item.get("PhysicalUnitsXDirection"), item.get("PhysicalUnitsYDirection")
            deltas = item.get("PhysicalDeltaY"), item.get("PhysicalDeltaX")
            if units == (CENTIMETRES, CENTIMETRES) and None not in deltas:
                rows_mm, columns_mm = (abs(float(delta)) * 10 for delta in deltas)
                return region, check_spacing(path, "Physical Delta", (rows_mm, columns_mm))
    with _silent(path, "PixelSpacing"):
        if not (values := header.get("PixelSpacing")):
            return region, None
        rows_mm, columns_mm = (float(value) for value in values)
        return region, check_spacing(path, "Pixel Spacing", (rows_mm, columns_mm))


def _place(path: Path, item: Any, shape: tuple[int, int]) -> Region:
    left, top = int(item.RegionLocationMinX0), int(item.RegionLocationMinY0)
    right, bottom = int(item.RegionLocationMaxX1) + 1, int(item.RegionLocationMaxY1) + 1
    # Some scanners count the last column and row one too far.
    if not (0 <= left < right <= shape[1] + 1 and 0 <= top < bottom <= shape[0] + 1):
        place = f"columns {left}-{right - 1}, rows {top}-{bottom - 1}"
        raise DataError(path, "ultrasound region", place, f"within {shape[1]} x {shape[0]}")
    return Region(top, left, min(bottom, shape[0]) - top, min(right, shape[1]) - left)


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
