"""Image and label map belong together."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from synthboost.data.image_file import check_grid, read_image, read_label_map
from synthboost.errors import DataError


def test_an_image_and_its_label_map_come_on_one_grid(write_image, corner):
    label_path = write_image((corner > 0).astype(np.uint8), name="frame_gt.nii.gz")
    path = write_image(corner)
    (image, spacing_mm), labels = read_image(path), read_label_map(label_path)
    check_grid(path, (image, spacing_mm), label_path, labels)
    label_map = labels[0]
    assert (image[0, 4], label_map[0, 4], label_map.sum()) == (200, 1, 1)
    assert spacing_mm == (0.5, 0.25)


def test_images_are_writable_and_contiguous(write_image, corner):
    image, _ = read_image(write_image(corner))
    assert image.flags.writeable
    assert image.flags.c_contiguous


def test_different_sizes_are_refused_and_both_named(write_image, corner):
    path, label_path = write_image(corner), write_image(np.zeros((5, 3), np.uint8), name="frame_gt.nii.gz")
    with pytest.raises(DataError, match=r"frame_gt.*3 x 5 \(columns x rows\); expected 5 x 3 .*as image\.nii\.gz has"):
        check_grid(path, read_image(path), label_path, read_label_map(label_path))


def test_different_spacings_are_refused_and_both_named(write_image, corner):
    path, label_path = write_image(corner), write_image(np.zeros_like(corner), (0.25, 0.5), name="frame_gt.nii.gz")
    with pytest.raises(DataError, match=r"\(0\.25, 0\.5\); expected \(0\.5, 0\.25\)"):
        check_grid(path, read_image(path), label_path, read_label_map(label_path))


def test_an_unknown_kind_of_file_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(DataError, match=r"\.jpg; expected one of \.nii\.gz, \.nii, \.mhd, \.png"):
        read_image(tmp_path / "image.jpg")


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.png"])
def test_other_numbers_are_read_by_the_coding_of_their_data_set(tmp_path, write_image, name):
    numbers = np.array([[0, 85, 170], [255, 0, 85]], np.uint8)
    path = tmp_path / name
    if name.endswith(".png"):
        Image.fromarray(numbers).save(path)
    else:
        path = write_image(numbers, name=name)
    coding = {0: 0, 85: 1, 170: 2, 255: 3}
    np.testing.assert_array_equal(read_label_map(path, coding)[0], [[0, 1, 2], [3, 0, 1]])
    with pytest.raises(DataError, match="labels: 85, 170; expected only 0, 255"):
        read_label_map(path, {0: 0, 255: 3})
