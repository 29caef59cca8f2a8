from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from synthboost.io.recordings import open_recording
from synthboost.io.volume import write_labels

LABELS = np.random.default_rng(0).integers(0, 4, (4, 3, 5)).astype(np.uint8)


def test_labels_of_a_nifti_clip_lie_where_the_clip_lies_without_its_words(tmp_path: Path) -> None:
    clip = sitk.GetImageFromArray(np.zeros((4, 3, 5), np.int16))
    clip.SetSpacing((0.4, 0.3, 2.0))
    clip.SetOrigin((7, -8, 9))
    clip.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, 1))
    sitk.WriteImage(clip, str(tmp_path / "clip.nii"))
    data = bytearray((tmp_path / "clip.nii").read_bytes())
    data[148:156] = b"DOE^JANE"
    (tmp_path / "clip.nii").write_bytes(data)
    file = write_labels(tmp_path, "labels", LABELS, open_recording(tmp_path / "clip.nii"))
    found = sitk.ReadImage(str(tmp_path / file))
    clip = sitk.ReadImage(str(tmp_path / "clip.nii"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), LABELS)
    assert found.GetPixelID() == sitk.sitkUInt8
    for name in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(found, name)() == getattr(clip, name)()
    assert b"DOE" not in gzip.decompress((tmp_path / file).read_bytes())


@pytest.mark.parametrize("frames", [1, 4])
def test_labels_of_an_mhd_have_its_spacing_and_no_rotation(tmp_path: Path, frames: int) -> None:
    image = sitk.GetImageFromArray(np.zeros((frames, 3, 5), np.uint8) if frames > 1 else np.zeros((3, 5), np.uint8))
    image.SetSpacing((0.4, 0.3, 1.0)[: image.GetDimension()])
    sitk.WriteImage(image, str(tmp_path / "x.mhd"))
    file = write_labels(tmp_path, "labels", LABELS[:frames], open_recording(tmp_path / "x.mhd"))
    found = sitk.ReadImage(str(tmp_path / file))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found).reshape(frames, 3, 5), LABELS[:frames])
    np.testing.assert_allclose(found.GetSpacing()[:2], (0.4, 0.3), rtol=1e-6)
    np.testing.assert_allclose(found.GetDirection(), np.eye(found.GetDimension()).ravel())


def test_labels_of_a_picture_are_a_png_whose_greys_are_the_labels(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((3, 5), np.uint8)).save(tmp_path / "x.png")
    file = write_labels(tmp_path, "labels", LABELS[:1], open_recording(tmp_path / "x.png"))
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / file)), LABELS[0])


def test_labels_of_a_clip_without_a_spacing_are_a_nifti_of_unknown_unit(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((3, 5), 10 * n, np.uint8)) for n in range(4)]
    pages[0].save(tmp_path / "x.tiff", save_all=True, append_images=pages[1:])
    file = write_labels(tmp_path, "labels", LABELS, open_recording(tmp_path / "x.tiff"))
    assert gzip.decompress((tmp_path / file).read_bytes())[123] == 0
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / file))), LABELS)
