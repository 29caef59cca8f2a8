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


TURNS = {
    1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose,
    6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).T, 8: lambda a: np.rot90(a, -1),
}  # fmt: skip
"""EXIF's number -> how a picture is stored that is shown upright."""


@pytest.mark.parametrize("number", TURNS)
@pytest.mark.parametrize("kind", ["a.tiff", "b.tiff lzw", "c.jpg", "d.png"])
def test_an_orientation_is_applied(tmp_path: Path, number: int, kind: str) -> None:
    name, *compression = kind.split()
    stored = Image.fromarray(np.ascontiguousarray(TURNS[number](np.kron(GREY, np.ones((16, 16), np.uint8)))))
    exif = Image.Exif()
    exif[0x0112] = number
    options = {"tiffinfo": {0x0112: number}} if name.endswith("tiff") else {"exif": exif}
    stored.save(tmp_path / name, compression="tiff_lzw" if compression else None, **options)
    recording = open_recording(tmp_path / name)
    assert recording.whole_shape == (48, 64)
    np.testing.assert_allclose(next(recording.frames()).astype(int)[8::16, 8::16], GREY, atol=3)
    if name.endswith("png"):
        np.testing.assert_array_equal(read_grey_png(tmp_path / name)[8::16, 8::16], GREY)


@pytest.mark.parametrize("number", [0, 9, 255])
@pytest.mark.parametrize("name", ["a.tiff", "c.jpg", "d.png"])
def test_an_orientation_that_does_not_exist_means_nothing(tmp_path: Path, name: str, number: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = number
    options = {"tiffinfo": {0x0112: number}} if name.endswith("tiff") else {"exif": exif}
    Image.fromarray(np.full((32, 48), 90, np.uint8)).save(tmp_path / name, **options)
    (frame,) = open_recording(tmp_path / name).frames()
    assert (frame == 90).all()
    assert frame.shape == (32, 48)


def _tiff(path: Path, **changed: tuple[int, ...]) -> Path:
    """A grey TIFF of one uncompressed strip (`tag_N=(value,)`: with other values of some tags), 90 everywhere."""
    Image.fromarray(np.full((32, 48), 90, np.uint8)).save(path, tiffinfo={339: 1})
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], 12):
        tag, kind = struct.unpack_from("<HH", data, entry)
        if (values := changed.get(f"tag_{tag}")) is not None:
            struct.pack_into("<H" if kind == 3 else "<I", data, entry + 8, *values)
    path.write_bytes(data)
    return path


def test_a_tiff_of_signed_numbers_or_with_fewer_strips_than_rows_is_refused(tmp_path: Path) -> None:
    (frame,) = open_recording(_tiff(tmp_path / "sound.tif")).frames()
    assert (frame == 90).all()
    with pytest.raises(DataError, match="sample format 2, signed"):
        open_recording(_tiff(tmp_path / "signed.tif", tag_339=(2,)))
    with pytest.raises(DataError, match="strips: fewer than the image has"):
        open_recording(_tiff(tmp_path / "tall.tif", tag_257=(64,)))


def test_of_a_telephones_several_pictures_in_a_jpeg_the_first_is_meant(tmp_path: Path) -> None:
    first = Image.fromarray(np.full((32, 48), 90, np.uint8)).convert("RGB")
    first.save(tmp_path / "x.jpg", format="MPO", save_all=True, append_images=[first.resize((24, 16))])
    (frame,) = open_recording(tmp_path / "x.jpg").frames()
    assert (frame == 90).all()
    assert frame.shape == (32, 48)


def test_a_tiffs_thumbnail_is_no_page(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((8, 8), grey, np.uint8)) for grey in (10, 20, 30)]
    thumbnail = Image.fromarray(np.zeros((2, 2), np.uint8))
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=[thumbnail, *pages[1:]])
    assert [int(frame[0, 0]) for frame in open_recording(tmp_path / "x.tif").frames()] == [10, 20, 30]


