"""Labels on disk in the geometry of their recording: NIfTI where a spacing is known or there are several frames."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthboost.io.atomic import whole_file
from synthboost.io.recordings.recording import Recording

HEADER_BYTES, OFFSET = 348, 352
"""Of NIfTI-1: the header's length, and where pixels begin when nothing stands between."""
_UINT8 = 2
_MM, _UNKNOWN_UNIT = 2, 0
_TEXTS = (slice(4, 40), slice(148, 252), slice(328, 344))
"""Where a NIfTI header can hold words: database names, description, auxiliary file, name of the intent."""


def write_labels(folder: Path, name: str, labels: Iterable[NDArray[np.uint8]], recording: Recording) -> str:
    """Write the labels (H, W) of every whole frame, one after the other; return the file's name.

    A single frame without a spacing becomes a PNG, whose grey values are the labels; everything else NIfTI. Labels of
    a NIfTI keep its axes, spacing and place, but none of its words; those of other recordings have the axes columns,
    rows and, if there are several, frames. Where no spacing is known, it is 1 of an unknown unit.
    """
    if recording.spacing_mm is None and recording.length == 1:
        (only,) = labels
        return write_png(folder, name, only)
    file = f"{name}.nii.gz"
    with (
        whole_file(folder / file) as temporary,
        temporary.open("wb") as raw,
        # Neither name nor time in gzip's own header.
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as handle,
    ):
        handle.write(_header(recording))
        handle.write(bytes(OFFSET - HEADER_BYTES))
        for frame in labels:
            handle.write(np.ascontiguousarray(frame, dtype=np.uint8).tobytes())
    return file


def write_png(folder: Path, name: str, labels: NDArray[np.uint8]) -> str:
    """Write labels (H, W) as grey values; if there is no other label than 1, as one bit."""
    file = f"{name}.png"
    with whole_file(folder / file) as temporary:
        Image.fromarray(labels if labels.max() > 1 else labels.astype(bool)).save(temporary, format="PNG")
    return file


def new_header(shape: tuple[int, int], spacing_mm: tuple[float, float] | None, frames: int = 1) -> bytearray:
    """Return the 348 bytes of a NIfTI-1 of labels, columns first; without a matrix, so it says nothing of a place.

    Args:
        shape: (rows, columns).
        spacing_mm: (rows, columns); where it is unknown, it is 1 of an unknown unit.
        frames: along the third axis.
    """
    (rows, columns), (rows_mm, columns_mm) = shape, spacing_mm or (1.0, 1.0)
    header = bytearray(HEADER_BYTES)
    header[0:4] = struct.pack("<i", HEADER_BYTES)
    header[40:56] = struct.pack("<8h", 3 if frames > 1 else 2, columns, rows, frames, 1, 1, 1, 1)
    header[70:74] = struct.pack("<2h", _UINT8, 8)
    header[76:108] = struct.pack("<8f", 1, columns_mm, rows_mm, 1, 1, 1, 1, 1)
    header[108:116] = struct.pack("<2f", OFFSET, 1)
    header[123] = _UNKNOWN_UNIT if spacing_mm is None else _MM
    header[344:348] = b"n+1\0"
    return header


def _header(recording: Recording) -> bytes:
    own = recording.nifti_header
    header = bytearray(own) if own is not None else _placed_header(recording)
    order = "<" if struct.unpack("<i", header[:4])[0] == HEADER_BYTES else ">"
    for words in _TEXTS:
        header[words] = bytes(words.stop - words.start)
    header[70:74] = struct.pack(f"{order}2h", _UINT8, 8)
    header[108:120] = struct.pack(f"{order}3f", OFFSET, 1, 0)
    header[124:132] = struct.pack(f"{order}2f", 0, 0)  # the window for showing grey values
    header[344:348] = b"n+1\0"
    return bytes(header)


def _placed_header(recording: Recording) -> bytearray:
    rows_mm, columns_mm = recording.spacing_mm or (1.0, 1.0)
    header = new_header(recording.whole_shape, recording.spacing_mm, recording.length)
    header[252:256] = struct.pack("<2h", 0, 1)  # the matrix below holds: no rotation in the usual axes of images,
    for row, values in enumerate(((-columns_mm, 0, 0, 0), (0, -rows_mm, 0, 0), (0, 0, 1, 0))):  # which NIfTI negates
        header[280 + 16 * row : 296 + 16 * row] = struct.pack("<4f", *values)
    return header
