"""Pictures: PNG, JPEG, BMP, TIFF and GIF, the latter two also as clips. None of them says how large a pixel is."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from synthboost.domain import GreyImage
from synthboost.errors import DataError
from synthboost.io.recordings.colour import to_grey
from synthboost.io.recordings.recording import Recording, Region

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif")
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF")
MAX_PIXELS = 64_000_000
"""Of one frame; larger ones are refused by their header, before they are decoded."""


def open_picture(path: Path) -> Recording:
    """Open a picture or a clip of pictures; a JPEG's orientation tag is applied.

    Raises:
        DataError: damaged or something else than it claims, too large, transparent, of a palette (other than GIF), or
            of more than 8 bits.
    """
    with _opened(path) as opened:
        _require_photo(path, opened)
        length = int(getattr(opened, "n_frames", 1))
        columns, rows = opened.size
        if opened.getexif().get(0x0112, 1) >= 5:  # orientations that exchange the sides
            columns, rows = rows, columns
        milliseconds = opened.info.get("duration") if length > 1 else None
    seconds = milliseconds / 1000 if isinstance(milliseconds, int | float) and milliseconds > 0 else None
    shape = (rows, columns)
    return Recording(path, "picture", length, Region.whole(shape), shape, None, seconds, lambda: _frames(path, length))


def _frames(path: Path, length: int) -> Iterator[GreyImage]:
    with _opened(path) as opened:
        for number in range(length):
            opened.seek(number)
            _require_photo(path, opened)
            opened.load()
            yield _grey(ImageOps.exif_transpose(opened))


def _grey(picture: Image.Image) -> GreyImage:
    if picture.mode in ("L", "1"):
        return np.array(picture.convert("L"))
    return to_grey(np.array(picture.convert("RGB")))


class _opened:
    """Pillow's file as a context manager whose errors, of whatever kind, are ours."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Image.Image:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # our own limit is below the one that it warns of
                # Only these: others of the library's readers call foreign programs, whatever the file's ending says.
                self.file = Image.open(self.path, formats=FORMATS)
                return self.file
        except Exception as error:
            raise self._bad(error) from error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.file.close()
        if isinstance(error, Exception) and not isinstance(error, DataError):
            raise self._bad(error) from error

    def _bad(self, error: Exception) -> DataError:
        if isinstance(error, Image.DecompressionBombError):
            return DataError(self.path, "size", "too large to decode", f"at most {MAX_PIXELS} pixels")
        return DataError(self.path, "file", f"{type(error).__name__}: {error}", f"a readable {', '.join(FORMATS)}")


def _require_photo(path: Path, opened: Image.Image) -> None:
    if opened.width * opened.height > MAX_PIXELS:
        raise DataError(path, "size", f"{opened.width} x {opened.height}", f"at most {MAX_PIXELS} pixels")
    if opened.format == "GIF":  # always 8 bits, always a palette, often a transparent index that means "as before"
        return
    deep = any("16" in str(tile[3]) for tile in getattr(opened, "tile", ()))  # opened as if it had 8 bits
    transparent = "transparency" in opened.info
    if opened.mode not in ("L", "RGB", "1") or deep or transparent:
        kind = f"{opened.mode}{', 16 bits' if deep else ''}{', transparent' if transparent else ''}"
        raise DataError(
            path, "mode", kind, "8-bit grey or RGB without transparency", "Convert the picture to 8-bit grey."
        )
