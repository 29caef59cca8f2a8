"""Read a NIfTI-1 file (`.nii.gz`, `.nii`), one frame or a clip, and believe nothing: sizes first, no byte unread.

The usual libraries fill a truncated file with zeros and stop before gzip's checksum, so the format is read here.
It is small: a header of 348 bytes (https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h), then the pixels.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError
from synthboost.io.inflate import Inflater
from synthboost.io.pixels import Spacing, check_size, check_spacing

HEADER_BYTES = 348
MAX_PIXEL_OFFSET = 1 << 20
"""A guess: room for 1 MiB of header extensions, which are skipped."""
MAX_FILE_BYTES = 1 << 28
"""Twice the largest frame that `check_size` allows, in the widest number type."""
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}
_COLOUR_TYPES = {128: "RGB", 2304: "RGBA"}
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""NIfTI's codes unknown (taken as mm, as everybody does), metre, mm, micron."""
_SECONDS_PER_UNIT = {8: 1.0, 16: 1e-3, 24: 1e-6}
"""NIfTI's codes of second, millisecond, microsecond."""
_REMEDY_COPY = "Copy or download the file again."


def read_nifti(path: Path) -> tuple[NDArray[Any], Spacing]:
    """Read pixels (rows, columns) in the file's own number type, and the spacing of (rows, columns) in mm.

    The file's first axis becomes the columns, which is how CAMUS' frames stand upright. The affine is not
    applied: for a single ultrasound frame it says nothing about the body.

    Raises:
        DataError: truncated, damaged (gzip's checksum), too long, not NIfTI-1, not one 2-D grey image, too large,
            an impossible spacing, or a scaling that does not give whole numbers.
    """
    stream = _open(path)
    header = _parse_header(path, _read(path, stream, HEADER_BYTES))
    expected = header.offset - HEADER_BYTES + header.pixel_bytes
    # One byte more than expected: the checksum is compared only when the end is reached.
    body = _read(path, stream, expected + 1)
    if len(body) != expected:
        have = f"more than {expected}" if len(body) > expected else len(body)
        raise DataError(
            path, "length", f"{have} bytes after the header", f"{expected} bytes, as its header says", _REMEDY_COPY
        )
    pixels = np.frombuffer(body, header.dtype, offset=header.offset - HEADER_BYTES).reshape(header.rows, header.columns)
    return _scaled(path, pixels, header), header.spacing_mm


@dataclass(frozen=True, eq=False)
class NiftiClip:
    """The frames of a file, read one after the other: (columns, rows, frames) or (columns, rows, 1, frames) on disk."""

    path: Path
    shape: tuple[int, int, int]
    """(frames, rows, columns)."""
    spacing_mm: Spacing
    frame_seconds: float | None
    """Between two frames, or `None` when the file does not say."""
    header: bytes
    """The 348 bytes, as they stand in the file: its geometry, for masks on the same grid."""

    def frames(self) -> Iterator[NDArray[Any]]:
        """Yield (rows, columns) in the file's own number type, one at a time; the length is checked at the end.

        Raises:
            DataError: truncated, damaged, too long, or a scaling that does not give whole numbers.
        """
        stream = _open(self.path)
        header = _parse_header(self.path, _read(self.path, stream, HEADER_BYTES), clip=True)
        _read(self.path, stream, header.offset - HEADER_BYTES)
        for number in range(header.frames):
            body = _read(self.path, stream, header.pixel_bytes)
            if len(body) != header.pixel_bytes:
                raise DataError(
                    self.path, "length", f"ends in frame {number + 1}", f"{header.frames} frames", _REMEDY_COPY
                )
            yield _scaled(self.path, np.frombuffer(body, header.dtype).reshape(header.rows, header.columns), header)
        if _read(self.path, stream, 1):
            raise DataError(self.path, "length", "goes on", f"an end after {header.frames} frames", _REMEDY_COPY)


def open_nifti_clip(path: Path) -> NiftiClip:
    """Read the header of a frame or a clip; `NiftiClip.frames` then reads the pixels.

    Raises:
        DataError: as for `read_nifti`, except that there may be several frames.
    """
    data = _read(path, _open(path), HEADER_BYTES)
    header = _parse_header(path, data, clip=True)
    return NiftiClip(path, (header.frames, header.rows, header.columns), header.spacing_mm, header.frame_seconds, data)


@dataclass(frozen=True)
class _Header:
    columns: int
    rows: int
    frames: int
    frame_seconds: float | None
    dtype: np.dtype[Any]
    offset: int
    spacing_mm: Spacing
    slope: float
    intercept: float

    @property
    def pixel_bytes(self) -> int:
        """Of one frame."""
        return self.rows * self.columns * self.dtype.itemsize


def _open(path: Path) -> Inflater | BytesIO:
    try:
        with path.open("rb") as handle:
            data = handle.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DataError(path, "file", error.strerror or error, "a readable file") from error
    if len(data) > MAX_FILE_BYTES:
        raise DataError(path, "length", f"more than {MAX_FILE_BYTES} bytes", "the file of one frame")
    if not path.name.lower().endswith(".gz"):
        return BytesIO(data)
    if not data.startswith(b"\x1f\x8b"):
        raise DataError(path, "format", f"first bytes {data[:16]!r}", "a gzip-compressed NIfTI file", _REMEDY_COPY)
    return Inflater(data)


