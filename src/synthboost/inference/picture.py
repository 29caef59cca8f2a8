"""Any image a user may point at, as grey values with the probe on top; and the masks in the same geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from synthboost.data.image_file import read_image
from synthboost.domain import GreyImage, Mask
from synthboost.errors import DataError
from synthboost.files import whole_file

MEDICAL_SUFFIXES = (".nii", ".nii.gz", ".mhd")
PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
PHOTO_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
MAX_PIXELS = 64_000_000
"""Larger pictures are refused before they are decoded."""
OVERLAY_COLOURS = ((0, 158, 115), (230, 159, 0), (86, 180, 233), (204, 121, 167))
"""Okabe and Ito's colour-blind safe palette."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One image to predict."""

    path: Path
    image: GreyImage
    """(H, W) uint8."""
    spacing_mm: tuple[float, float] | None
    """(rows, columns), or `None` when the file does not say."""

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        name = self.path.name
        ending = next((s for s in MEDICAL_SUFFIXES + PHOTO_SUFFIXES if name.lower().endswith(s)), "")
        return name[: len(name) - len(ending)]


def find_pictures(path: Path) -> list[Path]:
    """Return the file itself, or the image files of a folder, sorted; annotations (`..._gt.*`) are left out.

    Raises:
        DataError: there is nothing there, or nothing of a known format.
    """
    if path.is_file():
        return [path]
    found = sorted(p for p in path.rglob("*") if p.is_file() and _is_picture(p))
    if not found:
        formats = ", ".join(MEDICAL_SUFFIXES + PHOTO_SUFFIXES)
        raise DataError(path, "images", "none" if path.is_dir() else "no such file or folder", f"files {formats}")
    return found


def read_picture(path: Path) -> Picture:
    """Read NIfTI, MHD, PNG, JPEG, BMP or TIFF.

    Of a colour picture only the brightness is kept (ITU-R BT.601); a JPEG's orientation tag is applied.

    Raises:
        DataError: the file is damaged, too large, transparent, a palette picture, of more than 8 bits, or an animation.
    """
    if path.name.lower().endswith(MEDICAL_SUFFIXES):
        image, spacing_mm = read_image(path)
        return Picture(path, image, spacing_mm)
    try:
        # Only these: others of the library's readers call foreign programs, whatever the file's ending says.
        with Image.open(path, formats=PHOTO_FORMATS) as opened:
            _require_photo(path, opened)
            grey = ImageOps.exif_transpose(opened).convert("L")
            return Picture(path, np.array(grey), None)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(path, "file", error, f"a readable {', '.join(PHOTO_FORMATS)}") from error


def write_mask_image(folder: Path, name: str, mask: Mask, picture: Picture) -> str:
    """Write a mask beside its siblings, in the picture's geometry; return the file's name.

    A picture with a spacing gets NIfTI with that spacing (values 0 and 1), any other a one-bit PNG.
    """
    if picture.spacing_mm is None:
        file = f"{name}.png"
        with whole_file(folder / file) as temporary:
            Image.fromarray(mask).save(temporary)
        return file
    import SimpleITK as sitk

    file = f"{name}.nii.gz"
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing((picture.spacing_mm[1], picture.spacing_mm[0]))
    with whole_file(folder / file) as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=True)
    return file


def write_overlay(path: Path, picture: Picture, masks: NDArray[np.bool_]) -> None:
    """Write the picture with each mask (N, H, W) as a tint and an outline, pixels shown square in mm."""
    canvas = np.repeat(picture.image[..., None].astype(np.float32), 3, axis=2)
    for number, mask in enumerate(masks):
        colour = np.array(OVERLAY_COLOURS[number % len(OVERLAY_COLOURS)], dtype=np.float32)
        canvas[mask] = 0.75 * canvas[mask] + 0.25 * colour
        canvas[_outline(mask)] = colour
    drawn = Image.fromarray(canvas.round().astype(np.uint8))
    with whole_file(path) as temporary:
        _square_pixels(drawn, picture.spacing_mm).save(temporary, format="PNG")


def _outline(mask: Mask) -> Mask:
    inside = np.pad(mask, 1)
    neighbours = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return mask & ~neighbours


def _square_pixels(drawn: Image.Image, spacing_mm: tuple[float, float] | None) -> Image.Image:
    if spacing_mm is None or math.isclose(*spacing_mm, rel_tol=1e-3):
        return drawn
    finer = min(spacing_mm)
    size = round(drawn.width * spacing_mm[1] / finer), round(drawn.height * spacing_mm[0] / finer)
    return drawn.resize(size, Image.Resampling.BILINEAR)


def _is_picture(path: Path) -> bool:
    name = path.name.lower()
    ending = next((s for s in MEDICAL_SUFFIXES + PHOTO_SUFFIXES if name.endswith(s)), None)
    return ending is not None and not name[: len(name) - len(ending)].endswith("_gt") and not name.startswith(".")


def _require_photo(path: Path, opened: Image.Image) -> None:
    if opened.width * opened.height > MAX_PIXELS:
        raise DataError(path, "size", f"{opened.width} x {opened.height}", f"at most {MAX_PIXELS} pixels")
    deep = any("16" in str(tile[3]) for tile in getattr(opened, "tile", ()))  # opened as if it had 8 bits
    transparent = "transparency" in opened.info
    if opened.mode not in ("L", "RGB", "1") or deep or transparent:
        kind = f"{opened.mode}{', 16 bits' if deep else ''}{', transparent' if transparent else ''}"
        raise DataError(
            path, "mode", kind, "8-bit grey or RGB without transparency", "Convert the picture to 8-bit grey."
        )
    if getattr(opened, "n_frames", 1) > 1:
        raise DataError(path, "frames", getattr(opened, "n_frames", 1), "one frame", "Extract the frame you mean.")
