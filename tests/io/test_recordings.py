from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from synthboost.errors import DataError
from synthboost.io.pictures import read_labels_png
from synthboost.io.recordings import find_recordings, left_out, open_recording, write_labels

LABELS = np.random.default_rng(0).integers(0, 4, (4, 3, 5)).astype(np.uint8)


def test_annotations_hidden_files_and_others_are_left_out(tiny_camus: Path) -> None:
    root = tiny_camus / "database_nifti"
    (root / ".hidden").mkdir()
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(root / ".hidden" / "a.png")
    (root / "notes.txt").write_text("no image")
    found = find_recordings(root)
    assert len(found) == 16
    assert not any("_gt" in path.name for path in found)
    others = left_out(root, found)
    assert len(others) == 16 + 8 + 1  # annotations, a cfg for each view, the notes
    assert {"notes.txt", "patient0001/Info_2CH.cfg", "patient0001/patient0001_2CH_ED_gt.nii.gz"} < {*others}


def test_predictions_are_no_recordings_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("a.png", "out/a/overlay.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / name)
    result = tmp_path / "out" / "a"
    for name in ("result.json", "contours.json"):
        (result / name).write_text("{}")
    assert find_recordings(tmp_path) == [tmp_path / "a.png"]
    assert left_out(tmp_path, [tmp_path / "a.png"]) == []
    for asked in (tmp_path / "out", result, result / "overlay.png"):
        with pytest.raises(DataError, match="what `predict` wrote; expected recordings"):
            find_recordings(asked)


@pytest.mark.parametrize(
    ("name", "head", "inside"),
    [
        ("x.dcm", b"\0\0\0\x20ftypisom", ".mp4"), ("x.png", b"RIFF\0\0\0\0AVI LIST", ".avi"),
        ("x.mp4", b"\x89PNG\r\n", ".png"), ("x", b"\xff\xd8\xff\xe0", ".jpg"), ("x.png.txt", b"\x89PNG\r\n", ".png"),
    ],
)  # fmt: skip
def test_a_file_that_is_something_else_than_its_name_says_gets_its_right_name(
    tmp_path: Path, name: str, head: bytes, inside: str
) -> None:
    (tmp_path / name).write_bytes(head)
    with pytest.raises(DataError, match=rf"content: that of a {inside} file; .* Rename it to x{inside}\.$"):
        open_recording(tmp_path / name)


def test_recordings_in_linked_folders_are_found_once_and_links_to_a_folder_above_end(tmp_path: Path) -> None:
    for name in ("elsewhere/a.png", "set/b.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "set" / "patient").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "above").symlink_to(tmp_path / "set")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "set")
    assert find_recordings(tmp_path / "set") == [tmp_path / "set" / "b.png", tmp_path / "set" / "patient" / "a.png"]


def test_dicom_without_an_ending_is_found_by_its_mark(tmp_path: Path, make_dicom) -> None:
    made = make_dicom("IM0001", np.zeros((1, 4, 4), np.uint8))
    (tmp_path / "DICOMDIR2").write_bytes(b"no dicom")
    (tmp_path / "DICOMDIR").write_bytes(made.read_bytes())  # lists what is on a disc
    assert find_recordings(tmp_path) == [made]


def test_a_folder_without_recordings_and_an_absent_path_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none"):
        find_recordings(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        find_recordings(tmp_path / "absent")


@pytest.mark.parametrize("name", ["x.dcm", "x.png", "x.nii.gz", "x.nii", "x.mhd", "x.mp4", "x.gif", "x"])
def test_no_bytes_at_all_are_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match="0 bytes"):
        open_recording(tmp_path / name)


def test_a_folder_called_dcm_is_found_and_refused(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").mkdir()
    (path,) = find_recordings(tmp_path)
    with pytest.raises(DataError, match="a folder"):
        open_recording(path)


def test_an_unknown_kind_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "echo.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n")
    with pytest.raises(DataError, match=r"kind of file: \.eps; expected one of \.dcm"):
        open_recording(tmp_path / "echo.eps")


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
    ventricle = np.minimum(LABELS[0], 1)  # without another label a bit is enough
    file = write_labels(tmp_path, "labels", [ventricle], open_recording(tmp_path / "x.png"))
    np.testing.assert_array_equal(read_labels_png(tmp_path / file), ventricle)


def test_labels_of_a_clip_without_a_spacing_are_a_nifti_of_unknown_unit(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((3, 5), 10 * n, np.uint8)) for n in range(4)]
    pages[0].save(tmp_path / "x.tiff", save_all=True, append_images=pages[1:])
    file = write_labels(tmp_path, "labels", LABELS, open_recording(tmp_path / "x.tiff"))
    assert gzip.decompress((tmp_path / file).read_bytes())[123] == 0
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / file))), LABELS)


