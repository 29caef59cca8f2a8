from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from synthboost.errors import DataError
from synthboost.io.recordings import open_recording

CLIP = np.arange(4 * 3 * 5, dtype=np.uint8).reshape(4, 3, 5)


def _write(path: Path, clip: np.ndarray) -> Path:
    image = sitk.GetImageFromArray(clip)
    image.SetSpacing((0.4, 0.3, 1.0)[: clip.ndim])
    sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize("name", ["clip.nii.gz", "clip.nii", "clip.mhd"])
def test_a_clip_comes_frame_by_frame_with_its_spacing(tmp_path: Path, name: str) -> None:
    recording = open_recording(_write(tmp_path / name, CLIP))
    assert (recording.length, recording.whole_shape) == (4, (3, 5))
    assert recording.spacing_mm == pytest.approx((0.3, 0.4))
    np.testing.assert_array_equal(np.stack(list(recording.frames())), CLIP)


def test_a_fourth_axis_of_time_says_how_long_a_frame_lasts(tmp_path: Path) -> None:
    path = _write(tmp_path / "clip.nii", CLIP)
    data = bytearray(path.read_bytes())
    data[40:56] = struct.pack("<8h", 4, 5, 3, 1, 4, 1, 1, 1)
    data[92:96] = struct.pack("<f", 20)
    data[123] = 2 | 16  # mm and ms
    path.write_bytes(data)
    recording = open_recording(path)
    assert recording.length == 4
    assert recording.frame_seconds == pytest.approx(0.02)


def test_a_single_frame_is_a_clip_of_one(tmp_path: Path) -> None:
    recording = open_recording(_write(tmp_path / "one.nii.gz", CLIP[0]))
    np.testing.assert_array_equal(next(recording.frames()), CLIP[0])


@pytest.mark.parametrize("name", ["clip.nii.gz", "clip.nii", "clip.mhd"])
def test_a_truncated_clip_is_refused(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / name, CLIP)
    pixels = path.with_suffix(".raw") if name.endswith("mhd") else path
    pixels.write_bytes(pixels.read_bytes()[:-9])
    with pytest.raises(DataError, match="length"):
        list(open_recording(path).frames())


def test_a_bomb_is_refused_by_what_its_header_says(tmp_path: Path) -> None:
    data = bytearray(_write(tmp_path / "clip.nii", CLIP).read_bytes()[:352])
    data[40:56] = struct.pack("<8h", 3, 4096, 4096, 9000, 1, 1, 1, 1)  # 150 GB
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(bytes(data) + bytes(10_000_000)))
    with pytest.raises(DataError, match="at most 1000000000 pixels"):
        open_recording(path)


def test_a_bomb_with_an_innocent_header_is_inflated_no_further_than_that(tmp_path: Path) -> None:
    data = _write(tmp_path / "clip.nii", CLIP).read_bytes()
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(data + bytes(50_000_000)))
    with pytest.raises(DataError, match="goes on"):
        list(open_recording(path).frames())
