"""Reading NIfTI: right for sound files, and a named error for each way of being broken."""

from __future__ import annotations

import errno
import gzip
import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from synthboost.data.image_file import read_image, read_label_map
from synthboost.errors import DataError, OutputError
from synthboost.io.nifti import new_header, open_nifti, write_nifti


def test_rows_and_columns_and_their_spacings_are_not_exchanged(write_image, corner):
    opened = open_nifti(write_image(corner, spacing_mm=(0.154, 0.308)))
    pixels, spacing_mm = opened.only(), opened.spacing_mm
    assert pixels.shape == (3, 5)
    assert pixels[0, 4] == 200
    assert spacing_mm == (0.154, 0.308)


def test_the_first_axis_on_disk_becomes_the_columns(write_image, corner):
    path = write_image(corner)
    stored = gzip.decompress(path.read_bytes())[352:]
    assert stored.index(200) == 4  # the fifth value of the file is the end of the first row
    assert open_nifti(path).only()[0, 4] == 200


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_every_number_type_is_read_as_simpleitk_reads_it(write_image, kind, suffix):
    grey = np.random.default_rng(3).integers(0, 256, (7, 4)).astype(kind)
    path = write_image(grey, name="grey" + suffix)
    image, spacing_mm = read_image(path)
    other = sitk.ReadImage(str(path))
    assert image.dtype == np.uint8
    assert np.array_equal(image, sitk.GetArrayFromImage(other))
    assert spacing_mm == pytest.approx(other.GetSpacing()[::-1], rel=1e-6)


def test_a_big_endian_file_is_read_alike(tmp_path, write_image):
    nib_like = gzip.decompress(write_image(np.array([[1, 256]], np.int16)).read_bytes())
    header = bytearray(nib_like)
    for start, size, count in ((0, 4, 1), (40, 2, 8), (68, 2, 4), (76, 4, 8), (108, 4, 3)):
        for at in range(start, start + size * count, size):
            header[at : at + size] = header[at : at + size][::-1]
    header[352:] = np.array([[1, 256]], ">i2").tobytes()
    path = tmp_path / "big.nii"
    path.write_bytes(header)
    assert open_nifti(path).only().tolist() == [[1, 256]]


def test_a_file_of_several_gzip_members_is_read_whole(tmp_path, write_image, corner):
    data = gzip.decompress(write_image(corner).read_bytes())
    path = tmp_path / "two.nii.gz"
    path.write_bytes(gzip.compress(data[:355]) + gzip.compress(data[355:]))
    assert open_nifti(path).only()[0, 4] == 200


def _refused(path: Path, *parts: str) -> None:
    with pytest.raises(DataError) as caught:
        read_image(path)
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(path), *parts):
        assert part in message


def test_a_gzip_file_of_a_hundred_thousand_empty_members_is_refused(write_image, corner):
    path = write_image(corner)
    path.write_bytes(100_000 * gzip.compress(b"") + path.read_bytes())
    with pytest.raises(DataError, match="members: more than 65536"):
        read_image(path)


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_truncated_nifti_is_refused_and_named(write_image, kept, suffix):
    path = write_image(np.random.default_rng(0).integers(0, 256, (40, 40)).astype(np.uint8), name="cut" + suffix)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    _refused(path, "length")


def test_a_nifti_that_lacks_only_its_checksum_is_refused(write_image, corner):
    path = write_image(corner)
    path.write_bytes(path.read_bytes()[:-8])
    _refused(path, "truncated")


def test_a_gzip_file_of_too_few_pixels_is_refused_with_both_lengths(write_image, corner):
    path = write_image(corner)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-2]))
    _refused(path, "17 bytes", "19 bytes")  # 4 bytes of padding and 15 pixels, two of them gone


def test_a_nifti_longer_than_its_header_says_is_refused(write_image, corner):
    path = write_image(corner)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + b"x"))
    _refused(path, "more than 19 bytes")


def test_every_flipped_byte_of_the_compressed_pixels_is_noticed(write_image):
    path = write_image(np.random.default_rng(0).integers(0, 256, (16, 16)).astype(np.uint8))
    sound = path.read_bytes()
    for at in range(len(sound) - 120, len(sound)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0x10]) + sound[at + 1 :])
        with pytest.raises(DataError, match=r"damaged|length|format"):
            read_image(path)


