"""PNG, JPEG, BMP, TIFF and GIF: refused, or grey frames of the size that was announced."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzing import fuzz
from PIL import Image

from synthboost.errors import DataError
from synthboost.io.pictures import open_picture, read_grey_png, read_labels_png

GREY = np.random.default_rng(0).integers(0, 256, (3, 24, 32), dtype=np.uint8)


def _saved(form: str, mode: str = "L", frames: int = 1, **options: Any) -> bytes:
    stream = io.BytesIO()
    first, *others = (Image.fromarray(frame).convert(mode) for frame in GREY[:frames])
    several = {"save_all": True, "append_images": others} if others else {}
    first.save(stream, form, **several, **options)
    return stream.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6
SOUND = {
    "x.png": [_saved("PNG"), _saved("PNG", "RGB", exif=EXIF), _saved("PNG", "RGBA")],
    "x.jpg": [_saved("JPEG", exif=EXIF), _saved("JPEG", "RGB", progressive=True), _saved("MPO", "RGB", frames=2)],
    "x.bmp": [_saved("BMP"), _saved("BMP", "RGB")],
    "x.tif": [
        _saved("TIFF", frames=3), _saved("TIFF", "RGB", compression="tiff_lzw", tiffinfo={0x0112: 6}),
        _saved("TIFF", big_tiff=True), _saved("TIFF", "1", compression="group4"),
    ],
    "x.gif": [_saved("GIF", frames=3, duration=[40, 60, 80]), _saved("GIF", "RGB")],
}  # fmt: skip


def _parse(path: Path) -> tuple[int, ...]:
    recording = open_picture(path)
    frames = np.stack(list(recording.frames()))
    assert frames.shape == (recording.length, *recording.whole_shape)
    assert recording.seconds is None or len(recording.seconds) == recording.length
    return frames.shape


@pytest.mark.parametrize("name", SOUND)
def test_a_changed_picture_is_refused_or_a_picture(tmp_path: Path, name: str) -> None:
    fuzz(tmp_path / name, SOUND[name], _parse, usual=150)


def _read_png(path: Path) -> None:
    read_grey_png(path)
    with suppress(DataError):  # channels that differ are averaged as grey, and refused as labels
        read_labels_png(path)


def test_a_changed_png_of_a_data_set_is_refused_or_one_of_its_kinds(tmp_path: Path) -> None:
    fuzz(tmp_path / "x.png", SOUND["x.png"][:2], _read_png)
