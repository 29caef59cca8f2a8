"""NIfTI-1 files (`.nii.gz`, `.nii`), one frame or a clip: read believing nothing, written the same byte for byte.

nibabel knows the header, Python's gzip the compression. The pixels are read here, because nibabel fills a truncated
file with zeros and stops before gzip's checksum.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError, readable
from synthboost.io.atomic import write_bytes
from synthboost.io.recording import Recording, Region, Spacing, check_size, check_spacing, steady

if TYPE_CHECKING:  # slow to import, and pictures do without it
    from nibabel.nifti1 import Nifti1Header

SUFFIXES = (".nii", ".nii.gz")
HEADER_BYTES, OFFSET = 348, 352
"""The header's length, and where pixels begin when nothing stands between."""
MAX_PIXEL_OFFSET = 1 << 20
"""A guess: room for 1 MiB of header extensions, which are skipped."""
MAX_FILE_BYTES = 1 << 28
"""Twice the largest frame that `check_size` allows, in the widest number type."""
MAX_MEMBERS = 1 << 16
"""Of a gzip file; a guess: programs that compress in blocks make one per 64 KiB."""
_CHUNK = 1 << 16
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
_COLOUR_TYPES = {128: "RGB", 2304: "RGBA"}
_UNKNOWN_UNIT, _MM, _SECONDS = 0, 2, 8
_MM_PER_UNIT = {_UNKNOWN_UNIT: 1.0, 1: 1000.0, _MM: 1.0, 3: 0.001}
"""NIfTI's codes unknown (taken as mm, as everybody does), metre, mm, micron."""
_SECONDS_PER_UNIT = {_SECONDS: 1.0, 16: 1e-3, 24: 1e-6}
"""NIfTI's codes of second, millisecond, microsecond."""
_WORDS = ("data_type", "db_name", "descrip", "aux_file", "intent_name")
_REMEDY_COPY = "Copy or download the file again."


def open_nifti(path: Path) -> Recording:
    """Read the header of a frame or a clip: (columns, rows), (columns, rows, frames) or (columns, rows, 1, frames).

    The file's first axis becomes the columns, which is how CAMUS' frames stand upright. The affine is not applied: for
    an ultrasound frame it says nothing about the body. `Recording.source` yields the file's own number type.

    Raises:
        DataError: not NIfTI-1, neither a grey frame nor a clip, too large, or an impossible spacing. When the pixels
            are read: truncated, damaged (gzip's checksum), too long, or a scaling that does not give whole numbers.
    """
    with _opened(path) as read:
        header = _parse(path, read(HEADER_BYTES))
    columns, rows, frames, along_time = _plane(path, header["dim"].tolist())
    dtype, shape, offset = _number_type(path, header), (rows, columns), float(header["vox_offset"])
    if not (HEADER_BYTES <= offset <= MAX_PIXEL_OFFSET and offset.is_integer()):
        raise DataError(path, "vox_offset", offset, f"a whole number from {HEADER_BYTES} to {MAX_PIXEL_OFFSET}")

    def source() -> Iterator[NDArray[Any]]:
        for values in _values(path, frames, rows * columns, dtype, int(offset)):
            yield _scaled(path, values.reshape(shape), float(header["scl_slope"]), float(header["scl_inter"]))

    per_unit = _SECONDS_PER_UNIT.get(int(header["xyzt_units"]) & 0b111000, math.nan)
    seconds = steady(frames, _shortest(header["pixdim"][4]) * per_unit) if along_time else None
    return Recording(path, "nifti", frames, Region.whole(shape), shape, _spacing(path, header), seconds, source, header)


def new_header(
    shape: tuple[int, int], spacing_mm: Spacing | None, frames: int = 1, affine: NDArray[np.float64] | None = None
) -> Nifti1Header:
    """Return the header of uint8 frames, columns first.

    Args:
        shape, spacing_mm: of (rows, columns); an unknown spacing is 1 of an unknown unit.
        frames: along the third axis.
        affine: (4, 4), from indices to mm (right, anterior, superior); by default without rotation, as other programs
            write it: columns run to the left, rows to the back.
    """
    from nibabel.nifti1 import Nifti1Header

    (rows, columns), (rows_mm, columns_mm) = shape, spacing_mm or (1.0, 1.0)
    header = Nifti1Header(endianness="<")
    header.set_data_dtype(np.uint8)
    header.set_data_shape((columns, rows, frames) if frames > 1 else (columns, rows))
    placed = np.diag([-columns_mm, -rows_mm, 1.0, 1.0]) if affine is None else affine
    header.set_qform(placed, code=1)
    header.set_sform(placed, code=1)
    header["pixdim"][1:4] = columns_mm, rows_mm, header["pixdim"][3]
    header["xyzt_units"] = _UNKNOWN_UNIT if spacing_mm is None else _MM | _SECONDS
    return _unscaled(header)


