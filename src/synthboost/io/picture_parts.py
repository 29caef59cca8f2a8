"""How many pictures a file holds and when each is shown, by its structure alone, before anything is decoded.

Pillow decodes to count frames, and a few bytes can cost it minutes: what no honest file has is refused here. So is a
PNG or JPEG with fewer rows than its header says, of which Pillow says nothing.
Layouts: Adobe TIFF 6.0, section 2 (BigTIFF has wider numbers); GIF89a; PNG, section 5; JPEG, ITU-T T.81, annex B.
"""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from synthboost.errors import DataError
from synthboost.io.recording import MAX_FRAMES

MAX_STILL_BYTES = 1 << 28
"""Of a PNG or JPEG; a guess: three times 20 megapixels of noise in four channels."""
MAX_SCANS = 100
"""Of a JPEG, which is refined by each; a guess: those that are sent piece by piece have about ten."""
MAX_CHUNKS = 20_000
"""Of a PNG; a guess: 20 megapixels of noise take 8,000."""
MAX_NUMBERS = 2_000_000
"""In all directories of a TIFF together; a guess: a clip of 10,000 frames takes half of it."""
NEW_SUBFILE_TYPE, REDUCED, MASK = 254, 1, 4
"""A tag of TIFF, and two of its bits."""
ENTRIES = {False: ("H", "HHII", "I"), True: ("Q", "HHQQ", "Q")}
"""Of a TIFF's directory: how many entries, an entry, where the next directory is; not in BigTIFF, and there."""

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and steps between columns and rows, of the passes of an interlaced PNG."""
CHANNELS_OF = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a PNG's kinds of colour."""
NEXT_MARKER = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")
"""Behind what a scan of a JPEG holds."""
END_OF_IMAGE = 0xD9
MORE = b"".join(bytes(range(255)) + bytes([255, restart]) for restart in range(0xD0, 0xD8)) + bytes(range(255))
"""What no decoder that lacks rows takes for nothing, behind whichever restart it waits for."""
CORNER_PX = 8
"""Of the last row; a guess."""

Parts = tuple[list[int], tuple[float, ...] | None]
"""The numbers of the pictures that count as frames, and when each is shown, if the file says so."""


def parts_of(path: Path, file: BinaryIO) -> Parts:
    """Survey a picture file, and leave it at its beginning.

    Raises:
        DataError: it has more scans, chunks, directories or frames than the limits, or is an animated PNG.
        struct.error: it is cut off.
    """
    length, _ = file.seek(0, os.SEEK_END), file.seek(0)
    head = file.read(16)
    parts: Parts = [0], None
    if length > MAX_STILL_BYTES and head[:2] in (b"\x89P", b"\xff\xd8"):
        raise DataError(path, "length", f"{length} bytes", f"at most {MAX_STILL_BYTES}")
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        parts = list(_tiff_pages(path, file, head)), None
    elif head[:4] == b"GIF8":
        parts = _gif_frames(file)
    elif head[:4] == b"\x89PNG":
        _check_chunks(path, file)
    elif head[:2] == b"\xff\xd8":
        file.seek(0)
        if (scans := file.read().count(b"\xff\xda")) > MAX_SCANS:
            raise DataError(path, "scans", scans, f"at most {MAX_SCANS}")
    file.seek(0)
    return parts


def _tiff_pages(path: Path, file: BinaryIO, head: bytes) -> Iterator[int]:
    """The directories that are no thumbnails or masks."""
    order, big = "<" if head[:2] == b"II" else ">", b"+" in head[2:4]
    how_many, entry, link = (struct.Struct(order + form) for form in ENTRIES[big])
    (at,) = link.unpack_from(head, 8 if big else 4)
    wide = f"{order}u{8 if big else 4}"
    fields = np.dtype([("tag", f"{order}u2"), ("kind", f"{order}u2"), ("count", wide), ("value", wide)])
    number = numbers = 0
    while at and number <= MAX_FRAMES:
        file.seek(at)
        (entries,) = how_many.unpack(file.read(how_many.size))
        block = file.read(entries * entry.size)
        (at,) = link.unpack(file.read(link.size))
        found = np.frombuffer(block, fields)
        numbers += int(found["count"][~np.isin(found["kind"], (1, 2, 7))].sum())  # but bytes and text
        if numbers > MAX_NUMBERS:
            raise DataError(path, "numbers in its directories", numbers, f"at most {MAX_NUMBERS}")
        subfile = found["value"][found["tag"] == NEW_SUBFILE_TYPE]
        if number == 0 or not subfile.any() or not int(subfile[0]) & (REDUCED | MASK):
            yield number
        number += 1


