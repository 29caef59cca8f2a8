"""Read one 2-D MetaImage (`.mhd` beside its `.raw`), the format of CAMUS' first release.

The header is text written by anybody: it may name any file on the machine as its pixels, so it is parsed here and
only the neighbour of the same name is opened. Format: https://docs.itk.org/en/latest/learn/metaio.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.data.pixels import Spacing, check_size, check_spacing
from synthboost.errors import DataError

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
    fields = _parse_header(path)
    for key, value in _MUST_BE.items():
        if fields.get(key, value).casefold() != value.casefold():
            raise DataError(path, key, fields[key], value, "Save it uncompressed, as one grey image.")
    columns, rows = _plane(path, fields)
    dtype = _number_type(path, fields)
    return _read_raw(path, fields, dtype, columns, rows), _spacing(path, fields)


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
        raise DataError(path, "NDims", repr(text), "2, or 3 with one slice")
    return int(text)


def _plane(path: Path, fields: dict[str, str]) -> tuple[int, int]:
    sizes = _numbers(path, fields, "DimSize", _axes(path, fields))
    if any(size != int(size) for size in sizes if abs(size) < 1e9) or any(size != 1 for size in sizes[2:]):
        raise DataError(path, "DimSize", fields["DimSize"], "one 2-D image", "Save the frame you mean by itself.")
    if not all(abs(size) < 1e9 for size in sizes):
        raise DataError(path, "DimSize", fields["DimSize"], "the size of an image in pixels")
    columns, rows = int(sizes[0]), int(sizes[1])
    check_size(path, columns, rows)
    return columns, rows


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


def _read_raw(path: Path, fields: dict[str, str], dtype: np.dtype[Any], columns: int, rows: int) -> NDArray[Any]:
    name, own = _required(path, fields, "ElementDataFile"), f"{path.stem}.raw"
    if name != own:
        raise DataError(
            path, "ElementDataFile", repr(name), own,
            "A header that points elsewhere is not read: it could mean another frame, or any file of this machine.",
        )  # fmt: skip
    raw, expected = path.with_name(name), columns * rows * dtype.itemsize
    try:
        with raw.open("rb") as handle:
            data = handle.read(expected + 1)
    except OSError as error:
        raise DataError(raw, "file", error.strerror or error, f"the pixels of {path.name}") from error
    if len(data) != expected:
        have = f"more than {expected}" if len(data) > expected else len(data)
        raise DataError(raw, "length", f"{have} bytes", f"{expected} bytes, as {path.name} says", "Copy it again.")
    return np.frombuffer(data, dtype).reshape(rows, columns)
