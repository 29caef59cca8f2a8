from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from PIL import Image

from synthboost.app.results import label_values, zip_masks
from synthboost.inference.predictor import Prediction
from synthboost.io.nifti import new_header, nifti_bytes

SENTENCES = ["Left ventricular cavity of the heart.", "Myocardium of the heart."]
PROBABILITY = np.array([[[0.9, 0.6, 0.1]], [[0.8, 0.7, 0.2]]], np.float32)


def _zip(sentences: list[str]) -> zipfile.ZipFile:
    packed = zip_masks(Prediction(tuple(sentences), PROBABILITY, 0.5), (0.5, 2.0), Image.new("RGB", (4, 4)))
    return zipfile.ZipFile(io.BytesIO(packed))


def test_the_zip_holds_the_masks_the_label_map_and_the_numbers() -> None:
    with _zip(SENTENCES) as pack:
        assert pack.namelist() == [
            "README.txt", "label_map.png", "label_map.nii.gz", "mask1_LV.png", "mask2_MYO.png", "overlay.png",
            "masks.csv",
        ]  # fmt: skip
        assert np.asarray(Image.open(pack.open("label_map.png"))).tolist() == [[1, 2, 0]]
        assert np.asarray(Image.open(pack.open("mask1_LV.png"))).tolist() == [[True, True, False]]
        rows = list(csv.DictReader(io.StringIO(pack.read("masks.csv").decode())))
    assert [(row["value"], row["pixels"], row["area_mm2"]) for row in rows] == [("1", "2", "2.00"), ("2", "2", "2.00")]


def test_sentences_about_one_structure_are_numbered() -> None:
    assert label_values(SENTENCES[::-1]) == [2, 1]
    assert label_values(["Myocardium.", "Myocardium of the heart.", "a wall"]) == [1, 2, 3]


def test_a_sentence_is_no_formula_and_no_path() -> None:
    with _zip(["=1+1", "../../etc/passwd"]) as pack:
        assert {"mask1.png", "mask2.png"} <= set(pack.namelist())
        assert "'=1+1" in pack.read("masks.csv").decode()


def test_the_nifti_says_the_spacing(tmp_path: Path) -> None:
    path = tmp_path / "map.nii.gz"
    label_map = np.array([[1, 2, 3], [0, 0, 2]], np.uint8)
    path.write_bytes(nifti_bytes([label_map], new_header(label_map.shape, (0.5, 2.0))))
    read = sitk.ReadImage(str(path))
    assert read.GetSpacing() == (2.0, 0.5)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), label_map)


def test_a_picture_in_the_zip_says_nothing_beside_its_pixels() -> None:
    overlay = Image.new("L", (2, 2))
    overlay.info["who"] = "somebody"
    packed = zip_masks(Prediction(tuple(SENTENCES), PROBABILITY, 0.5), None, overlay)
    with zipfile.ZipFile(io.BytesIO(packed)) as pack, Image.open(pack.open("overlay.png")) as read:
        assert read.info == {}
