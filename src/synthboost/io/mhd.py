"""Read a MetaImage (`.mhd` beside its `.raw`), one frame or a clip, the format of CAMUS' first release.

The header is text written by anybody: it may name any file on the machine as its pixels, so it is parsed here and
only the neighbour of the same name is opened. Format: https://docs.itk.org/en/latest/learn/metaio.html
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError, readable
from synthboost.io.nifti import new_header
from synthboost.io.recording import Recording, Region, Spacing, check_size, check_spacing

SUFFIXES = (".mhd",)
MAX_HEADER_BYTES = 1 << 16
"""A guess: CAMUS' headers have 400 bytes."""
_TYPES = {
    "MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2",
    "MET_UINT": "u4", "MET_INT": "i4", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
    "MET_ULONG_LONG": "u8", "MET_LONG_LONG": "i8",
}  # fmt: skip
_SYNONYMS = {
    "Position": "Offset", "Origin": "Offset", "Rotation": "TransformMatrix", "Orientation": "TransformMatrix",
    "ElementByteOrderMSB": "BinaryDataByteOrderMSB",
}  # fmt: skip
_MUST_BE = {
    "BinaryData": "True", "CompressedData": "False", "ElementNumberOfChannels": "1", "HeaderSize": "0",
    "DistanceUnits": "mm",
}  # fmt: skip
"""Values of the optional keys that this reader understands; also their defaults."""


def open_mhd(path: Path) -> Recording:
    """Read the header of a frame or a clip, whose third axis is time.

    Raises:
        DataError: the header does not parse, is not an uncompressed grey image of two axes or three, is too large, has
            an impossible spacing, or points anywhere but to the `.raw` of its own name. When the pixels are read: that
            file is absent or has another length than the header says.
    """
    fields = _parse_header(path)
    for key, value in _MUST_BE.items():
        if fields.get(key, value).casefold() != value.casefold():
            raise DataError(path, key, fields[key], value, "Save it uncompressed, as one grey image, in mm.")
    frames, *sides = _shape(path, fields)
    shape = (sides[0], sides[1])
    dtype, spacing_mm, raw = _number_type(path, fields), _spacing(path, fields), path.with_suffix(".raw")
    if (name := _required(path, fields, "ElementDataFile")) != raw.name:
        raise DataError(
            path, "ElementDataFile", repr(name), raw.name,
            "A header that points elsewhere is not read: it could mean another frame, or any file of this machine.",
        )  # fmt: skip
    header = new_header(shape, spacing_mm, frames, _affine(fields, spacing_mm))
    return Recording(
        path, "mhd", frames, Region.whole(shape), shape, spacing_mm, None, lambda: _frames(raw, frames, shape, dtype),
        header,
    )  # fmt: skip


def _frames(raw: Path, frames: int, shape: tuple[int, int], dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    size = shape[0] * shape[1] * dtype.itemsize
    header = f"{raw.stem}.mhd"
    with readable(raw, f"the pixels of {header}"), raw.open("rb") as handle:
        if (have := handle.seek(0, 2)) != frames * size:
            expected = f"{frames * size} bytes, as {header} says"
            raise DataError(raw, "length", f"{have} bytes", expected, "Copy it again.")
        handle.seek(0)
        for _ in range(frames):
            yield np.frombuffer(handle.read(size), dtype).reshape(shape)


def _parse_header(path: Path) -> dict[str, str]:
    with readable(path), path.open("rb") as handle:
        data = handle.read(MAX_HEADER_BYTES + 1)
    if len(data) > MAX_HEADER_BYTES or b"\0" in data:
        raise DataError(path, "format", f"first bytes {data[:16]!r}", "the short text header of a .mhd file")
    fields: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), start=1):
        key, separator, value = (part.strip() for part in line.partition("="))
        if not line.strip():
            continue
        if not separator or not key:
            raise DataError(f"{path}:{number}", "line", repr(line[:60]), "'Key = value'")
        key = _SYNONYMS.get(key, key)
        if fields.setdefault(key, value) != value:
            raise DataError(f"{path}:{number}", key, f"{fields[key]!r} and {value!r}", "one value")
    return fields


def _required(path: Path, fields: dict[str, str], key: str) -> str:
    if key not in fields:
        raise DataError(path, key, "absent", "a .mhd header that states it")
    return fields[key]


def _numbers(path: Path, fields: dict[str, str], key: str) -> list[float]:
    text, count = _required(path, fields, key), int(fields["NDims"])
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise DataError(path, key, repr(text), f"{count} numbers, as NDims says")
    return numbers


def _shape(path: Path, fields: dict[str, str]) -> tuple[int, int, int]:
    """(frames, rows, columns)."""
    if (axes := _required(path, fields, "NDims")) not in ("2", "3"):
        raise DataError(path, "NDims", repr(axes), "2, or 3 with one slice or a clip's frames")
    sizes = _numbers(path, fields, "DimSize")
    if not all(1 <= size < 1e9 and size == int(size) for size in sizes):
        raise DataError(path, "DimSize", fields["DimSize"], "the size of an image in pixels")
    columns, rows, frames = (int(size) for size in (*sizes, 1)[:3])
    check_size(path, columns, rows)
    return frames, rows, columns


def _number_type(path: Path, fields: dict[str, str]) -> np.dtype[Any]:
    name = _required(path, fields, "ElementType")
    if name not in _TYPES:
        raise DataError(path, "ElementType", name, f"one of {', '.join(_TYPES)}")
    big_endian = fields.get("BinaryDataByteOrderMSB", "False")
    if big_endian.casefold() not in ("true", "false"):
        raise DataError(path, "BinaryDataByteOrderMSB", repr(big_endian), "True or False")
    return np.dtype((">" if big_endian.casefold() == "true" else "<") + _TYPES[name])


def _spacing(path: Path, fields: dict[str, str]) -> Spacing:
    key = "ElementSpacing" if "ElementSpacing" in fields else "ElementSize"
    columns_mm, rows_mm = _numbers(path, fields, key)[:2]
    return check_spacing(path, key, (rows_mm, columns_mm))


def _affine(fields: dict[str, str], spacing_mm: Spacing) -> NDArray[np.float64]:
    """(4, 4) as NIfTI has it, from indices to mm; what is no rotation is left out, for no pixel depends on it."""
    axes = int(fields["NDims"])
    turn, place, between = np.eye(3), np.zeros(3), 1.0
    try:
        given = np.array(fields["TransformMatrix"].split(), dtype=np.float64).reshape(axes, axes).T  # a row per axis
        if np.abs(given).max() <= 2 and np.allclose(given @ given.T, np.eye(axes), atol=1e-3):
            turn[:axes, :axes] = given
        place[:axes] = np.array(fields["Offset"].split(), dtype=np.float64)
        between = float(fields["ElementSpacing"].split()[2]) if axes == 3 else 1.0
    except (KeyError, ValueError, IndexError):
        pass
    if not (np.isfinite(place).all() and np.isfinite(between) and between > 0):
        place, between = np.zeros(3), 1.0
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * (spacing_mm[1], spacing_mm[0], between), place
    affine[:2] *= -1  # MetaImage counts to the left and the back, NIfTI to the right and the front
    return affine