def labels_header(recording: Recording) -> Nifti1Header:
    """Return the header of labels on a recording's grid: its axes, spacing and place, but none of its words."""
    if recording.header is None:
        return new_header(recording.whole_shape, recording.spacing_mm, recording.length)
    header = recording.header.copy()
    for words in _WORDS:
        header[words] = b""
    header["extents"] = header["session_error"] = header["cal_max"] = header["cal_min"] = 0
    header.set_data_dtype(np.uint8)
    return _unscaled(header)


def nifti_bytes(frames: Iterable[NDArray[np.uint8]], header: Nifti1Header) -> bytes:
    """Return frames (H, W) as a compressed file; neither time nor name is in it."""
    stream = BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=stream, compresslevel=6, mtime=0) as handle:
        handle.write(header.binaryblock + bytes(OFFSET - HEADER_BYTES))
        for frame in frames:
            handle.write(np.ascontiguousarray(frame, dtype=np.uint8).tobytes())
    return stream.getvalue()


def write_nifti(path: Path, frames: Iterable[NDArray[np.uint8]], header: Nifti1Header) -> None:
    """Write frames (H, W) as a `.nii.gz`, whole or not at all (else `OutputError`)."""
    write_bytes(path, nifti_bytes(frames, header))


def _unscaled(header: Nifti1Header) -> Nifti1Header:
    header["vox_offset"], header["scl_slope"], header["scl_inter"] = OFFSET, 1, 0
    return header


@contextmanager
def _opened(path: Path) -> Iterator[Callable[[int], bytes]]:
    """Yield how to read the next bytes of the uncompressed content, fewer at its end."""
    with readable(path), path.open("rb") as handle:
        if handle.seek(0, 2) > MAX_FILE_BYTES:
            raise DataError(path, "length", f"more than {MAX_FILE_BYTES} bytes", "the file of one frame or clip")
        handle.seek(0)
        if not path.name.lower().endswith(".gz"):
            yield handle.read
            return
        if (first := handle.read(16))[:2] != b"\x1f\x8b":
            raise DataError(path, "format", f"first bytes {first!r}", "a gzip-compressed NIfTI file", _REMEDY_COPY)
        handle.seek(0)
        try:
            yield _Gzip(path, handle).read
        except zlib.error as error:
            raise DataError(path, "content", f"damaged ({error})", "an intact gzip file", _REMEDY_COPY) from error


class _Gzip:
    """Inflates all members of a file; the library's own reader takes a millisecond for each, also for empty ones."""

    def __init__(self, path: Path, handle: BinaryIO) -> None:
        self._path, self._handle = path, handle
        self._member, self._waiting, self._members = zlib.decompressobj(wbits=31), b"", 1

    def read(self, count: int) -> bytes:
        """The next `count` bytes, or all that are left; a member's checksum is compared when its end is reached."""
        found = bytearray()
        while len(found) < count:
            if self._member.eof:
                rest = self._member.unused_data.lstrip(b"\0")  # zeros may lie between members
                while not rest and (chunk := self._handle.read(_CHUNK)):
                    rest = chunk.lstrip(b"\0")
                if not rest:
                    break
                self._member, self._waiting, self._members = zlib.decompressobj(wbits=31), rest, self._members + 1
                if self._members > MAX_MEMBERS:
                    raise DataError(self._path, "members", f"more than {MAX_MEMBERS}", "a gzip file of one image")
            self._waiting = self._waiting or self._handle.read(_CHUNK)
            at_end = not self._waiting
            part = self._member.decompress(self._waiting, count - len(found))
            self._waiting = self._member.unconsumed_tail
            if at_end and not part and not self._member.eof:
                raise DataError(self._path, "length", "truncated", "a complete gzip file", _REMEDY_COPY)
            found += part
        return bytes(found)