def test_frames_of_an_animation_have_their_own_times(tmp_path: Path) -> None:
    first, *others = (Image.fromarray(GREY + 50 * n) for n in range(3))
    options = {"save_all": True, "append_images": others, "duration": [40, 60, 80]}
    first.save(tmp_path / "x.png", **options)
    with pytest.raises(DataError, match="animated; expected a still picture"):
        open_recording(tmp_path / "x.png")
    first.save(tmp_path / "x.gif", **options)
    recording = open_recording(tmp_path / "x.gif")
    assert recording.seconds == pytest.approx((0, 0.04, 0.1))
    assert recording.frame_seconds == pytest.approx(0.05)
    assert len(list(recording.frames())) == 3


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_an_opaque_picture_with_transparency_is_grey_and_a_transparent_one_is_not(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(GREY).convert(mode)
    picture.save(tmp_path / "x.png")
    np.testing.assert_array_equal(next(open_recording(tmp_path / "x.png").frames()), GREY)
    picture.putalpha(200)
    picture.save(tmp_path / "x.png")
    with pytest.raises(DataError, match=f"mode: {mode}, transparent"):
        next(open_recording(tmp_path / "x.png").frames())


@pytest.mark.parametrize("mode", ["P", "I;16", "CMYK"])
def test_pictures_that_do_not_say_what_grey_they_mean_are_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "odd.tiff"
    deep = Image.fromarray(GREY.astype(np.uint16) * 200)
    (deep if mode == "I;16" else Image.fromarray(GREY).convert(mode)).save(path)
    with pytest.raises(DataError, match=rf"odd\.tiff: mode: {mode}"):
        open_recording(path)


@pytest.mark.parametrize("content", [b"MZ\x90\0" + bytes(500), b"<html>no image</html>"])
def test_an_executable_or_a_page_called_png_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.png: file: no picture of a known kind"):
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


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.png", {}), ("x.jpg", {}), ("x.jpg", {"progressive": True}), ("x.jpg", {"restart_marker_blocks": 1}),
        ("x.jpg", {"subsampling": "4:2:0", "colour": True}), ("x.png", {"colour": True}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("black", [0, 24])
def test_fewer_rows_than_the_header_says_are_refused_and_as_many_are_shown_whatever_is_black(
    tmp_path: Path, name: str, options: dict[str, object], black: int
) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (64, 48), dtype=np.uint8)
    grey[64 - black :] = 0
    picture = Image.fromarray(grey).convert("RGB" if options.pop("colour", False) else "L")
    picture.save(tmp_path / name, **options)
    whole = (tmp_path / name).read_bytes()
    (frame,) = open_recording(tmp_path / name).frames()
    assert frame.shape == (64, 48)
    for rows in (72, 128):
        data = bytearray(whole)
        if name.endswith("png"):
            struct.pack_into(">I", data, 20, rows)
            struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
        else:
            at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
            struct.pack_into(">H", data, at + 5, rows)
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=f"rows: fewer are stored; expected {rows}, as its header says"):
            next(open_recording(tmp_path / name).frames())


def _png(side: int, interlaced: bool, content: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, interlaced))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


def test_an_interlaced_png_is_whole_with_all_seven_passes(tmp_path: Path) -> None:
    # 8 x 8: passes of 1 x 1, 1 x 1, 2 x 1, 2 x 2, 4 x 2, 4 x 4 and 8 x 4, with a byte before each row
    whole = 2 + 2 + 3 + 2 * 3 + 2 * 5 + 4 * 5 + 4 * 9
    (tmp_path / "x.png").write_bytes(_png(8, True, bytes(whole)))
    assert (next(open_recording(tmp_path / "x.png").frames()) == 0).all()
    (tmp_path / "x.png").write_bytes(_png(8, True, bytes(whole - 9)))
    with pytest.raises(DataError, match=r"fewer are stored; expected 8,"):
        next(open_recording(tmp_path / "x.png").frames())


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
def test_a_still_picture_of_gigabytes_is_refused_by_its_length(tmp_path: Path, name: str) -> None:
    Image.fromarray(GREY).save(tmp_path / name)
    with (tmp_path / name).open("r+b") as file:
        file.truncate(2**32)
    with pytest.raises(DataError, match=f"length: {2**32} bytes; expected at most {2**28}"):
        open_recording(tmp_path / name)


def test_a_picture_of_30000_by_30000_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "huge.png").write_bytes(_png(30_000, False, b""))
    with pytest.raises(DataError, match="size: "):
        open_recording(tmp_path / "huge.png")


def test_a_tiff_of_40000_directories_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    Image.fromarray(GREY).save(path)
    whole = path.read_bytes()
    (first,) = struct.unpack_from("<I", whole, 4)
    (entries,) = struct.unpack_from("<H", whole, first)
    end, begin = first + 2 + 12 * entries, len(whole)
    link = b"".join(struct.pack("<HHHIII", 1, 256, 3, 1, 1, begin + 18 * (n + 1)) for n in range(40_000))
    path.write_bytes(whole[:end] + struct.pack("<I", begin) + whole[end + 4 :] + link)
    with pytest.raises(DataError, match="frames: 10001; expected 1 to 10000"):
        open_recording(path)


def test_a_tiff_of_three_million_strips_and_a_png_of_many_chunks_are_refused_at_once(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "x.tif")
    data = bytearray((tmp_path / "x.tif").read_bytes())
    at = data.index(struct.pack("<HHI", 273, 4, 1))
    data[at + 4 : at + 8] = struct.pack("<I", 3_000_000)
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises(DataError, match="numbers in its directories: 30000"):
        open_recording(tmp_path / "x.tif")
    Image.fromarray(GREY).save(tmp_path / "x.png")
    data = (tmp_path / "x.png").read_bytes()
    chunk = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    (tmp_path / "x.png").write_bytes(data[:33] + chunk * 30_000 + data[33:])
    with pytest.raises(DataError, match="chunks: more than 20000"):
        open_recording(tmp_path / "x.png")


def test_a_jpeg_of_a_thousand_scans_is_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "x.jpg", progressive=True)
    data = (tmp_path / "x.jpg").read_bytes()
    (tmp_path / "x.jpg").write_bytes(data[:-2] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 1000 + data[-2:])
    with pytest.raises(DataError, match="scans"):
        open_recording(tmp_path / "x.jpg")


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
