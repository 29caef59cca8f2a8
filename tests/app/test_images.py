from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthboost.app.controller import Controller, Display, Screen
from synthboost.app.images import OpenedImage, Uploads, read_upload, shown_name
from synthboost.cli.options import SENTENCES
from synthboost.errors import DataError
from synthboost.inference.predictor import Predictor


def _huge_png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


BAD = {
    "program.png": b"\x7fELF" + bytes(200),
    "program.exe": b"MZ" + bytes(200),
    "huge.png": _huge_png(),
    "empty.png": b"",
    "cut.gif": b"GIF89a\x10\x00\x10\x00",
    "volume.mhd": b"ElementDataFile = /etc/passwd\n",
    "bomb.zip": b"PK\x03\x04" + bytes(100),
    "심장.png": b"no image",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_refused_by_name_and_without_its_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(BAD[name])
    with pytest.raises(DataError) as error:
        read_upload(path)
    assert name in str(error.value)
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("name", [*BAD, "good.png"])
def test_the_page_answers_and_nothing_is_left_behind(tiny_model: object, name: str) -> None:
    with Uploads() as uploads:
        folder = uploads.folder
        path = folder / "abc" / name
        path.parent.mkdir()
        if name == "good.png":
            Image.fromarray(np.full((20, 24), 90, np.uint8)).save(path)
        else:
            path.write_bytes(BAD[name])
        controller = Controller(Predictor(tiny_model, "cpu"), uploads)  # type: ignore[arg-type]
        answer = controller.open_upload("me", path, "Myocardium.", Display())
        assert isinstance(answer, Screen) == (name == "good.png")
        assert list(folder.rglob("*")) == []
    assert not folder.exists()


def test_a_cut_clip_of_whole_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.gif"
    noise = np.random.default_rng(0).integers(0, 255, (3, 40, 40), dtype=np.uint8)
    first, *others = map(Image.fromarray, noise)
    first.save(path, save_all=True, append_images=others)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cut\.gif"):
        read_upload(path)


def test_too_many_frames_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synthboost.app.images.MAX_FRAMES", 2)
    path = tmp_path / "long.tiff"
    first, *others = (Image.new("L", (8, 8), value) for value in (1, 2, 3))
    first.save(path, save_all=True, append_images=others)
    with pytest.raises(DataError, match="frames"):
        read_upload(path)


def test_a_name_is_shown_without_folders_and_control_characters() -> None:
    assert shown_name("../../etc/<script>.png") == "<script>.png"
    assert shown_name("..\\..\\heart\u202e\n.png") == "heart.png"
    assert len(shown_name("x" * 500 + ".png")) <= 60


def test_only_what_lies_in_the_folder_is_taken(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"mine")
    with Uploads() as uploads, pytest.raises(ValueError, match="not an upload"), uploads.taken(secret):
        pass
    assert secret.read_bytes() == b"mine"


def test_of_more_waiting_uploads_than_may_wait_the_oldest_go() -> None:
    with Uploads() as uploads:
        for number in range(3):
            (uploads.folder / f"{number}.png").write_bytes(bytes(10))
            os.utime(uploads.folder / f"{number}.png", (time.time() - 300, time.time() - 300 + number))
        uploads.sweep()
        assert len(list(uploads.folder.iterdir())) == 3  # five minutes are a queue, not an absence
        uploads.sweep(most_bytes=20)
        assert sorted(path.name for path in uploads.folder.iterdir()) == ["1.png", "2.png"]


def test_an_upload_that_is_gone_is_told_and_an_image_is_shown_without_a_sentence(tiny_model: object) -> None:
    with Uploads() as uploads:
        controller = Controller(Predictor(tiny_model, "cpu"), uploads)  # type: ignore[arg-type]
        answer = controller.open_upload("me", uploads.folder / "gone.png", "Myocardium.", Display())
        assert "waited too long" in str(answer)
        assert "forgotten" in str(controller.show("me", Display()))
        screen = controller.open("me", OpenedImage("a.png", (np.full((20, 24), 90, np.uint8),), None), "", Display())
        assert "data:image/png" in screen.figure
        assert "one sentence per line" in screen.message
        assert "none yet" in controller.download("me", Display())


def test_the_page_says_when_the_masks_of_all_three_structures_are_no_heart(box: Path) -> None:
    with Uploads() as uploads:
        controller = Controller(Predictor.default("cpu"), uploads)
        image = OpenedImage("a.png", (np.full((20, 24), 90, np.uint8),), None)
        screen = controller.open("me", image, "\n".join(SENTENCES), Display())
        assert "This may be no apical heart" in screen.message
        assert "no apical heart" not in str(controller.predict("me", SENTENCES[0], Display()))


def test_the_page_says_that_colour_was_removed_from_the_sector(tiny_model: object) -> None:
    with Uploads() as uploads:
        path = uploads.folder / "abc" / "flow.png"
        path.parent.mkdir()
        pixels = np.full((20, 24, 3), 90, np.uint8)
        pixels[5:9, 5:15] = (200, 0, 0)
        Image.fromarray(pixels).save(path)
        controller = Controller(Predictor(tiny_model, "cpu"), uploads)  # type: ignore[arg-type]
        screen = controller.open_upload("me", path, "\n".join(SENTENCES), Display())
        assert "colour was removed: more than 5 % of the sector" in screen.message  # type: ignore[union-attr]


def test_uploads_that_nobody_took_are_swept() -> None:
    with Uploads() as uploads:
        left = uploads.folder / "abc" / "left.png"
        left.parent.mkdir()
        left.write_bytes(b"x")
        uploads.sweep(older_than_seconds=60)
        assert left.exists()
        uploads.sweep(older_than_seconds=-1)
        assert not left.parent.exists()


def test_a_dicom_file_needs_no_ending(make_dicom: Callable[..., Path]) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (1, 40, 40), dtype=np.uint8)
    path = make_dicom("still.dcm", frames)
    image = read_upload(path.rename(path.with_name("IM_0001")))
    np.testing.assert_array_equal(image.frames[0], frames[0])
