from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from synthboost.domain import Structure
from synthboost.errors import DataError
from synthboost.io.dicom_seg import write_segmentation
from synthboost.io.recordings import open_recording

pydicom = pytest.importorskip("pydicom")
SEGMENTS = (("LV", Structure.LEFT_VENTRICULAR_CAVITY), ("The pericardium.", None))


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("shape", [(6, 8), (7, 5)])
def test_highdicom_reads_back_every_mask_of_its_frame(
    make_dicom, make_region, tmp_path, frames: int, shape: tuple[int, int]
) -> None:
    highdicom = pytest.importorskip("highdicom")
    source = make_dicom(
        "us.dcm", np.zeros((frames, *shape), np.uint8), SequenceOfUltrasoundRegions=[make_region(0, 0, 4, 4)]
    )
    masks = np.random.default_rng(1).random((frames, 2, *shape)) > 0.6
    masks[-1] = False
    write_segmentation(tmp_path / "seg.dcm", open_recording(source), SEGMENTS, masks, "f")
    seg = highdicom.seg.segread(tmp_path / "seg.dcm")
    assert [seg.get_segment_description(n).segment_label for n in (1, 2)] == ["LV", "The pericardium."]
    original = pydicom.dcmread(source)
    found = seg.get_pixels_by_source_frame(
        source_sop_instance_uid=original.SOPInstanceUID,
        source_frame_numbers=list(range(1, frames + 1)),
    )
    np.testing.assert_array_equal(found.astype(bool), np.moveaxis(masks, 1, -1))
    assert seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing == [0.5, 0.5]


def test_of_the_patient_it_knows_nothing_and_the_same_question_gives_the_same_bytes(make_dicom, tmp_path) -> None:
    recording = open_recording(make_dicom("us.dcm", np.zeros((2, 6, 8), np.uint8)))
    masks = np.ones((2, 2, 6, 8), bool)
    for name in ("a.dcm", "b.dcm"):
        write_segmentation(tmp_path / name, recording, SEGMENTS, masks, "f")
    assert (tmp_path / "a.dcm").read_bytes() == (tmp_path / "b.dcm").read_bytes()
    data = pydicom.dcmread(tmp_path / "a.dcm")
    assert (str(data.PatientName), data.PatientID, data.PatientBirthDate, data.StudyDate) == ("", "", "", "")
    assert data.PatientIdentityRemoved == "YES"
    assert b"DOE" not in (tmp_path / "a.dcm").read_bytes()


def test_an_image_without_identifiers_is_refused(make_dicom, tmp_path) -> None:
    recording = open_recording(make_dicom("us.dcm", np.zeros((1, 6, 8), np.uint8), StudyInstanceUID=None))
    with pytest.raises(DataError, match="StudyInstanceUID: absent"):
        write_segmentation(tmp_path / "a.dcm", recording, SEGMENTS, np.ones((1, 2, 6, 8), bool), "f")
    assert not (tmp_path / "a.dcm").exists()


SINGLE = {"NumberOfFrames": None, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}
"""Tags of an Ultrasound Image Storage."""


def test_highdicom_finds_the_masks_of_an_image_by_its_instance(make_dicom, tmp_path) -> None:
    highdicom = pytest.importorskip("highdicom")
    source = make_dicom("us.dcm", np.zeros((1, 6, 8), np.uint8), **SINGLE)
    masks = np.random.default_rng(1).random((1, 2, 6, 8)) > 0.6
    write_segmentation(tmp_path / "seg.dcm", open_recording(source), SEGMENTS, masks, "f")
    found = highdicom.seg.segread(tmp_path / "seg.dcm").get_pixels_by_source_instance(
        source_sop_instance_uids=[pydicom.dcmread(source).SOPInstanceUID]
    )
    np.testing.assert_array_equal(found.astype(bool), np.moveaxis(masks, 1, -1))


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools are not installed")
@pytest.mark.parametrize("with_spacing", [True, False])
@pytest.mark.parametrize(("frames", "tags"), [(1, SINGLE), (1, {}), (3, {})], ids=["single", "cine of one", "cine"])
def test_dciodvfy_finds_no_error(
    make_dicom, make_region, tmp_path, frames: int, tags: dict[str, object], with_spacing: bool
) -> None:
    regions = {"SequenceOfUltrasoundRegions": [make_region(0, 0, 4, 4)]} if with_spacing else {}
    recording = open_recording(make_dicom("us.dcm", np.zeros((frames, 6, 8), np.uint8), **regions, **tags))
    write_segmentation(tmp_path / "seg.dcm", recording, SEGMENTS, np.ones((frames, 2, 6, 8), bool), "f")
    said = subprocess.run(["dciodvfy", "-new", tmp_path / "seg.dcm"], capture_output=True, text=True, check=False)
    assert not [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]
