"""Any folder with a table: every column, every broken line."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from synthboost.data import open_dataset
from synthboost.data.inspection import inspect_dataset, render_report
from synthboost.data.table import TableFolder
from synthboost.domain import Phase, Quality, Sex, SplitPart, Structure, View
from synthboost.errors import DataError
from synthboost.io.nifti import new_header, write_nifti

LV, MYO, LA = Structure
IMAGE = np.arange(48, dtype=np.uint8).reshape(6, 8)
MASK = np.zeros((6, 8), np.uint8)
MASK[1:3, 2:5] = 255  # six pixels
MASK[4, :] = 128  # eight


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "b.png", "sub/c.png"):
        Image.fromarray(IMAGE).save(tmp_path / name)
        Image.fromarray(MASK).save(tmp_path / name.replace(".png", "_mask.png"))
    return tmp_path


def table(folder, *lines):
    (folder / "frames.csv").write_text("\n".join(lines) + "\n")
    return folder


def refusal(folder, *lines):
    with pytest.raises(DataError) as caught:
        open_dataset(table(folder, *lines))
    return caught.value


def test_a_column_of_images_is_enough_and_all_else_is_unknown(folder):
    dataset = open_dataset(table(folder, "image", "a.png", "sub/c.png"))
    assert isinstance(dataset, TableFolder)
    first, second = dataset.frames
    assert (first.patient.name, second.patient.name) == ("a.png", "sub-c.png")
    assert (first.view, first.phase, first.attributes.sex, first.spacing_known) == (None, None, None, False)
    assert not dataset.has_annotation(first)
    frame = dataset.load(first)
    assert (frame.image == IMAGE).all()
    assert (frame.label_map, frame.spacing_mm, frame.known_spacing_mm) == (None, (1.0, 1.0), None)


def test_every_column_is_read(folder):
    dataset = open_dataset(table(
        folder,
        "image,mask,structures,patient,view,phase,spacing,sex,age,quality,ef,split",
        "a.png,a_mask.png,LV=255 MYO=128,p1,A4C,ED,0.3 x 0.4,F,61,good,55.5,test",
        "b.png,,,p2,2CH,ES,0.5,,,,,train",
    ))  # fmt: skip
    first, second = dataset.frames
    known = first.attributes
    assert (first.name, first.structures) == ("p1_4CH_ED", (LV, MYO))
    assert (known.sex, known.age, known.quality, known.ejection_fraction) == (Sex.FEMALE, 61, Quality.GOOD, 55.5)
    assert (second.view, second.phase) == (View.TWO_CHAMBER, Phase.END_SYSTOLE)
    frame = dataset.load(first)
    assert frame.known_spacing_mm == (0.3, 0.4)
    assert [int(frame.mask(structure).sum()) for structure in (LV, MYO, LA)] == [6, 8, 0]
    assert dataset.load(second).spacing_mm == (0.5, 0.5)
    assert dataset.structures == (LV, MYO)
    assert dataset.official == {
        SplitPart.TRAINING: (second.patient,), SplitPart.VALIDATION: (), SplitPart.TESTING: (first.patient,)
    }  # fmt: skip


def test_frames_of_a_patient_that_nothing_tells_apart_are_numbered(folder):
    lines = "image,patient,view", "a.png,p,4CH", "b.png,p,4CH", "sub/c.png,p,2CH"
    assert [info.name for info in open_dataset(table(folder, *lines)).frames] == ["p_2CH", "p_4CH_0000", "p_4CH_0001"]


def test_a_frame_of_a_clip_is_found_by_its_number_and_its_mask_may_be_a_picture(folder):
    clip = [Image.fromarray(IMAGE + step) for step in range(3)]
    clip[0].save(folder / "clip.tif", save_all=True, append_images=clip[1:])
    lines = "image,number,mask,structures,patient,phase", "clip.tif,2,a_mask.png,LV=255 MYO=128,p,ED", "clip.tif,0,,,p,"
    dataset = open_dataset(table(folder, *lines))
    frames = [dataset.load(info) for info in dataset.frames]
    assert [(frame.info.name, int(frame.image[0, 0])) for frame in frames] == [("p", 0), ("p_ED", 2)]
    assert int(frames[1].mask(LV).sum()) == 6


def test_a_mask_of_another_spacing_is_refused_unless_the_table_states_it(folder):
    for name, pixels, spacing in (
        ("x", IMAGE, (0.3, 0.4)),
        ("m", MASK // 255, (0.4, 0.3)),
        ("bare", MASK // 255, None),
    ):
        write_nifti(folder / f"{name}.nii.gz", [pixels], new_header((6, 8), spacing))
    for mask, cell, spacing in (("bare", "", (0.3, 0.4)), ("m", "0.5", (0.5, 0.5))):
        dataset = open_dataset(table(folder, "image,mask,spacing", f"x.nii.gz,{mask}.nii.gz,{cell}"))
        assert dataset.load(dataset.frames[0]).spacing_mm == spacing
    dataset = open_dataset(table(folder, "image,mask", "x.nii.gz,m.nii.gz"))
    with pytest.raises(DataError, match=r"spacing .*\(0\.4, 0\.3\); expected \(0\.3, 0\.4\) as x\.nii\.gz has"):
        dataset.load(dataset.frames[0])


def test_a_mask_of_a_whole_dicom_image_is_cropped_as_the_image_is(folder, make_dicom, make_region):
    make_dicom("x.dcm", IMAGE[None], SequenceOfUltrasoundRegions=[make_region(3, 1, 7, 4)])
    dataset = open_dataset(table(folder, "image,mask,structures", "x.dcm,a_mask.png,LV=255 MYO=128"))
    frame = dataset.load(dataset.frames[0])
    assert frame.image.shape == (4, 5)  # columns 3-7, rows 1-4
    assert [int(frame.mask(structure).sum()) for structure in (LV, MYO)] == [4, 5]


def test_a_split_is_drawn_by_patient_where_none_is_stated(folder):
    lines = [f"a.png,{number},p{number}" for number in range(10)]
    parts = open_dataset(table(folder, "image,number,patient", *lines)).official
    assert [len(parts[part]) for part in SplitPart] == [7, 1, 2]
    assert sorted(p.name for own in parts.values() for p in own) == [f"p{number}" for number in range(10)]


def test_an_inspection_tells_structures_unknown_spacings_and_ignored_columns(folder):
    lines = "image,mask,structures,hospital", "a.png,a_mask.png,LV=255 MYO=128,h", "b.png,,,h"
    dataset = open_dataset(table(folder, *lines))
    report = render_report(dataset, inspect_dataset(dataset, deep=True)).splitlines()
    for line in (
        "  annotated          LV, MYO",
        "  spacing            unknown for 2 frames",
        "  ignored            2 cells of the column hospital",
        "  by view            unknown 2 frames",
        "  spacing exactly 1 mm (perhaps unknown) none",
        "  structures without a pixel none",
    ):
        assert line in report


@pytest.mark.parametrize(
    ("lines", "field", "value"),
    [
        (("image,image", "a.png,b.png"), "columns", "image, image, one of them twice"),
        (("image,view", "a.png"), "cells", "1"),
        (("image", "nowhere.png"), "1 missing files", "nowhere.png"),
        (("image,mask", "a.png,nowhere.png"), "1 missing files", "nowhere.png"),
        (("image", "../a.png"), "image", "../a.png"),
        (("image,view", "a.png,PLAX"), "view", "'PLAX'"),
        (("image,phase", "a.png,diastole"), "phase", "'diastole'"),
        (("image,pahse", "a.png,ED"), "column", "pahse"),
        (("image,number", "a.png,-1"), "number", "'-1'"),
        (("image,number", "a.png,1.5"), "number", "'1.5'"),
        (("image,spacing", "a.png,wide"), "spacing", "'wide'"),
        (("image,spacing", "a.png,30"), "spacing of the rows", "30 mm"),
        (("image,mask,structures", "a.png,a_mask.png,RV=4"), "structures", "'RV=4'"),
        (("image,mask,structures", "a.png,a_mask.png,LV=1 MYO=1"), "structures", "'LV=1 MYO=1'"),
        (("image,sex", "a.png,X"), "Sex", "'X'"),
        (("image,age", "a.png,200"), "Age", "'200'"),
        (("image,ef", "a.png,101"), "EF", "'101'"),
        (("image,ef", "a.png,0.55"), "ef", "0.55"),
        (("image,patient", "a.png,"), "patient", "''"),
        (("image,split", "a.png,dev"), "split", "'dev'"),
        (("image,patient,split", "a.png,p,train", "b.png,p,test"), "split", "p is testing"),
        (("image,split", "a.png,train", "b.png,"), "split", "empty for b.png"),
        (("image,patient,sex", "a.png,p,F", "b.png,p,M"), "sex", "M"),
        (("image,patient,ef", "a.png,p,50", "b.png,p,", "sub/c.png,p,51"), "ef", "51.0"),
        (("image,number,patient", "a.png,1,p", "b.png,1,p"), "frame", "p_0001 again"),
        (("image,patient,split", "a.png,p,train", "./a.png,q,test"), "image", "a.png again"),
        (("image,patient,split", "a.png,Mu\u0308ller,train", "b.png,M\xfcller,test"), "split", "M\xfcller is testing"),
        (("image",), "frames", "none complete"),
    ],
)
def test_a_broken_line_is_refused_by_its_place(folder, lines, field, value):
    error = refusal(folder, *lines)
    assert error.field == field
    assert error.value == value
    assert "frames.csv" in f"{error.where} {error.expected}"


@pytest.mark.parametrize(
    ("content", "field", "value"),
    [
        (b"image;view\na.png;2CH\n", "separator", "a semicolon"),
        (b"image\tview\na.png\t2CH\n", "separator", "a tab"),
        ("image,patient\na.png,Jörg\n".encode("latin-1"), "characters", "byte 0xf6, so not UTF-8"),
    ],
)
def test_a_table_as_some_spreadsheets_save_it_is_refused_with_a_remedy(folder, content, field, value):
    (folder / "frames.csv").write_bytes(content)
    with pytest.raises(DataError, match="save it as CSV UTF-8, separated by commas") as refused:
        open_dataset(folder)
    assert (refused.value.where, refused.value.field, refused.value.value) == (f"{folder}/frames.csv", field, value)


def test_a_patient_of_whom_a_file_is_missing_may_be_left_out(folder):
    table(folder, "image,patient", "a.png,p1", "nowhere.png,p1", "b.png,p2")
    dataset = open_dataset(folder, allow_missing=True)
    assert ([info.patient.name for info in dataset.frames], dataset.absent) == (["p2"], ("nowhere.png",))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("a.png,a_mask.png,LV", "labels"),
        ("small.png,a_mask.png,LV=255 MYO=128", "size"),
        ("a.png,a.jpg,LV", "kind of file"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_when_it_is_read(folder, row, field):
    Image.fromarray(IMAGE[:3]).save(folder / "small.png")
    Image.fromarray(IMAGE).save(folder / "a.jpg")
    dataset = open_dataset(table(folder, "image,mask,structures", row))
    with pytest.raises(DataError) as caught:
        dataset.load(dataset.frames[0])
    assert caught.value.field == field
