"""Pictures: PNG, JPEG, BMP, TIFF and GIF, the latter two also as clips. None of them says how large a pixel is."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from synthboost.domain import GreyImage, Mask
from synthboost.errors import DataError
from synthboost.io.atomic import write_bytes
from synthboost.io.picture_parts import Parts, parts_of, require_all_rows
from synthboost.io.recording import (
    MAX_PIXELS,
    Recording,
    Region,
    check_pixels,
    check_size,
)

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif")
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF")
SAMPLE_FORMAT, CHANNELS, PLANAR, UNSIGNED = 339, 277, 284, 1
"""Tags of TIFF, and what the first says of ordinary grey values."""
GREYEST = 6.0
"""Largest mean difference between channels, in grey values, of what is still grey; a guess.

A diffusion model that paints three channels does not paint them quite alike."""


def open_picture(path: Path) -> Recording:
    """Open a picture or a clip of pictures; orientation tags are applied.

    Of a JPEG that holds several pictures, as phones write them, the first is meant; of a TIFF all in full resolution.

    Raises:
        DataError: damaged or something else than it claims, too large, transparent, of a palette (other than GIF), or
            of more than 8 bits.
    """
    with _opened(path) as (_, opened, pages, seconds):
        _require_photo(path, opened)
        columns, rows = opened.size
        turned = opened.getexif().get(0x0112, 1)
        # Orientations from 5 on exchange the sides, which Pillow does at once for TIFF alone.
        exchanged = opened.format != "TIFF" and turned in range(5, 9)
    shape = (columns, rows) if exchanged else (rows, columns)
    return Recording(path, "picture", len(pages), Region.whole(shape), shape, None, seconds, lambda: _frames(path))


def read_grey_png(path: Path, content: bytes | None = None) -> GreyImage:
    """Read a data set's grey image (H, W); of three channels the mean, rounded. With `content`, the path is a name.

    Raises:
        DataError: not a readable PNG of 8 bits a channel, too large, or in colour.
    """
    pixels = _read_png(path, ("L", "RGB"), content)
    if pixels.ndim == 2:
        return pixels
    colour = float(np.mean(pixels.max(axis=-1).astype(np.int16) - pixels.min(axis=-1)))
    if colour > GREYEST:
        raise DataError(
            path, "channels", f"differ by {colour:.1f} grey values on average", f"a grey image (at most {GREYEST:g})",
            "Take the image without overlays, as the scanner or the model made it.",
        )  # fmt: skip
    grey: GreyImage = np.rint(pixels.mean(axis=-1)).astype(np.uint8)
    return grey


def read_labels_png(path: Path) -> NDArray[np.uint8]:
    """Read labels (H, W) as they stand in the file: of a palette its indices, of three channels any one, of a bit 0, 1.

    Raises:
        DataError: as for `read_grey_png`, or the channels differ anywhere.
    """
    pixels = _read_png(path, ("1", "L", "P", "RGB"))
    if pixels.ndim == 2:
        return pixels
    if (pixels != pixels[..., :1]).any():
        raise DataError(
            path, "channels", "differ", "one number per pixel",
            "Take the label maps, not their coloured pictures (`labels_visible`).",
        )  # fmt: skip
    return np.ascontiguousarray(pixels[..., 0])


def read_mask_png(path: Path) -> Mask:
    """Read a one-bit mask (H, W); `DataError` if it is no readable PNG of one bit, or too large."""
    return _read_png(path, ("1",)).astype(bool)


def png_bytes(pixels: NDArray[Any]) -> bytes:
    """Return grey or labels (H, W) uint8, a mask (H, W) bool or colours (H, W, 3) uint8 as a PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def write_png(path: Path, pixels: NDArray[Any]) -> None:
    """Write what `png_bytes` takes, whole or not at all (else `OutputError`)."""
    write_bytes(path, png_bytes(pixels))


def _frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    with _opened(path) as (file, opened, pages, _):
        for number in pages:
            opened.seek(number)
            _require_photo(path, opened)
            opened.load()
            require_all_rows(path, file, opened)
            if opened.mode in ("LA", "RGBA") and opened.getextrema()[-1] != (255, 255):
                raise _not_grey(path, f"{opened.mode}, transparent")
            picture = ImageOps.exif_transpose(opened)
            grey = picture.mode in ("L", "1", "LA")
            yield np.array(picture.convert("L" if grey else "RGB"))


def _read_png(path: Path, modes: tuple[str, ...], content: bytes | None = None) -> NDArray[np.uint8]:
    with _opened(path, ("PNG",), content) as (file, opened, *_):
        check_size(path, *opened.size)
        if opened.mode not in modes:
            kinds = "a one-bit PNG" if modes == ("1",) else f"one of {', '.join(modes)}, 8 bits a channel"
            raise DataError(path, "kind of pixels", opened.mode, kinds)
        opened.load()
        require_all_rows(path, file, opened)
        return np.array(ImageOps.exif_transpose(opened), dtype=np.uint8)


@contextmanager
def _opened(
    path: Path, formats: tuple[str, ...] = FORMATS, content: bytes | None = None
) -> Iterator[tuple[BinaryIO, Image.Image, *Parts]]:
    """Yield the file, Pillow's picture and its parts; its errors, nearly all kinds on damaged files, become ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limit is below the one that it warns of
            # Not by its name: Pillow maps some files into memory then, and scrambles those that are stored turned.
            with path.open("rb") if content is None else io.BytesIO(content) as file:
                parts = parts_of(path, file)
                # Only these formats: others of the library's readers call foreign programs, whatever the ending says.
                with Image.open(file, formats=formats) as opened:
                    yield file, opened, *parts
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(path, "size", "too large to decode", f"at most {MAX_PIXELS} pixels") from error
    except UnidentifiedImageError as error:
        raise DataError(path, "file", "no picture of a known kind", f"a readable {', '.join(formats)}") from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise DataError(path, "file", reason, f"a readable {', '.join(formats)}") from error


def _require_photo(path: Path, opened: Image.Image) -> None:
    check_pixels(path, opened.height, opened.width)
    if opened.format == "GIF":  # always 8 bits, always a palette, often a transparent index that means "as before"
        return
    deep = any("16" in str(tile[3]) for tile in getattr(opened, "tile", ()))  # opened as if it had 8 bits
    if opened.mode not in ("L", "RGB", "1", "LA", "RGBA") or deep or "transparency" in opened.info:
        transparent = ", transparent" if "transparency" in opened.info else ""
        raise _not_grey(path, f"{opened.mode}{', 16 bits' if deep else ''}{transparent}")
    tags = getattr(opened, "tag_v2", {})
    if (kinds := {*tags.get(SAMPLE_FORMAT, ())}) - {UNSIGNED}:
        raise _not_grey(path, f"sample format {', '.join(map(str, kinds))}, signed or no whole numbers")
    # Pillow leaves black what the directory of a TIFF gives no place for.
    planes = tags.get(CHANNELS, 1) if tags.get(PLANAR) == 2 else 1
    tiles = getattr(opened, "tile", ())
    places = [tile.extents or (0, 0, *opened.size) for tile in tiles]
    have = sum((right - left) * (bottom - top) for left, top, right, bottom in places)
    if opened.format == "TIFF" and tiles and tiles[0][0] == "raw" and have < planes * opened.width * opened.height:
        raise DataError(path, "strips", "fewer than the image has", "the whole image", "Copy it again.")


def _not_grey(path: Path, kind: str) -> DataError:
    return DataError(path, "mode", kind, "8-bit grey or RGB without transparency", "Convert the picture to 8-bit grey.")