def test_a_web_page_called_nii_gz_is_refused_with_its_first_bytes(tmp_path):
    path = tmp_path / "page.nii.gz"
    path.write_text("<!DOCTYPE html><html>Not found</html>")
    _refused(path, "<!DOCTYPE html>", "gzip")


def test_an_empty_file_is_refused(tmp_path):
    for name in ("empty.nii.gz", "empty.nii"):
        (tmp_path / name).touch()
        _refused(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    _refused(tmp_path / "nobody.nii.gz", "No such file")


@pytest.mark.parametrize("dim", [(2, 30000, 30000), (2, 4097, 1), (2, -5, 3), (2, 0, 3)])
def test_impossible_sizes_are_refused_before_memory_is_asked_for(write_image, patch_header, corner, dim):
    _refused(patch_header(write_image(corner), 40, "<3h", *dim), f"{dim[1]} x {dim[2]}", "4096")


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf, -0.3, 1e6])
@pytest.mark.parametrize(("offset", "axis"), [(80, "columns"), (84, "rows")])
def test_an_impossible_spacing_is_refused_and_its_axis_named(write_image, patch_header, corner, value, offset, axis):
    _refused(patch_header(write_image(corner), offset, "<f", value), f"pixdim of the {axis}", "mm")


def test_spacing_in_metres_or_microns_becomes_millimetres(write_image, patch_header, corner):
    for unit, pixdim in ((1, 0.0005), (3, 500.0)):
        path = patch_header(write_image(corner), 80, "<2f", pixdim, pixdim)
        assert open_nifti(patch_header(path, 123, "<B", unit)).spacing_mm == pytest.approx((0.5, 0.5))


def test_a_volume_is_refused_and_one_slice_is_not(write_image):
    _refused(write_image(np.zeros((4, 3, 5), np.uint8), (1, 0.5, 0.5)), "5 x 3 x 4", "2-D")
    with pytest.raises(DataError, match="1 x 3 x 5; expected one 2-D image or clip"):  # a frame saved as a slice
        open_nifti(write_image(np.zeros((5, 3, 1), np.uint8), (1, 0.5, 0.5)))
    assert read_image(write_image(np.zeros((1, 3, 5), np.uint8), (1, 0.5, 0.25)))[0].shape == (3, 5)


def test_colour_is_refused(tmp_path, write_image, patch_header, corner):
    _refused(patch_header(write_image(corner), 70, "<2h", 128, 24), "datatype: RGB;")
    vectors = sitk.GetImageFromArray(np.zeros((3, 5, 3), np.uint8), isVector=True)
    sitk.WriteImage(vectors, str(tmp_path / "rgb.nii.gz"))
    _refused(tmp_path / "rgb.nii.gz", "5 x 3 x 1 x 1 x 3")


def test_a_scaling_that_makes_fractions_of_labels_is_refused(write_image, patch_header):
    path = patch_header(write_image(np.array([[0, 1, 2, 3]], np.uint8)), 112, "<2f", 2.5, 2.0)
    with pytest.raises(DataError, match=r"scl_slope: 2.5 \(scl_inter 2\)"):
        read_label_map(path)


def test_a_scaling_that_gives_other_labels_is_refused(write_image, patch_header):
    path = patch_header(write_image(np.array([[0, 1, 1, 3]], np.uint8)), 112, "<2f", 2.0, 5.0)
    with pytest.raises(DataError, match=r"labels: 5 \(1 px\), 7 \(2 px\), 11 \(1 px\)"):
        read_label_map(path)


def test_a_scaling_that_gives_true_grey_values_is_applied(write_image, patch_header):
    path = patch_header(write_image(np.array([[0, 1, 100]], np.uint8)), 112, "<2f", 2.0, 1.0)
    assert read_image(path)[0].tolist() == [[1, 3, 201]]
    with pytest.raises(DataError, match=r"scl_inter: nan; expected a number, as scl_slope is 2"):
        read_image(patch_header(path, 112, "<2f", 2.0, math.nan))
    assert read_image(patch_header(path, 112, "<2f", math.nan, math.nan))[0].tolist() == [[0, 1, 100]]


