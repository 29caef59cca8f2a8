"""Reading MetaImage: the header is text from strangers."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from synthboost.data.image_file import read_image
from synthboost.errors import DataError
from synthboost.io.mhd import open_mhd


@pytest.fixture
def frame(write_image, corner):
    return write_image(corner[None], (1.54, 0.154, 0.308), "frame.mhd")


def _edit(path, old: str, new: str):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_one_slice_is_a_frame_with_rows_before_columns(frame, corner):
    image, spacing_mm = read_image(frame)
    assert np.array_equal(image, corner)
    assert spacing_mm == (0.154, 0.308)


@pytest.mark.parametrize("kind", [np.uint16, np.int64, np.uint64])
def test_two_axes_and_wide_numbers_are_read_as_simpleitk_reads_them(write_image, kind):
    path = write_image(np.array([[1, 2, 255]], kind), (0.5, 0.25), "wide.mhd")
    assert np.array_equal(open_mhd(path).only(), sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
    assert open_mhd(path).spacing_mm == sitk.ReadImage(str(path)).GetSpacing()[::-1] == (0.5, 0.25)


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../frame.raw", "sub/frame.raw", "other.raw", "..\\frame.raw", "LOCAL", "LIST", ".", ".."]
)
def test_a_header_that_points_elsewhere_is_refused_without_opening_it(frame, target):
    with pytest.raises(DataError, match="ElementDataFile"):
        open_mhd(_edit(frame, "= frame.raw", f"= {target}")).only()


def test_a_short_raw_file_is_refused_with_expected_and_actual_bytes(frame):
    raw = frame.with_suffix(".raw")
    raw.write_bytes(raw.read_bytes()[:11])
    with pytest.raises(DataError, match=r"frame\.raw: length: 11 bytes; expected 15 bytes"):
        open_mhd(frame).only()


def test_a_long_raw_file_is_refused(frame):
    with frame.with_suffix(".raw").open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(DataError, match="length: 16 bytes; expected 15 bytes"):
        open_mhd(frame).only()


def test_a_lost_raw_file_is_named(frame):
    frame.with_suffix(".raw").unlink()
    with pytest.raises(DataError, match=r"frame\.raw: file: No such file"):
        open_mhd(frame).only()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("DimSize = 5 3 1", "DimSize = 5 1 3", "5 x 1 x 3 (columns x rows x frames)"),
        ("DimSize = 5 3 1", "DimSize = 30000 30000 1", "size"),
        ("DimSize = 5 3 1", "DimSize = -5 3 1", "size"),
        ("DimSize = 5 3 1", "DimSize = inf 3 1", "DimSize"),
        ("DimSize = 5 3 1", "DimSize = nan 3 1", "DimSize"),
        ("DimSize = 5 3 1", "DimSize = 5 3", "DimSize"),
        ("DimSize = 5 3 1", "DimSize = five 3 1", "DimSize"),
        ("DimSize = 5 3 1\n", "", "DimSize: absent"),
        ("NDims = 3", "NDims = 4", "NDims"),
        ("ElementSpacing = 0.308", "ElementSpacing = 0", "ElementSpacing of the columns"),
        ("0.154", "nan", "ElementSpacing of the rows"),
        ("CompressedData = False", "CompressedData = True", "CompressedData"),
        ("MET_UCHAR", "MET_STRING", "ElementType"),
        ("ObjectType", "DistanceUnits = cm\nObjectType", "DistanceUnits"),
        ("ByteOrderMSB = False", "ByteOrderMSB = 1", "BinaryDataByteOrderMSB"),
        ("BinaryData = True", "BinaryData True", ":3: line"),
        ("NDims = 3", "NDims = 3\nNDims = 2", "NDims"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused_by_field(frame, old, new, field):
    with pytest.raises(DataError) as caught:
        open_mhd(_edit(frame, old, new)).only()
    assert str(frame) in str(caught.value)
    assert field in str(caught.value)


def test_several_channels_are_refused(tmp_path):
    path = tmp_path / "rgb.mhd"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 5, 3), np.uint8), isVector=True), str(path))
    with pytest.raises(DataError, match="ElementNumberOfChannels: 3"):
        open_mhd(path).only()


def test_something_else_called_mhd_is_refused(tmp_path):
    path = tmp_path / "photo.mhd"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    with pytest.raises(DataError, match="PNG"):
        open_mhd(path).only()
