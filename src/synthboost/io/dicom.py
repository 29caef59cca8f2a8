"""DICOM ultrasound: one frame or a cine, grey or colour, cropped to the region that the scanner names.

Only the tags below are read; none of them names the patient. What a tag or the library says of a damaged file is never
repeated in a message, because it could.
"""

from __future__ import annotations

import logging
import os
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import ConfigError, DataError, extra
from synthboost.io.recording import (
    Recording,
    Region,
    Spacing,
    check_length,
    check_pixels,
    check_spacing,
    steady,
)

SUFFIXES = (".dcm", ".dicom", ".ima")
LAYOUT_TAGS = (
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PlanarConfiguration", "SequenceOfUltrasoundRegions", "PixelSpacing", "FrameTime",
    "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", *(f"{name}PaletteColorLookupTable{part}" for name in ("Red", "Green", "Blue")
                             for part in ("Descriptor", "Data")),
)  # fmt: skip
ONE_SAMPLE = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
KINDS = (*ONE_SAMPLE, "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
TWO_DIMENSIONAL, TISSUE, CENTIMETRES = 1, 1, 3
"""Of Region Spatial Format, Region Data Type and Physical Units (DICOM PS3.3, C.8.5.5.1)."""
DEFERRED_BYTES = 1 << 18
"""Longer values (the pixels) are not read with the header."""
MAX_INFLATED_BYTES = 1 << 27
"""Of a deflated file, which is inflated in memory; a guess: a colour clip of 40 frames of 1,000 x 1,000."""
PIXEL_DATA, MAX_BEHIND_BYTES = 0x7FE00010, 1 << 20
"""A tag, and how much may stand behind its value, such as padding and signatures; a guess."""
UNDEFINED = 0xFFFFFFFF
"""Length of pixels that are compressed frame by frame (DICOM PS3.5, A.4)."""
FIRST_BYTES = (b"\xff\xd8", b"\xff\x4f")
"""Of a frame in JPEG and JPEG-LS, and in JPEG 2000."""


def says_dicom(path: Path) -> bool:
    """Whether the file has DICOM's mark, whatever it is called."""
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        return handle.read(132)[128:] == b"DICM"


def open_dicom(path: Path, whole_image: bool = False) -> Recording:
    """Open an image or a cine; see the module's text.

    The spacing is that of the two-dimensional tissue region if the scanner states it in centimetres, else Pixel
    Spacing, else unknown. Of several such regions the largest is taken; none if the `whole_image` is asked for.

    Raises:
        ConfigError: pydicom is not installed, or what decodes this file's compression is not.
        DataError: no DICOM, no pixels, too large, signed or of more than 8 bits, other frames than it says, or a region
            or spacing that cannot be.
    """
    header = read_header(path, (*LAYOUT_TAGS, "PixelData"))
    if "PixelData" not in header:
        raise DataError(path, "Pixel Data", "absent", "an image; reports and lists have none")
    rows, columns = _whole(path, header, "Rows"), _whole(path, header, "Columns")
    length, shape = _whole(path, header, "NumberOfFrames", 1), (rows, columns)
    check_pixels(path, rows, columns)
    check_length(path, length, shape)
    _require_readable_pixels(path, header)
    with _silent(path, "Transfer Syntax UID"):
        uid = _require_decoder(path, str(header.file_meta.get("TransferSyntaxUID", "")))
    _require_frames(path, header, length, shape, uid)
    region, spacing_mm = _region(path, header, shape, whole_image)
    with _silent(path, "Frame Time"):
        seconds = _seconds(header, length)
    return Recording(path, "dicom", length, region, shape, spacing_mm, seconds, lambda: _frames(path, header))


def read_header(path: Path, tags: tuple[str, ...]) -> Any:
    """Read the named tags alone, as pydicom's data set.

    Raises:
        ConfigError: pydicom is not installed.
        DataError: not DICOM, or damaged.
    """
    with extra("dicom", "pydicom"):
        import pydicom
        from pydicom.filereader import read_partial
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings repeat what stands in tags
    passed = False

    def is_behind(tag: int, *_: object) -> bool:
        nonlocal passed
        behind, passed = passed, passed or tag == PIXEL_DATA
        return behind

    with _silent(path), _source(path) as file:
        # Not `dcmread`, which goes on behind the pixels: a gigabyte of zeros is a hundred million empty tags.
        header = read_partial(file, is_behind, DEFERRED_BYTES, specific_tags=[pydicom.tag.Tag(tag) for tag in tags])
        if (behind := -file.tell() + file.seek(0, os.SEEK_END)) > MAX_BEHIND_BYTES:
            raise DataError(path, "length", f"{behind} bytes behind the pixels", f"at most {MAX_BEHIND_BYTES}")
    return header


def _source(path: Path) -> BinaryIO:
    """The file, or a deflated one inflated: pydicom would inflate any amount."""
    from pydicom.filereader import read_file_meta_info
    from pydicom.filewriter import write_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

    meta = read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return path.open("rb")
    with path.open("rb") as file:
        file.seek(132 + 12 + int(meta.FileMetaInformationGroupLength))  # preamble and the length itself
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflater.decompress(file.read(MAX_INFLATED_BYTES), MAX_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        raise DataError(
            path, "length", "too long once inflated", f"at most {MAX_INFLATED_BYTES} bytes",
            "Save it without compression.",
        )  # fmt: skip
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plain = BytesIO()
    plain.write(bytes(128) + b"DICM")
    write_file_meta_info(plain, meta)
    plain.write(content)
    plain.seek(0)
    return plain


def _whole(path: Path, header: Any, name: str, absent: int | None = None) -> int:
    with _silent(path, name):
        value = header.get(name)
        return absent if value in (None, "") and absent is not None else int(value)


def _require_readable_pixels(path: Path, header: Any) -> None:
    with _silent(path, "PhotometricInterpretation"):
        kind = str(header.PhotometricInterpretation)
    if kind not in KINDS:
        raise DataError(path, "Photometric Interpretation", "none of ours", f"one of {', '.join(KINDS)}")
    allocated = _whole(path, header, "BitsAllocated", 8)
    stored = _whole(path, header, "BitsStored", allocated)
    if stored != 8 or _whole(path, header, "HighBit", stored - 1) != 7:
        raise DataError(path, "Bits Stored", stored, "the lower 8, as ultrasound has", "Window the image to 8 bits.")
    if allocated not in (8, 16):
        raise DataError(path, "Bits Allocated", allocated, "8 or 16")
    if _whole(path, header, "PixelRepresentation", 0) != 0:
        raise DataError(path, "Pixel Representation", "signed numbers", "grey values from 0 to 255")
    with _silent(path, "RescaleSlope"):
        slope = header.get("RescaleSlope")
    if slope == 0:
        raise DataError(path, "Rescale Slope", 0, "a number that keeps the image", "Correct the tag.")
    with _silent(path, "ModalityLUTSequence"):
        table = header.get("ModalityLUTSequence")
    if table:
        raise DataError(path, "Modality LUT Sequence", "present", "grey values as they are", "Apply the table first.")


def _require_frames(path: Path, header: Any, length: int, shape: tuple[int, int], syntax: Any) -> None:
    """Refuse other frames than Number of Frames says; too few compressed ones show when they are read.

    Also compressed frames that are far longer than uncompressed ones, or in far more pieces: they take gigabytes.
    """
    from pydicom.encaps import generate_fragments, parse_basic_offsets

    with _silent(path, "Pixel Data"):
        pixels, starts = header.get_item("PixelData", keep_deferred=True), list[bytes]()
        kind = str(header.PhotometricInterpretation)
        values = shape[0] * shape[1] * _whole(path, header, "SamplesPerPixel", 1 if kind in ONE_SAMPLE else 3)
        if pixels.length != UNDEFINED:
            if kind == "YBR_FULL_422":
                values = values * 2 // 3
            found = pixels.length // (values * _whole(path, header, "BitsAllocated", 8) // 8)
        else:
            with _source(path) as file:
                file.seek(pixels.value_tell)
                parse_basic_offsets(file)
                for fragment in generate_fragments(file):
                    starts.append(fragment[:2])
                    if len(fragment) > 4 * values + 2**20 or len(starts) > 16 * length + 1000:
                        raise DataError(path, "Pixel Data", "too long, or in too many pieces", "compressed frames")
            found = len(starts) if "RLE" in syntax.name else sum(start in FIRST_BYTES for start in starts)
    if found > length or (pixels.length != UNDEFINED and found < length):
        raise DataError(path, "Number of Frames", length, f"{found}, whose pixels the file holds", "Correct the tag.")


def _seconds(header: Any, length: int) -> tuple[float, ...] | None:
    try:
        vector = np.array(header.get("FrameTimeVector"), dtype=np.float64)
    except (TypeError, ValueError):
        vector = np.zeros(0)
    if vector.shape == (length,) and np.isfinite(vector).all() and (vector[1:] > 0).all():
        return tuple(np.cumsum([0.0, *vector[1:] / 1000]).tolist())
    for name in ("FrameTime", "CineRate", "RecommendedDisplayFrameRate"):
        try:
            value = float(header.get(name))
        except (TypeError, ValueError):
            continue
        if value > 0 and (seconds := steady(length, value / 1000 if name == "FrameTime" else 1 / value)):
            return seconds
    return None


def _region(path: Path, header: Any, shape: tuple[int, int], whole_image: bool) -> tuple[Region, Spacing | None]:
    """The largest region of tissue in two dimensions, else the whole image; and the spacing there."""
    with _silent(path, "SequenceOfUltrasoundRegions"):
        found = [
            (_place(path, item, shape), item)
            for item in header.get("SequenceOfUltrasoundRegions") or ()
            if not whole_image
            and (item.get("RegionSpatialFormat"), item.get("RegionDataType")) == (TWO_DIMENSIONAL, TISSUE)
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
    # Some scanners count the last column and row one too far; others leave all four numbers zero.
    if not (0 <= left < right - 1 <= shape[1] and 0 <= top < bottom - 1 <= shape[0]):
        place = f"columns {left}-{right - 1}, rows {top}-{bottom - 1}"
        remedy = "`predict --whole-image` does without regions."
        raise DataError(path, "ultrasound region", place, f"an area within {shape[1]} x {shape[0]}", remedy)
    return Region(top, left, min(bottom, shape[0]) - top, min(right, shape[1]) - left)


def _frames(path: Path, header: Any) -> Iterator[NDArray[Any]]:
    from pydicom.pixels import iter_pixels

    kind = str(header.PhotometricInterpretation)
    usual = {"pixel_representation": 0, "planar_configuration": 0, "bits_stored": 8, "bits_allocated": 8}
    usual["samples_per_pixel"] = 1 if kind in ONE_SAMPLE else 3
    lots: Iterable[list[int] | None] = (None,)
    with _silent(path, "pixels"):
        absent = {name: value for name, value in usual.items() if header.get(name.title().replace("_", "")) is None}
        source = _source(path)
        if kind == "YBR_FULL_422" and header.get_item("PixelData", keep_deferred=True).length != UNDEFINED:
            # Of uncompressed ones pydicom 3.0 reads all but the first as if they had every colour: one at a time, then.
            lots = ([number] for number in range(_whole(path, header, "NumberOfFrames", 1)))
    with source:
        for indices in lots:
            source.seek(0)
            with closing(iter_pixels(source, indices=indices, **absent)) as frames:  # YBR comes as RGB
                while True:
                    with _silent(path, "pixels"):
                        frame = next(frames, None)
                        if frame is None:
                            break
                        pixels = _pixels(np.asarray(frame), kind, header)
                    yield pixels


def _pixels(pixels: NDArray[Any], kind: str, header: Any) -> NDArray[Any]:
    from pydicom.pixels import apply_color_lut

    pixels = (pixels & 0xFF).astype(np.uint8)
    if kind == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, _with_bytes_in_palette(header))
        pixels = (pixels if pixels.dtype == np.uint8 else pixels >> 8).astype(np.uint8)
    if pixels.ndim == 3:
        return pixels
    slope, intercept = float(header.get("RescaleSlope") or 1), float(header.get("RescaleIntercept") or 0)
    grey = pixels if (slope, intercept) == (1, 0) else pixels * slope + intercept
    return 255 - grey if kind == "MONOCHROME1" else grey


def _with_bytes_in_palette(header: Any) -> Any:
    """The header with a palette of 8 bits packed as it should be; many writers spend a word of 16 bits on each."""
    for name in ("Red", "Green", "Blue"):
        entries, first, _ = getattr(header, f"{name}PaletteColorLookupTableDescriptor")
        data = header.get(f"{name}PaletteColorLookupTableData") or b""
        words = np.frombuffer(data[: len(data) // 2 * 2], "<u2" if header.original_encoding[1] else ">u2")
        if len(words) == (entries or 1 << 16) and words.max() <= 255:
            setattr(header, f"{name}PaletteColorLookupTableData", words.astype(np.uint8).tobytes())
            setattr(header, f"{name}PaletteColorLookupTableDescriptor", [entries, first, 8])
    return header


def _require_decoder(path: Path, syntax: str) -> Any:
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    uid = UID(syntax)
    if not uid.is_valid or not uid.is_transfer_syntax:
        raise DataError(path, "Transfer Syntax UID", "none of DICOM's", "a standard transfer syntax")
    if not uid.is_compressed or uid.is_deflated:
        return uid
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
    return uid


@contextmanager
def _silent(path: Path, field: str = "file") -> Iterator[None]:
    """No warning leaves the block, and every error of the library becomes one of ours that names no tag's content."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (DataError, ConfigError):
        raise
    except Exception:  # pydicom raises nearly every kind on damaged files
        raise DataError(path, field, "cannot be read", "readable DICOM", "Copy or export it again.") from None
