"""EchoNet-Dynamic and EchoNet-Pediatric in their exact layout, with films of 64 x 48 px."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from synthboost.data import open_dataset
from synthboost.data.echonet import EchoNetDynamic
from synthboost.data.echonet_pediatric import EchoNetPediatric
from synthboost.data.inspection import inspect_dataset, render_report
from synthboost.data.traces import area, filled
from synthboost.domain import STRUCTURES, Phase, Sex, SplitPart, Structure, View
from synthboost.errors import DataError

pytest.importorskip("av")
LV = Structure.LEFT_VENTRICULAR_CAVITY
LIST = "FileName,EF,ESV,EDV,FrameHeight,FrameWidth,FPS,NumberOfFrames,Split"
TRACINGS = "FileName,X1,Y1,X2,Y2,Frame"


def traced(film, frame, right):
    """A long axis and two lines across: the rectangle from (10, 10) to (right, 20)."""
    return [f"{film},15,10,15,20,{frame}", f"{film},10,10,{right},10,{frame}", f"{film},10,20,{right},20,{frame}"]


def listed(film, part="TRAIN", ef="55.5"):
    return f"{film},{ef},30.1,70.2,48,64,50,10,{part}"


@pytest.fixture
def dynamic(tmp_path, make_film):
    """Three films with tracings in frames 7 (small) and 2 (large), one of each part."""
    root = tmp_path / "EchoNet-Dynamic"
    (root / "Videos").mkdir(parents=True)
    film = make_film("film.avi")
    names = ("0X1A", "0X2B", "0X3C")
    for name in names:
        shutil.copy(film, root / "Videos" / f"{name}.avi")
    films = [listed(name, part) for name, part in zip(names, ("TRAIN", "VAL", "test"), strict=True)]
    write(root, films, [line for n in names for line in (*traced(f"{n}.avi", 7, 15), *traced(f"{n}.avi", 2, 20))])
    return root


def write(root, films, tracings):
    (root / "FileList.csv").write_text("\n".join([LIST, *films]) + "\n")
    (root / "VolumeTracings.csv").write_text("\n".join([TRACINGS, *tracings]) + "\n")


def test_a_film_has_two_frames_the_larger_outline_at_end_diastole(dynamic):
    dataset = open_dataset(dynamic)
    assert isinstance(dataset, EchoNetDynamic)
    assert [info.name for info in dataset.frames][:2] == ["0X1A_4CH_ED", "0X1A_4CH_ES"]
    info = dataset.frames[0]
    assert (info.view, info.attributes.ejection_fraction, info.structures) == (View.FOUR_CHAMBER, 55.5, (LV,))
    diastole, systole = (dataset.load(info) for info in dataset.frames[:2])
    assert float(diastole.image.mean()) == pytest.approx(40, abs=4)  # frame 2 of ten that brighten by 20
    assert float(systole.image.mean()) == pytest.approx(140, abs=4)
    assert (int(diastole.mask(LV).sum()), int(systole.mask(LV).sum())) == (11 * 11, 6 * 11)
    assert diastole.mask(LV)[10:21, 10:21].all()
    assert diastole.known_spacing_mm is None
    assert dataset.structures == (LV,)


def test_the_official_parts_are_those_of_the_list(dynamic):
    official = open_dataset(dynamic).official
    assert [[patient.name for patient in official[part]] for part in SplitPart] == [["0X1A"], ["0X2B"], ["0X3C"]]


def test_bare_frames_need_no_tracing_and_may_show_everything(dynamic):
    from synthboost.data import without_annotations

    bare = without_annotations(open_dataset(dynamic))
    assert bare.frames[0].structures == STRUCTURES
    assert bare.load(bare.frames[0]).label_map is None
    before = bare.fingerprint()
    (dynamic / "VolumeTracings.csv").write_text("changed")
    assert bare.fingerprint() == before


def test_films_without_a_tracing_are_counted_and_one_tracing_has_no_phase(dynamic):
    tracings = [*traced("0X1A.avi", 7, 15), *traced("0X2B.avi", 3, 15), *traced("0X2B.avi", 1, 25)]
    write(dynamic, [listed("0X1A"), listed("0X2B"), listed("0X3C")], tracings)
    dataset = open_dataset(dynamic)
    assert [(info.name, info.phase) for info in dataset.frames] == [
        ("0X1A_4CH_0007", None), ("0X2B_4CH_ED", Phase.END_DIASTOLE), ("0X2B_4CH_ES", Phase.END_SYSTOLE)
    ]  # fmt: skip
    report = render_report(dataset, inspect_dataset(dataset)).splitlines()
    assert "  ignored            1 films without a tracing" in report
    assert "  annotated          LV" in report


@pytest.mark.parametrize(
    ("films", "tracings", "field", "value"),
    [
        ([listed("0X1A", part="DEV")], [], "Split", "'DEV'"),
        ([listed("0X1A", ef="101")], [], "EF", "'101'"),
        ([listed("0X1A"), listed("0X1A.avi")], [], "FileName", "0X1A.avi again"),
        (["0X1A,55"], [], "cells", "2"),
        ([listed("0X9Z")], [], "1 missing files", "Videos/0X9Z.avi"),
        ([listed("0X1A")], [], "frames", "none complete, 1 films without a tracing"),
        ([listed("0X1A")], traced("0X2B.avi", 1, 20), "FileName", "0X2B.avi"),
        ([listed("0X1A")], ["0X1A.avi,a,1,2,3,4"], "X1", "'a'"),
        ([listed("0X1A")], ["0X1A.avi,1,1,2,3,4.5"], "Frame", "'4.5'"),
        ([listed("0X1A")], traced("0X1A.avi", 1, 20)[:1], "tracing", "0X1A.avi, frame 1: too few lines"),
    ],
)
def test_a_broken_line_is_refused(dynamic, films, tracings, field, value):
    write(dynamic, films, tracings)
    with pytest.raises(DataError) as caught:
        open_dataset(dynamic)
    assert (caught.value.field, caught.value.value) == (field, value)


def test_a_missing_film_may_be_left_out(dynamic):
    (dynamic / "Videos" / "0X2B.avi").unlink()
    dataset = open_dataset(dynamic, allow_missing=True)
    assert (len(dataset.frames), dataset.absent) == (4, ("Videos/0X2B.avi",))


def test_a_tracing_after_the_end_of_a_film_is_an_error_when_it_is_read(dynamic):
    write(dynamic, [listed("0X1A")], [*traced("0X1A.avi", 7, 15), *traced("0X1A.avi", 10, 20)])
    dataset = open_dataset(dynamic)
    with pytest.raises(DataError, match=r"0X1A\.avi: frame: 10; expected one of 10, counted from 0"):
        dataset.load(dataset.frames[0])


@pytest.mark.parametrize("nested", [0, 2])
def test_of_children_the_four_chamber_view_is_read_and_the_other_is_counted(tmp_path, make_film, nested):
    root = tmp_path.joinpath("set", *["pediatric_echo_avi"] * nested)
    for view in ("A4C", "PSAX"):
        (root / view / "Videos").mkdir(parents=True)
        lines = ["FileName,EF,Sex,Age,Weight,Height,Split", "CR1-2-3.avi,61.5,F,7,20,120,9", "CR4-5-6.avi,50,O,0.5,,,0"]
        (root / view / "FileList.csv").write_text("\n".join(lines) + "\n")
        points = [f"CR1-2-3.avi,{x},{y},{frame}" for frame, right in ((1, 20), (4, 15))
                  for x, y in ((10, 10), (right, 10), (right, 20), (10, 20))]  # fmt: skip
        points += ["CR4-5-6.avi,1,1,No Systolic", *(f"CR4-5-6.avi,{x},{x * x},3" for x in range(4))]
        (root / view / "VolumeTracings.csv").write_text("\n".join(["FileName,X,Y,Frame", *points]) + "\n")
        for name in ("CR1-2-3.avi", "CR4-5-6.avi"):
            shutil.copy(make_film(f"{view}.avi"), root / view / "Videos" / name)
    dataset = open_dataset(tmp_path / "set")
    assert isinstance(dataset, EchoNetPediatric)
    assert [info.name for info in dataset.frames] == ["CR1-2-3_4CH_ED", "CR1-2-3_4CH_ES", "CR4-5-6_4CH_0003"]
    first, _, last = dataset.frames
    assert (first.attributes.sex, first.attributes.age, last.attributes.sex, last.attributes.age) == (
        Sex.FEMALE,
        7,
        None,
        0,
    )
    assert dataset.ignored == {"lines of tracings with the frame No Systolic": 1, "films of the view PSAX": 2}
    assert [len(dataset.official[part]) for part in SplitPart] == [1, 0, 1]
    assert int(dataset.load(first).mask(LV).sum()) == 121


def test_an_outline_is_filled_with_the_pixels_whose_middle_it_holds():
    triangle = np.array([[0, 0], [4, 0], [0, 4]], float)
    assert filled(triangle, (6, 6)).sum() == 5 + 4 + 3 + 2 + 1
    assert filled(triangle + 0.5, (6, 6)).sum() == 4 + 3 + 2 + 1  # x and y above 0.5, x + y up to 5
    assert filled(triangle - 2, (6, 6)).sum() == 1
    assert area(triangle) == 8