def _read(path: Path, stream: Inflater | BytesIO, count: int) -> bytes:
    try:
        return stream.read(count)
    except EOFError as error:
        raise DataError(path, "length", "truncated", "a complete gzip file", _REMEDY_COPY) from error
    except zlib.error as error:
        raise DataError(path, "content", f"damaged ({error})", "an intact gzip file", _REMEDY_COPY) from error


def _parse_header(path: Path, data: bytes, clip: bool = False) -> _Header:
    if len(data) < HEADER_BYTES:
        raise DataError(path, "length", f"{len(data)} bytes", f"a header of {HEADER_BYTES} bytes", _REMEDY_COPY)
    order = _byte_order(path, data)
    columns, rows, frames, time_axis = _plane(path, struct.unpack(f"{order}8h", data[40:56]), clip)
    datatype, bits = struct.unpack(f"{order}2h", data[70:74])
    pixdim = struct.unpack(f"{order}8f", data[76:108])
    offset, slope, intercept = struct.unpack(f"{order}3f", data[108:120])
    return _Header(
        columns=columns,
        rows=rows,
        frames=frames,
        frame_seconds=_frame_seconds(pixdim, data[123]) if time_axis else None,
        dtype=_number_type(path, order, datatype, bits),
        offset=_pixel_offset(path, offset),
        spacing_mm=_spacing(path, pixdim, data[123]),
        slope=slope,
        intercept=intercept,
    )


def _byte_order(path: Path, data: bytes) -> str:
    for order in "<>":
        if struct.unpack(f"{order}i", data[:4])[0] == HEADER_BYTES:
            if data[344:348] != b"n+1\0":
                raise DataError(path, "magic", data[344:348], "b'n+1\\x00', a NIfTI-1 file of one part")
            return order
    raise DataError(path, "format", f"first bytes {data[:16]!r}", "a NIfTI-1 file", "Convert other formats first.")


def _plane(path: Path, dim: tuple[int, ...], clip: bool) -> tuple[int, int, int, bool]:
    """(columns, rows, frames, whether the frames lie along NIfTI's fourth axis, time)."""
    axes = dim[0]
    if not 2 <= axes <= 7:
        raise DataError(path, "dim[0]", axes, "2 axes (more only if their size is 1)")
    columns, rows, *others = dim[1 : axes + 1]
    longer = [axis for axis, size in enumerate(others) if size != 1]
    if longer and not (clip and len(longer) == 1 and longer[0] < 2 and others[longer[0]] > 0):
        raise DataError(
            path, "dim", " x ".join(map(str, dim[1 : axes + 1])), "one clip" if clip else "one 2-D image",
            "Save the clip you mean by itself." if clip else
            "Sequences and volumes are not frames: save the frame you mean by itself.",
        )  # fmt: skip
    check_size(path, columns, rows)
    return columns, rows, others[longer[0]] if longer else 1, longer == [1]


def _frame_seconds(pixdim: tuple[float, ...], units: int) -> float | None:
    seconds = float(str(np.float32(pixdim[4]))) * _SECONDS_PER_UNIT.get(units & 0b111000, math.nan)
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _number_type(path: Path, order: str, code: int, bits: int) -> np.dtype[Any]:
    if code in _COLOUR_TYPES:
        raise DataError(path, "datatype", _COLOUR_TYPES[code], "one grey value per pixel", "Convert it to grey.")
    if code not in _TYPES:
        raise DataError(path, "datatype", code, f"one of the codes {', '.join(map(str, _TYPES))}")
    dtype = np.dtype(order + _TYPES[code])
    if bits != 8 * dtype.itemsize:
        raise DataError(path, "bitpix", bits, f"{8 * dtype.itemsize}, as datatype {code} has")
    return dtype


def _pixel_offset(path: Path, offset: float) -> int:
    if not (math.isfinite(offset) and HEADER_BYTES <= offset <= MAX_PIXEL_OFFSET and offset == int(offset)):
        raise DataError(path, "vox_offset", offset, f"a whole number from {HEADER_BYTES} to {MAX_PIXEL_OFFSET}")
    return int(offset)


def _spacing(path: Path, pixdim: tuple[float, ...], units: int) -> Spacing:
    code = units & 0b111
    if code not in _MM_PER_UNIT:
        raise DataError(path, "xyzt_units", units, "metre, millimetre, micron or unknown (0-3)")
    # The shortest decimal that the header's 32-bit number stands for: 0.308, not 0.30799999833.
    columns_mm, rows_mm = (float(str(np.float32(v))) * _MM_PER_UNIT[code] for v in pixdim[1:3])
    return check_spacing(path, "pixdim", (rows_mm, columns_mm))


def _scaled(path: Path, pixels: NDArray[Any], header: _Header) -> NDArray[Any]:
    slope, intercept = header.slope, header.intercept
    if slope == 0 or (slope, intercept) == (1, 0) or not (math.isfinite(slope) and math.isfinite(intercept)):
        return pixels  # NIfTI: a slope of 0 means "not scaled"; NaN is how some writers say the same
    scaled: NDArray[Any] = pixels * np.float64(slope) + np.float64(intercept)
    if np.any(scaled != np.rint(scaled)):
        raise DataError(
            path, "scl_slope", f"{slope:g} (scl_inter {intercept:g})", "a scaling that gives whole numbers",
            "Save the file with its true values and no scaling.",
        )  # fmt: skip
    return scaled