def test_labels_of_an_mhd_lie_where_it_lies(tmp_path: Path) -> None:
    clip = sitk.GetImageFromArray(np.zeros((4, 3, 5), np.uint8))
    clip.SetSpacing((0.4, 0.3, 2.0))
    clip.SetOrigin((7, -8, 9))
    clip.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))  # not its own inverse
    sitk.WriteImage(clip, str(tmp_path / "clip.mhd"))
    found = sitk.ReadImage(str(tmp_path / write_labels(tmp_path, "x", LABELS, open_recording(tmp_path / "clip.mhd"))))
    for name in ("GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(found, name)(), getattr(clip, name)(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("matrix", ["1 2 3 4 5 6 7 8 9", "nan 0 0 0 1 0 0 0 1", "0 0 0 0 0 0 0 0 0", "1", "one"])
def test_a_matrix_that_is_no_rotation_is_left_out(tmp_path: Path, matrix: str) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 3, 5), np.uint8)), str(tmp_path / "x.mhd"))
    header = (tmp_path / "x.mhd").read_text()
    assert "TransformMatrix = 1 0 0 0 1 0 0 0 1" in header
    (tmp_path / "x.mhd").write_text(header.replace("= 1 0 0 0 1 0 0 0 1", f"= {matrix}"))
    found = sitk.ReadImage(str(tmp_path / write_labels(tmp_path, "y", LABELS, open_recording(tmp_path / "x.mhd"))))
    np.testing.assert_allclose(found.GetDirection(), np.eye(3).ravel())


TURNED = np.array([[0.0, -0.4, 0.1, 5], [0.3, 0.0, 0.2, -6], [0.0, 0.1, 1.5, 7], [0, 0, 0, 1]])
ROTATED = np.array([[0, -0.4, 0, 5], [-0.3, 0, 0, -6], [0, 0, -1.5, 7], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 4), (5, 3, 1), (5, 3, 1, 4)], ids=str)
@pytest.mark.parametrize("codes", [(0, 0), (1, 0), (0, 2), (1, 2)], ids=str)
@pytest.mark.parametrize("affine", [ROTATED, TURNED], ids=["rotated", "sheared"])
def test_labels_of_a_nifti_lie_where_it_lies_for_every_reader(
    tmp_path: Path, shape: tuple[int, ...], codes: tuple[int, int], affine: np.ndarray
) -> None:
    image = nib.Nifti1Image(np.zeros(shape, np.uint8), affine)
    image.header.set_qform(ROTATED, code=codes[0])
    image.header.set_sform(affine, code=codes[1])
    image.header.set_xyzt_units("mm", "msec")
    nib.save(image, tmp_path / "x.nii.gz")
    recording = open_recording(tmp_path / "x.nii.gz")
    written = tmp_path / write_labels(tmp_path, "y", LABELS[: recording.length], recording)
    given, found = nib.load(tmp_path / "x.nii.gz"), nib.load(written)
    np.testing.assert_array_equal(found.affine, given.affine)
    assert found.shape == given.shape
    for name in ("get_zooms", "get_xyzt_units", "get_qform", "get_sform"):
        np.testing.assert_array_equal(getattr(found.header, name)(), getattr(given.header, name)())
    if affine is ROTATED:  # ITK refuses others
        _lie_together(sitk.ReadImage(str(tmp_path / "x.nii.gz")), sitk.ReadImage(str(written)))


@pytest.mark.parametrize("names", [("Offset", "TransformMatrix"), ("Position", "Rotation"), ("Origin", "Orientation")])
@pytest.mark.parametrize("axes", [2, 3])
def test_labels_of_an_mhd_lie_where_it_lies_for_every_reader(tmp_path: Path, names: tuple[str, str], axes: int) -> None:
    image = sitk.GetImageFromArray(np.zeros((4, 3, 5)[-axes:], np.uint8))
    image.SetSpacing((0.4, 0.3, 1.5)[:axes])
    image.SetOrigin((5.5, -6.25, 7)[:axes])
    image.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1) if axes == 3 else (0, -1, 1, 0))
    sitk.WriteImage(image, str(tmp_path / "x.mhd"))
    header = (tmp_path / "x.mhd").read_text()
    for usual, name in zip(("Offset", "TransformMatrix"), names, strict=True):
        header = header.replace(f"{usual} =", f"{name} =")
    (tmp_path / "x.mhd").write_text(header)
    recording = open_recording(tmp_path / "x.mhd")
    written = tmp_path / write_labels(tmp_path, "y", LABELS[: recording.length], recording)
    _lie_together(image, sitk.ReadImage(str(written)))
    # From right to left and from front to back, as NIfTI counts: columns run along y, rows against x.
    rotation = np.array([[0, 0.3, 0], [-0.4, 0, 0], [0, 0, 1.5 if axes == 3 else 1]])
    np.testing.assert_allclose(nib.load(written).affine[:3, :3], rotation, atol=1e-6)
    np.testing.assert_allclose(nib.load(written).affine[:3, 3], (-5.5, 6.25, 7 if axes == 3 else 0), atol=1e-6)


def _lie_together(given: sitk.Image, found: sitk.Image) -> None:
    assert found.GetSize() == given.GetSize()
    for name in ("GetSpacing", "GetOrigin", "GetDirection"):
        np.testing.assert_allclose(getattr(found, name)(), getattr(given, name)(), rtol=1e-6, atol=1e-6)
