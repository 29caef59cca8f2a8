from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from synthboost.data.image_file import read_label_map
from synthboost.errors import DataError
from synthboost.inference.picture import find_pictures, read_picture, write_mask_image, write_overlay

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


@pytest.mark.parametrize("name", ["a.png", "b.bmp", "c.tiff"])
def test_a_grey_picture_comes_pixel_by_pixel_without_a_spacing(tmp_path: Path, name: str) -> None:
    Image.fromarray(GREY).save(tmp_path / name)
    picture = read_picture(tmp_path / name)
    np.testing.assert_array_equal(picture.image, GREY)
    assert picture.spacing_mm is None
    assert picture.stem == name[0]


def test_three_equal_channels_are_one(tmp_path: Path) -> None:
    Image.fromarray(np.repeat(GREY[..., None], 3, axis=2)).save(tmp_path / "rgb.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "rgb.png").image, GREY)


def test_a_nifti_comes_with_its_spacing(tiny_camus: Path) -> None:
    picture = read_picture(tiny_camus / "database_nifti/patient0001/patient0001_2CH_ED.nii.gz")
    assert picture.image.shape == (64, 48)
    assert picture.spacing_mm == pytest.approx((0.8, 1.0))
    assert picture.stem == "patient0001_2CH_ED"


@pytest.mark.parametrize("mode", ["P", "RGBA", "I;16", "CMYK"])
def test_pictures_that_do_not_say_what_grey_they_mean_are_refused(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(GREY)
    path = tmp_path / "odd.tiff"
    (Image.fromarray(GREY.astype(np.uint16) * 200) if mode == "I;16" else picture.convert(mode)).save(path)
    with pytest.raises(DataError, match=rf"odd\.tiff: mode: {mode}"):
        read_picture(path)


def test_an_animation_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(GREY + 1)]
    frames[0].save(tmp_path / "film.tiff", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match="one frame"):
        read_picture(tmp_path / "film.tiff")


@pytest.mark.parametrize("content", [b"", b"<html>no image</html>"])
def test_something_else_with_the_name_of_a_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.png"):
        read_picture(tmp_path / "x.png")


def test_a_truncated_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"half\.png"):
        read_picture(path)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (30_000, 3_000)).save(path)
    with pytest.raises(DataError, match="30000 x 3000"):
        read_picture(path)


def test_annotations_and_hidden_files_are_not_predicted(tiny_camus: Path) -> None:
    found = find_pictures(tiny_camus / "database_nifti")
    assert len(found) == 16
    assert not any("_gt" in path.name for path in found)


def test_a_folder_without_pictures_and_an_absent_path_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none"):
        find_pictures(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        find_pictures(tmp_path / "absent")


def test_a_mask_of_a_nifti_is_a_nifti_of_the_same_geometry(tiny_camus: Path, tmp_path: Path) -> None:
    source = tiny_camus / "database_nifti/patient0001/patient0001_2CH_ED.nii.gz"
    picture = read_picture(source)
    mask = picture.image > 100
    file = write_mask_image(tmp_path, "mask", mask, picture)
    found, spacing = read_label_map(tmp_path / file)
    np.testing.assert_array_equal(found.astype(bool), mask)
    assert spacing == pytest.approx(picture.spacing_mm)
    assert sitk.ReadImage(str(tmp_path / file)).GetDirection() == sitk.ReadImage(str(source)).GetDirection()


def test_a_mask_of_a_png_is_a_png(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    file = write_mask_image(tmp_path, "mask", GREY > 100, read_picture(tmp_path / "a.png"))
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / file)), GREY > 100)


def test_an_overlay_shows_pixels_square_in_millimetres(tiny_camus: Path, tmp_path: Path) -> None:
    picture = read_picture(tiny_camus / "database_nifti/patient0001/patient0001_2CH_ED.nii.gz")
    write_overlay(tmp_path / "overlay.png", picture, np.stack([picture.image > 100, picture.image > 200]))
    drawn = Image.open(tmp_path / "overlay.png")
    assert drawn.mode == "RGB"
    assert drawn.size == (60, 64)  # 48 columns of 1 mm on rows of 0.8 mm