@pytest.mark.parametrize(
    ("pixels", "part"),
    [
        (np.array([[0, np.nan, 1]], np.float32), "1 of 3 are NaN"),
        (np.array([[0, np.inf, -np.inf]], np.float32), "2 of 3 are NaN"),
        (np.array([[0, 0.5, 1]], np.float32), "1 of 3 not whole"),
        (np.array([[0, 40000]], np.uint16), "0 to 40000"),
        (np.array([[-1, 200]], np.int16), "-1 to 200"),
    ],
)
def test_pixels_that_are_not_grey_values_are_refused_not_clipped(write_image, pixels, part):
    _refused(write_image(pixels), part)


@pytest.mark.parametrize(
    ("labels", "part"),
    [
        (np.array([[0, 4, 4]], np.uint8), "4 (2 px)"),
        (np.array([[0, 255, 1]], np.uint8), "255 (1 px)"),
        (np.array([[-1, 2, 2]], np.int16), "-1 (1 px)"),
        (np.array([[1.5, 2, 1.5]], np.float32), "1.5 (2 px)"),
        (np.arange(20, dtype=np.uint8)[None], "and 8 more values"),
    ],
)
def test_foreign_labels_are_refused_with_values_and_counts(write_image, labels, part):
    with pytest.raises(DataError) as caught:
        read_label_map(write_image(labels))
    assert part in str(caught.value)


def test_header_fields_that_make_no_sense_are_refused(write_image, patch_header, corner):
    for offset, form, value, field in (
        (40, "<h", 9, "dim[0]"),
        (70, "<h", 1536, "datatype"),
        (72, "<h", 16, "bitpix"),
        (108, "<f", math.nan, "vox_offset"),
        (108, "<f", 1e12, "vox_offset"),
        (344, "<4s", b"ni1\0", "magic"),
        (0, "<i", 540, "format"),
        (123, "<B", 5, "xyzt_units"),
    ):
        _refused(patch_header(write_image(corner), offset, form, value), field)


@pytest.mark.parametrize(
    "name",
    ["with space", "心臓 🫀", "-rf", "new\nline", "=1+1", "é" * 100],
    ids=["space", "cjk", "dash", "newline", "formula", "long"],
)
def test_odd_file_names_are_read(write_image, corner, name):
    source = write_image(corner)
    path = source.rename(source.with_name(name + ".nii.gz"))
    assert read_image(path)[0][0, 4] == 200


@pytest.mark.parametrize("frames", [1, 4])
def test_what_is_written_lies_where_simpleitk_would_put_it(tmp_path: Path, frames: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (frames, 3, 5)).astype(np.uint8)
    ours, theirs = tmp_path / "ours.nii.gz", tmp_path / "theirs.nii.gz"
    write_nifti(ours, pixels, new_header((3, 5), (0.154, 0.308), frames))
    image = sitk.GetImageFromArray(pixels if frames > 1 else pixels[0])
    image.SetSpacing((0.308, 0.154, 1.0)[: image.GetDimension()])
    sitk.WriteImage(image, str(theirs))
    one, other = sitk.ReadImage(str(ours)), sitk.ReadImage(str(theirs))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(one).reshape(pixels.shape), pixels)
    for name in ("GetSpacing", "GetOrigin", "GetDirection", "GetPixelID"):
        assert getattr(one, name)() == getattr(other, name)()
    np.testing.assert_array_equal(np.stack(list(open_nifti(ours).frames())), pixels)


def test_the_same_pixels_are_the_same_bytes_whatever_the_time_and_the_name(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(tmp_path / name, [np.eye(3, dtype=np.uint8)], new_header((3, 3), None))
    first = (tmp_path / "a.nii.gz").read_bytes()
    assert first == (tmp_path / "b.nii.gz").read_bytes()
    assert first[4:8] == bytes(4)  # no time


def test_a_full_disk_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="no space left"):
        write_nifti(tmp_path / "x.nii.gz", [np.eye(3, dtype=np.uint8)], new_header((3, 3), None))
    assert not list(tmp_path.iterdir())
