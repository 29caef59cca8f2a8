"""`synthboost predict`: a PNG, a NIfTI, a clip, a folder with a broken file, a second call."""

from __future__ import annotations

import csv
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from refusing import refusing_model

from synthboost.cli import predict
from synthboost.inference.predict_folder import RecordingResult
from synthboost.inference.predictor import INSTEAD, REFUSED


def _lines(out: Path) -> list[dict[str, str]]:
    with (out / "predictions.csv").open() as handle:
        return list(csv.DictReader(handle))


def _png(path: Path) -> Path:
    grey = np.random.default_rng(0).integers(0, 255, (40, 30), dtype=np.uint8)
    Image.fromarray(grey).save(path)
    return path


def test_a_png_gives_png_masks_of_its_own_size(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    picture, out = _png(tmp_path / "echo.png"), tmp_path / "out"
    sentences = ("--sentences", "Myocardium of the heart.", "Left atrium cavity of the heart.")
    answer = synthboost("predict", picture, "--checkpoint", trained_run, "--out", out, *sentences)
    assert answer.code == 0, answer.err
    assert "1 of 1 recordings predicted" in answer.out
    lines = _lines(out)
    assert [line["sentence"] for line in lines] == list(sentences[1:])
    with Image.open(out / lines[0]["mask"]) as mask:
        assert mask.size == (30, 40)
        assert int(np.array(mask).sum()) == int(lines[0]["pixels"])
    assert lines[0]["area_mm2"] == ""
    assert (out / "echo" / "overlay.png").is_file()
    assert f"\npicture: {out / 'echo' / 'overlay.png'}\n" in answer.out


def test_a_nifti_gives_nifti_masks_with_its_spacing_and_an_area(
    synthboost: Callable[..., Any], trained_run: Path, tiny_camus: Path, tmp_path: Path
) -> None:
    image = tiny_camus / "database_nifti" / "patient0001" / "patient0001_2CH_ED.nii.gz"
    out = tmp_path / "out"
    assert synthboost("predict", image, "--checkpoint", trained_run, "--out", out).code == 0
    lines = _lines(out)
    assert len(lines) == 3
    mask = sitk.ReadImage(str(out / lines[0]["mask"]))
    assert mask.GetSize() == (48, 64)
    np.testing.assert_allclose(mask.GetSpacing(), (1.0, 0.8), rtol=1e-6)
    # One pixel of the fixture is 0.8 mm x 1.0 mm.
    np.testing.assert_allclose(float(lines[0]["area_mm2"]), 0.8 * int(lines[0]["pixels"]), rtol=1e-6)


def test_one_broken_file_in_a_folder_is_listed_and_the_others_are_predicted(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    (folder / "b").mkdir(parents=True)
    _png(folder / "one.png")
    _png(folder / "b" / "one.png")
    (folder / "broken.png").write_bytes(b"not a picture")
    out = tmp_path / "out"
    answer = synthboost("predict", folder, "--checkpoint", trained_run, "--out", out)
    assert answer.code == 2
    assert "2 of 3 recordings predicted" in answer.out
    assert answer.err.splitlines()[-1].startswith("ERROR ")
    (failed,) = [line for line in _lines(out) if line["reason"]]
    assert failed["recording"] == "broken"
    found = {path.relative_to(out).as_posix() for path in out.rglob("overlay.png")}
    assert found == {"one/overlay.png", "b/one/overlay.png"}


def test_sentences_that_name_no_structure_are_one_note_and_have_empty_masks(
    synthboost: Callable[..., Any], tmp_path: Path
) -> None:
    refusing_model(["liver", "LV and LA"], ["LV"]).save_pretrained(tmp_path / "weights")
    picture, out = _png(tmp_path / "echo.png"), tmp_path / "out"
    options = ("--checkpoint", tmp_path / "weights", "--out", out, "--sentences", "liver", "LV and LA", "LV")
    answer = synthboost("predict", picture, *options)
    assert answer.code == 0, answer.err
    assert f"note: no mask for 'liver', 'LV and LA': {REFUSED}. {INSTEAD}\n" in answer.err
    assert "left ventricle, myocardium, left atrium" in REFUSED
    assert "'LV'" not in answer.err
    assert [line["reason"] for line in _lines(out)] == [REFUSED, REFUSED, ""]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _rgb_png(path: Path, bits: int, transparency: bytes = b"") -> Path:
    """A 4 x 3 px picture, written by hand: the library cannot write 16 bits per channel."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 3, bits, 2, 0, 0, 0))
    pixels = zlib.compress((b"\0" + bytes(4 * 3 * bits // 8)) * 3)
    end = _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + transparency + end)
    return path


def _sixteen_bits(folder: Path) -> Path:
    return _rgb_png(folder / "deep.png", 16)


def _one_colour_means_transparent(folder: Path) -> Path:
    return _rgb_png(folder / "see-through.png", 8, _chunk(b"tRNS", struct.pack(">HHH", 0, 0, 0)))


def _postscript(folder: Path) -> Path:
    path = folder / "echo.eps"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 3\n%%EndComments\nshowpage\n")
    return path


def _postscript_that_calls_itself_png(folder: Path) -> Path:
    return _postscript(folder).rename(folder / "echo.png")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_sixteen_bits, "mode: RGB, 16 bits; expected 8-bit grey or RGB without transparency"),
        (_one_colour_means_transparent, "mode: RGB, transparent; expected 8-bit grey or RGB without transparency"),
        (_postscript, "kind of file: .eps"),
        (_postscript_that_calls_itself_png, "expected a readable PNG, JPEG, BMP, TIFF"),
    ],
)
def test_a_picture_that_would_be_misread_is_refused_with_one_line(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    picture, out = make(tmp_path), tmp_path / "out"
    answer = synthboost("predict", picture, "--checkpoint", trained_run, "--out", out)
    assert answer.code == 2
    assert reason in answer.err.splitlines()[-1]
    assert "Traceback" not in answer.err
    (line,) = _lines(out)
    assert reason in line["reason"]
    assert {path.name for path in out.iterdir()} == {"predict.json", "predictions.csv", "recordings.csv"}


def test_an_ordinary_picture_of_the_same_making_is_predicted(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    picture = _rgb_png(tmp_path / "plain.png", 8)
    assert synthboost("predict", picture, "--checkpoint", trained_run, "--out", tmp_path / "out").code == 0


@pytest.mark.parametrize("sentences", [("--sentences", " \u200b "), ("--sentences",)])
def test_no_visible_sentence_is_refused_before_anything_is_written(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    answer = synthboost("predict", _png(tmp_path / "e.png"), "--checkpoint", trained_run, "--out", out, *sentences)
    assert answer.code == 2
    assert "sentence" in answer.err
    assert not out.exists()


def test_a_word_that_the_model_never_read_is_named(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    picture = _png(tmp_path / "echo.png")
    answer = synthboost(
        "predict", picture, "--checkpoint", trained_run, "--out", tmp_path / "out", "--sentences", "The pericardium."
    )
    assert answer.code == 0
    assert "pericardium" in answer.err


def test_an_occupied_output_folder_is_left_alone(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    picture = _png(tmp_path / "echo.png")
    answer = synthboost("predict", picture, "--checkpoint", trained_run, "--out", tmp_path)
    assert answer.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["echo.png"]


def test_structures_by_name_give_a_label_map_and_a_second_call_finds_it(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    pages = [Image.fromarray(np.full((20, 30), 40 * n, np.uint8)) for n in range(3)]
    pages[0].save(tmp_path / "clip.gif", save_all=True, append_images=pages[1:], duration=50)
    call = ("predict", tmp_path / "clip.gif", "--checkpoint", trained_run, "--out", tmp_path / "out")
    answer = synthboost(*call, "--structures", "lv", "la")
    assert answer.code == 0, answer.err
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "clip" / "labels.nii.gz")))
    assert labels.shape == (3, 20, 30)
    assert set(np.unique(labels)) <= {0, 1, 3}
    assert len(_lines(tmp_path / "out")) == 3 * 2
    assert "(1 of them before)" in synthboost(*call, "--structures", "lv", "la").out
    other = synthboost(*call, "--structures", "lv")
    assert other.code == 2
    assert "sentences: not as the folder was begun with" in other.err


def test_structures_and_sentences_together_are_refused(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path
) -> None:
    picture = _png(tmp_path / "e.png")
    options = ("--structures", "lv", "--sentences", "The wall.")
    answer = synthboost("predict", picture, "--checkpoint", trained_run, "--out", tmp_path / "out", *options)
    assert answer.code == 2
    assert "one of the two" in answer.err
    assert not (tmp_path / "out").exists()


def test_beside_an_ejection_fraction_of_the_weights_that_ship_it_says_that_it_is_too_low(
    synthboost: Callable[..., Any], trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _png(tmp_path / "echo.png")
    monkeypatch.setattr(RecordingResult, "fraction", "echo 40.0 %")
    call = ("predict", tmp_path / "echo.png", "--checkpoint", trained_run, "--out", tmp_path / "out")
    assert synthboost(*call).out.endswith("\nEF, single plane: echo 40.0 %\n")
    monkeypatch.setattr(predict, "DEFAULT", str(trained_run))
    assert "note: the weights that ship find it too low in real patients" in synthboost(*call).err
