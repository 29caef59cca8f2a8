"""Read a MetaImage (`.mhd` beside its `.raw`), one frame or a clip, the format of CAMUS' first release.

The header is text written by anybody: it may name any file on the machine as its pixels, so it is parsed here and
only the neighbour of the same name is opened. Format: https://docs.itk.org/en/latest/learn/metaio.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError
from synthboost.io.pixels import Spacing, check_size, check_spacing

MAX_HEADER_BYTES = 1 << 16
"""A guess: CAMUS' headers have 400 bytes."""
_TYPES = {
    "MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2",
    "MET_UINT": "u4", "MET_INT": "i4", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
_MUST_BE = {"BinaryData": "True", "CompressedData": "False", "ElementNumberOfChannels": "1", "HeaderSize": "0"}
"""Values of the optional keys that this reader understands; also their defaults."""


def read_mhd(path: Path) -> tuple[NDArray[Any], Spacing]:
    """Read pixels (rows, columns) in the file's own number type, and the spacing of (rows, columns) in mm.

    A third axis is allowed if it has one slice.

    Raises:
        DataError: the header does not parse, is not one uncompressed 2-D grey image, is too large, has an impossible
            spacing, points anywhere but to the `.raw` of its own name, or that file has another length than it says.
    """
    clip = open_mhd_clip(path)
    if clip.shape[0] != 1:
        raise DataError(
            path, "DimSize", f"{clip.shape[0]} slices", "one 2-D image", "Save the frame you mean by itself."
        )
    return next(clip.frames()), clip.spacing_mm


@dataclass(frozen=True, eq=False)
class MhdClip:
    """The frames of a file, read one after the other."""

    raw: Path
    shape: tuple[int, int, int]
    """(frames, rows, columns)."""
    spacing_mm: Spacing
    dtype: np.dtype[Any]

    def frames(self) -> Iterator[NDArray[Any]]:
        """Yield (rows, columns) in the file's own number type, one at a time.

        Raises:
            DataError: the file is absent, or shorter or longer than its header says; before the first frame.
        """
        frames, rows, columns = self.shape
        size = rows * columns * self.dtype.itemsize
        try:
            with self.raw.open("rb") as handle:
                have = handle.seek(0, 2)
                if have != frames * size:
                    raise DataError(
                        self.raw, "length", f"{have} bytes", f"{frames * size} bytes, as {self.raw.stem}.mhd says",
                        "Copy it again.",
                    )  # fmt: skip
                handle.seek(0)
                for _ in range(frames):
                    yield np.frombuffer(handle.read(size), self.dtype).reshape(rows, columns)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(self.raw, "file", reason, f"the pixels of {self.raw.stem}.mhd") from error


def open_mhd_clip(path: Path) -> MhdClip:
    """Read the header of a frame or a clip (whose third axis is time); `MhdClip.frames` then reads the pixels.

    Raises:
        DataError: as for `read_mhd`, except that there may be several frames.
    """
    fields = _parse_header(path)
    for key, value in _MUST_BE.items():
        if fields.get(key, value).casefold() != value.casefold():
            raise DataError(path, key, fields[key], value, "Save it uncompressed, as one grey image.")
    shape = _shape(path, fields)
    dtype = _number_type(path, fields)
    return MhdClip(_raw_path(path, fields), shape, _spacing(path, fields), dtype)


def _parse_header(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as handle:
            data = handle.read(MAX_HEADER_BYTES + 1)
    except OSError as error:
        raise DataError(path, "file", error.strerror or error, "a readable file") from error
    if len(data) > MAX_HEADER_BYTES or b"\0" in data:
        raise DataError(path, "format", f"first bytes {data[:16]!r}", "the short text header of a .mhd file")
    fields: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), start=1):
        key, separator, value = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not separator or not key:
            raise DataError(f"{path}:{number}", "line", repr(line[:60]), "'Key = value'")
        if fields.setdefault(key, value) != value:
            raise DataError(f"{path}:{number}", key, f"{fields[key]!r} and {value!r}", "one value")
    return fields


def _required(path: Path, fields: dict[str, str], key: str) -> str:
    if key not in fields:
        raise DataError(path, key, "absent", "a .mhd header that states it")
    return fields[key]


def _numbers(path: Path, fields: dict[str, str], key: str, count: int) -> list[float]:
    text = _required(path, fields, key)
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise DataError(path, key, repr(text), f"{count} numbers, as NDims says")
    return numbers


def _axes(path: Path, fields: dict[str, str]) -> int:
    text = _required(path, fields, "NDims")
    if text not in ("2", "3"):
        raise DataError(path, "NDims", repr(text), "2, or 3 with one slice or a clip's frames")
    return int(text)


def _shape(path: Path, fields: dict[str, str]) -> tuple[int, int, int]:
    """(frames, rows, columns)."""
    sizes = _numbers(path, fields, "DimSize", _axes(path, fields))
    if not all(1 <= size < 1e9 and size == int(size) for size in sizes):
        raise DataError(path, "DimSize", fields["DimSize"], "the size of an image in pixels")
    columns, rows, frames = (int(size) for size in (*sizes, 1)[:3])
    check_size(path, columns, rows)
    return frames, rows, columns


def _number_type(path: Path, fields: dict[str, str]) -> np.dtype[Any]:
    name = _required(path, fields, "ElementType")
    if name not in _TYPES:
        raise DataError(path, "ElementType", name, f"one of {', '.join(_TYPES)}")
    big_endian = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False"))
    return np.dtype((">" if big_endian.casefold() == "true" else "<") + _TYPES[name])


def _spacing(path: Path, fields: dict[str, str]) -> Spacing:
    key = "ElementSpacing" if "ElementSpacing" in fields else "ElementSize"
    columns_mm, rows_mm = _numbers(path, fields, key, _axes(path, fields))[:2]
    return check_spacing(path, key, (rows_mm, columns_mm))


def _raw_path(path: Path, fields: dict[str, str]) -> Path:
    name, own = _required(path, fields, "ElementDataFile"), f"{path.stem}.raw"
    if name != own:
        raise DataError(
            path, "ElementDataFile", repr(name), own,
            "A header that points elsewhere is not read: it could mean another frame, or any file of this machine.",
        )  # fmt: skip
    return path.with_name(name)
