"""`synthboost predict`: a PNG, a NIfTI, a folder with a broken file."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from PIL import Image


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
    assert "1 of 1 images predicted" in answer.out
    lines = _lines(out)
    assert [line["sentence"] for line in lines] == list(sentences[1:])
    with Image.open(out / lines[0]["mask"]) as mask:
        assert mask.size == (30, 40)
        assert int(np.array(mask).sum()) == int(lines[0]["pixels"])
    assert lines[0]["area_mm2"] == ""
    assert (out / "echo_overlay.png").is_file()


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
    assert "2 of 3 images predicted" in answer.out
    assert answer.err.splitlines()[-1].startswith("ERROR ")
    (failed,) = [line for line in _lines(out) if line["reason"]]
    assert failed["image"].endswith("broken.png")
    assert {path.name for path in out.glob("*_overlay.png")} == {"one_overlay.png", "b_one_overlay.png"}


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
