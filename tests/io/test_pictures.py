from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthboost.errors import DataError
from synthboost.io.pictures import read_grey_png, read_labels_png
from synthboost.io.recordings import open_recording

LABELS = np.arange(16, dtype=np.uint8).reshape(4, 4) % 4

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


@pytest.mark.parametrize("name", ["a.png", "b.bmp", "c.tiff", "d.gif"])
def test_a_grey_picture_comes_pixel_by_pixel_without_a_spacing(tmp_path: Path, name: str) -> None:
    Image.fromarray(GREY).save(tmp_path / name)
    recording = open_recording(tmp_path / name)
    assert (recording.length, recording.spacing_mm, recording.frame_seconds) == (1, None, None)
    np.testing.assert_array_equal(next(recording.frames()), GREY)


def test_three_equal_channels_are_one(tmp_path: Path) -> None:
    Image.fromarray(np.repeat(GREY[..., None], 3, axis=2)).save(tmp_path / "rgb.png")
    np.testing.assert_array_equal(next(open_recording(tmp_path / "rgb.png").frames()), GREY)


@pytest.mark.parametrize("name", ["film.tiff", "film.gif"])
def test_several_pages_are_a_clip(tmp_path: Path, name: str) -> None:
    clip = [GREY, GREY[::-1].copy(), GREY + 1]
    first, *others = (Image.fromarray(frame) for frame in clip)
    first.save(tmp_path / name, save_all=True, append_images=others, duration=40)
    recording = open_recording(tmp_path / name)
    assert recording.length == 3
    np.testing.assert_array_equal(np.stack(list(recording.frames())), clip)
    assert recording.frame_seconds == (0.04 if name.endswith("gif") else None)


def test_a_jpegs_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (16, 8)).save(tmp_path / "turned.jpg", exif=exif)
    recording = open_recording(tmp_path / "turned.jpg")
    assert recording.whole_shape == (16, 8)
    assert next(recording.frames()).shape == (16, 8)


@pytest.mark.parametrize("mode", ["P", "RGBA", "I;16", "CMYK"])
def test_pictures_that_do_not_say_what_grey_they_mean_are_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "odd.tiff"
    deep = Image.fromarray(GREY.astype(np.uint16) * 200)
    (deep if mode == "I;16" else Image.fromarray(GREY).convert(mode)).save(path)
    with pytest.raises(DataError, match=rf"odd\.tiff: mode: {mode}"):
        open_recording(path)


@pytest.mark.parametrize("content", [b"MZ\x90\0" + bytes(500), b"<html>no image</html>"])
def test_an_executable_or_a_page_called_png_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.png: file: "):
        open_recording(tmp_path / "x.png")


@pytest.mark.parametrize("name", ["half.png", "half.gif", "half.tiff"])
def test_a_truncated_picture_or_clip_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 255, (3, 64, 64), dtype=np.uint8)
    first, *others = (Image.fromarray(frame) for frame in noise)
    first.save(path, **({} if name.endswith("png") else {"save_all": True, "append_images": others}))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(DataError, match=name):
        list(open_recording(path).frames())


def test_a_picture_of_30000_by_30000_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(DataError, match="size: "):
        open_recording(tmp_path / "huge.png")


def test_a_palettes_indices_are_the_labels(tmp_path: Path) -> None:
    picture = Image.fromarray(LABELS).convert("P")
    picture.putpalette([255, 0, 0] * 256)
    picture.save(tmp_path / "p.png")
    assert np.array_equal(read_labels_png(tmp_path / "p.png"), LABELS)


def test_nearly_equal_channels_are_averaged_and_colours_refused(tmp_path: Path) -> None:
    grey = np.full((4, 4, 3), 100, np.uint8) + np.array([0, 1, 5], np.uint8)
    Image.fromarray(grey).save(tmp_path / "x.png")
    assert (read_grey_png(tmp_path / "x.png") == 102).all()
    with pytest.raises(DataError, match="channels: differ; expected one number per pixel"):
        read_labels_png(tmp_path / "x.png")
    Image.fromarray(grey + np.array([0, 0, 60], np.uint8)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"differ by 65\.0 grey values"):
        read_grey_png(tmp_path / "x.png")


def test_other_kinds_of_png_and_huge_ones_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match=r"kind of pixels: I;16"):
        read_grey_png(tmp_path / "deep.png")
    Image.new("L", (5000, 2)).save(tmp_path / "huge.png")
    with pytest.raises(DataError, match="5000 x 2"):
        read_grey_png(tmp_path / "huge.png")