def _values(path: Path, frames: int, count: int, dtype: np.dtype[Any], offset: int) -> Iterator[NDArray[Any]]:
    """Yield the numbers of each frame, (count,); too few or too many bytes are an error."""
    expected = offset - HEADER_BYTES + frames * count * dtype.itemsize
    with _opened(path) as read:
        have = len(read(offset)) - HEADER_BYTES
        for _ in range(frames):
            body = read(count * dtype.itemsize)
            have += len(body)
            if len(body) != count * dtype.itemsize:
                raise _wrong_length(path, f"{have} bytes", expected)
            yield np.frombuffer(body, dtype)
        if read(1):  # the checksum is compared only when the end is reached
            raise _wrong_length(path, f"goes on after more than {expected} bytes", expected)


def _wrong_length(path: Path, found: str, expected: int) -> DataError:
    return DataError(path, "length", f"{found} after the header", f"{expected} bytes, as its header says", _REMEDY_COPY)


def _parse(path: Path, data: bytes) -> Nifti1Header:
    from nibabel.nifti1 import Nifti1Header

    if len(data) < HEADER_BYTES:
        raise DataError(path, "length", f"{len(data)} bytes", f"a header of {HEADER_BYTES} bytes", _REMEDY_COPY)
    for order in "<>":
        header = Nifti1Header(data, endianness=order, check=False)
        if header["sizeof_hdr"] == HEADER_BYTES:
            if (magic := header["magic"].item()) != b"n+1":
                raise DataError(path, "magic", magic, "b'n+1', a NIfTI-1 file of one part")
            return header
    raise DataError(path, "format", f"first bytes {data[:16]!r}", "a NIfTI-1 file", "Convert other formats first.")


def _plane(path: Path, dim: list[int]) -> tuple[int, int, int, bool]:
    """(columns, rows, frames, whether the frames lie along NIfTI's fourth axis, time)."""
    axes = dim[0]
    if not 2 <= axes <= 7:
        raise DataError(path, "dim[0]", axes, "2 axes (more only if their size is 1)")
    columns, rows, *others = dim[1 : axes + 1]
    longer = [axis for axis, size in enumerate(others) if size != 1]
    # Of a line of pixels there is no clip: it is one image, saved across another axis.
    if longer and not (len(longer) == 1 and longer[0] < 2 and others[longer[0]] > 0 and 1 not in (columns, rows)):
        raise DataError(
            path, "dim", " x ".join(map(str, dim[1 : axes + 1])), "one 2-D image or clip",
            "Save the frame or the clip that you mean by itself.",
        )  # fmt: skip
    check_size(path, columns, rows)
    return columns, rows, others[longer[0]] if longer else 1, longer == [1]


def _number_type(path: Path, header: Nifti1Header) -> np.dtype[Any]:
    code, bits = int(header["datatype"]), int(header["bitpix"])
    if code in _COLOUR_TYPES:
        raise DataError(path, "datatype", _COLOUR_TYPES[code], "one grey value per pixel", "Convert it to grey.")
    if code not in _TYPES:
        raise DataError(path, "datatype", code, f"one of the codes {', '.join(map(str, _TYPES))}")
    dtype: np.dtype[Any] = np.dtype(f"{header.endianness}{_TYPES[code]}")
    if bits != 8 * dtype.itemsize:
        raise DataError(path, "bitpix", bits, f"{8 * dtype.itemsize}, as datatype {code} has")
    return dtype


def _spacing(path: Path, header: Nifti1Header) -> Spacing:
    units = int(header["xyzt_units"])
    if (code := units & 0b111) not in _MM_PER_UNIT:
        raise DataError(path, "xyzt_units", units, "metre, millimetre, micron or unknown (0-3)")
    columns_mm, rows_mm = (_shortest(value) * _MM_PER_UNIT[code] for value in header["pixdim"][1:3])
    return check_spacing(path, "pixdim", (rows_mm, columns_mm))


def _shortest(value: Any) -> float:
    """The shortest decimal that a 32-bit number stands for: 0.308, not 0.30799999833."""
    return float(str(np.float32(value)))


def _scaled(path: Path, pixels: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    if slope == 0 or (slope, intercept) == (1, 0) or not math.isfinite(slope):
        return pixels  # NIfTI: a slope of 0 means "not scaled"; NaN is how some writers say the same
    if not math.isfinite(intercept):
        raise DataError(path, "scl_inter", intercept, f"a number, as scl_slope is {slope:g}", _REMEDY_COPY)
    scaled: NDArray[Any] = pixels * np.float64(slope) + np.float64(intercept)
    if np.any(scaled != np.rint(scaled)):
        raise DataError(
            path, "scl_slope", f"{slope:g} (scl_inter {intercept:g})", "a scaling that gives whole numbers",
            "Save the file with its true values and no scaling.",
        )  # fmt: skip
    return scaled