def _gif_frames(file: BinaryIO) -> Parts:
    """All frames, up to one beyond `MAX_FRAMES`, and their times if each lasts."""
    file.seek(10)
    _skip_colours(file, file.read(3)[0])
    ends, delay = [0.0], 0
    while (kind := file.read(1)) in (b"!", b",") and len(ends) <= MAX_FRAMES + 1:
        if kind == b",":
            _skip_colours(file, file.read(9)[-1])
            file.read(1)
            ends.append(ends[-1] + delay / 100)
            delay = 0
        elif file.read(1) == b"\xf9":
            (delay,) = struct.unpack_from("<H", file.read(5), 2)
        while size := file.read(1):
            if size == b"\0":
                break
            file.seek(size[0], 1)
    frames, lasts = list(range(max(1, len(ends) - 1))), (np.diff(ends) > 0).all()
    return frames, tuple(ends[:-1]) if len(frames) > 1 and lasts else None


def _skip_colours(file: BinaryIO, flags: int) -> None:
    file.seek(3 << (flags % 8 + 1) if flags & 0x80 else 0, 1)


def _check_chunks(path: Path, file: BinaryIO) -> None:
    file.seek(8)
    for number in range(MAX_CHUNKS + 1):
        if len(head := file.read(8)) < 8:
            return
        if head[4:] == b"acTL":
            raise DataError(path, "frames", "animated", "a still picture", "Save it as GIF or as a film.")
        if number == MAX_CHUNKS:
            raise DataError(path, "chunks", f"more than {MAX_CHUNKS}", f"at most {MAX_CHUNKS}")
        file.seek(int.from_bytes(head[:4]) + 4, 1)


def require_all_rows(path: Path, file: BinaryIO, opened: Image.Image) -> None:
    """Refuse a decoded PNG or JPEG that holds fewer rows than its header says: decoders make the rest up in one value.

    Raises:
        DataError: it does.
    """
    (columns, rows), kind = opened.size, opened.format
    corner = opened.crop((max(0, columns - CORNER_PX), rows - 1, columns, rows)).getextrema()
    if kind not in ("PNG", "JPEG", "MPO") or np.ptp(np.reshape(corner, (-1, 2)), axis=1).any():
        return
    file.seek(0)
    data = file.read()
    if not (_png_is_whole(data) if kind == "PNG" else _jpeg_is_whole(data, np.array(opened))):
        raise DataError(
            path, "rows", "fewer are stored", f"{rows}, as its header says", "It is damaged: copy it again."
        )


def _png_is_whole(data: bytes) -> bool:
    columns, rows, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits, expected = depth * CHANNELS_OF[colour], 0
    for left, top, right, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        width, height = -((left - columns) // right), -((top - rows) // down)
        expected += height * (1 + (width * bits + 7) // 8) if width > 0 else 0
    inflater, at = zlib.decompressobj(), 8
    while expected > 0 and at < len(data):
        (length,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        if kind == b"IDAT":
            expected -= len(inflater.decompress(data[at + 8 : at + 8 + length], expected))
        at += 12 + length
    return expected <= 0


def _jpeg_is_whole(data: bytes, decoded: NDArray[np.uint8]) -> bool:
    """Whether more data behind the last scan change nothing: a decoder that has all rows skips them."""
    at = 2
    while data[at + 1] != END_OF_IMAGE:
        found = NEXT_MARKER.search(data, at + 2 + int.from_bytes(data[at + 2 : at + 4]))
        if found is None:
            return True  # nothing marks its end; what Pillow decodes of such a file is whole
        at = found.start()
    with JpegImageFile(io.BytesIO(data[:at] + MORE + data[at:])) as longer:
        return np.array_equal(decoded, np.array(longer))
