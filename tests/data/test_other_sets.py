"""HMC-QU, CardiacUDA and Unity in their exact layout."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from scipy.io import savemat

from synthboost.data import open_dataset
from synthboost.data.cardiac_uda import CardiacUda
from synthboost.data.hmc_qu import HmcQu
from synthboost.data.nnunet_export import export_nnunet
from synthboost.data.source import open_source
from synthboost.data.unity import Unity
from synthboost.domain import SplitPart, Structure, View
from synthboost.errors import DataError

LV, MYO, LA = Structure
SHEET = "ECHO,SEG1,Reference Frame,End of Cycle,LV Wall Ground-truth Segmentation Masks"
CODE = "01-" + "ab12" + "0" * 60


@pytest.fixture
def hmc(tmp_path, make_film):
    """Two films; the wall of the first is known in its frames 3 to 5, counted from 1."""
    pytest.importorskip("av")
    for view in ("A4C", "A2C"):
        (tmp_path / "HMC-QU" / view).mkdir(parents=True)
    for name in ("A4C/ES0001 _4CH_1", "A4C/ES0002 _4CH_1", "A2C/ES0001 _2CH_1"):
        shutil.copy(make_film("film.avi"), tmp_path / "HMC-QU" / f"{name}.avi")
    masks = np.zeros((3, 224, 224), np.uint8)
    masks[1, :112] = 1  # the upper half
    (tmp_path / "LV Ground-truth Segmentation Masks").mkdir()
    savemat(tmp_path / "LV Ground-truth Segmentation Masks" / "Mask_ES0001 _4CH_1.mat", {"predicted": masks})
    (tmp_path / "A4C.csv").write_text(f"{SHEET}\nES0001 _4CH_1,1,3,5,x\nES0002 _4CH_1,1,2,9,\n")
    return tmp_path


def test_hmc_qu_has_the_wall_over_one_heartbeat(hmc):
    dataset = open_dataset(hmc)
    assert isinstance(dataset, HmcQu)
    assert [(info.patient.name, info.number) for info in dataset.frames] == [("ES0001", n) for n in (2, 3, 4)]
    assert (dataset.structures, dataset.frames[0].view, dataset.frames[0].phase) == ((MYO,), View.FOUR_CHAMBER, None)
    assert dataset.ignored == {"films without masks": 1, "films of the view A2C": 1}
    frames = [dataset.load(info) for info in dataset.frames]
    assert [float(frame.image.mean()) for frame in frames] == pytest.approx([40, 60, 80], abs=4)
    assert [int(frame.mask(MYO).sum()) for frame in frames] == [0, 24 * 64, 0]  # of 48 x 64 px
    assert frames[1].mask(MYO)[:24].all()


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("ES0001 _4CH_1,1,0,5,x", "End of Cycle"),
        ("ES0001 _4CH_1,1,6,5,x", "End of Cycle"),
        ("ES0001 _4CH_1,1,a,5,x", "Reference Frame"),
        ("ES0001 _4CH_1,1,3,5,x\nES0001 _4CH_1,1,3,5,x", "ECHO"),
        ("ES0002 _4CH_1,1,3,5,", "frames"),
    ],
)
def test_hmc_qu_refuses_a_broken_line(hmc, line, field):
    (hmc / "A4C.csv").write_text(f"{SHEET}\n{line}\n")
    with pytest.raises(DataError) as caught:
        open_dataset(hmc)
    assert caught.value.field == field


def test_hmc_qu_says_how_to_get_the_list_and_which_film_is_missing(hmc):
    (hmc / "HMC-QU" / "A4C" / "ES0001 _4CH_1.avi").unlink()
    with pytest.raises(DataError, match="1 missing files: HMC-QU/A4C/ES0001 _4CH_1.avi"):
        open_dataset(hmc)
    (hmc / "A4C.csv").unlink()
    with pytest.raises(DataError, match=r"Open A4C\.xlsx and save it as CSV"):
        open_dataset(hmc)


@pytest.mark.parametrize("masks", [np.full((3, 4, 4), 2), np.zeros((4, 4)), np.zeros((1, 4, 4)), None])
def test_hmc_qu_refuses_masks_that_are_none_when_they_are_read(hmc, masks):
    path = hmc / "LV Ground-truth Segmentation Masks" / "Mask_ES0001 _4CH_1.mat"
    path.write_bytes(b"no matlab") if masks is None else savemat(path, {"predicted": masks})
    dataset = open_dataset(hmc)
    with pytest.raises(DataError, match="Mask_ES0001"):
        dataset.load(dataset.frames[1])


def clip(path, pixels, spacing=(1.0, 1.0, 1.0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(np.asarray(pixels, np.uint8))
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))


@pytest.fixture
def uda(tmp_path):
    """Two sites; the second frame of three is outlined: a ring, and a dot of each atrium."""
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[1, 1:4, 1:4] = 1
    labels[1, 2, 2] = 0
    labels[1, 6, 6], labels[1, 7, 7] = 2, 3
    for site, name in (("Site_G_100", "patient-7-4"), ("Site_R_126", "normal-8-4"), ("Site_R_126", "patient-9-2")):
        clip(tmp_path / site / f"{name}_image.nii.gz", np.arange(3)[:, None, None] * 10 + labels * 0)
        clip(tmp_path / site / f"{name}_label.nii.gz", labels)
    return tmp_path


def test_cardiac_uda_has_the_frames_that_are_outlined_filled(uda):
    dataset = open_dataset(uda)
    assert isinstance(dataset, CardiacUda)
    assert [(i.patient.folder, i.name) for i in dataset.frames] == [
        ("Site_G_100", "patient-7_4CH_0001"), ("Site_R_126", "normal-8_4CH_0001")
    ]  # fmt: skip
    assert dataset.structures == (LV, LA)
    assert dataset.ignored == {"clips of other views": 1}
    frame = dataset.load(dataset.frames[0])
    assert int(frame.image[0, 0]) == 10
    assert [int(frame.mask(s).sum()) for s in (LV, LA)] == [9, 1]
    assert frame.known_spacing_mm is None
    assert len(open_dataset(uda / "Site_G_100").frames) == 1


def test_patients_of_two_sites_with_one_name_are_never_scored_or_exported_as_one(uda):
    for kind in ("image", "label"):
        (uda / "Site_R_126" / f"normal-8-4_{kind}.nii.gz").rename(uda / "Site_R_126" / f"patient-7-4_{kind}.nii.gz")
    source = open_source(uda, images=False)  # whose images are alike
    every = replace(source.split, parts={part: source.dataset.patients for part in SplitPart})
    with pytest.raises(DataError, match="two are called patient-7_4CH_0001; expected patients with names of their own"):
        replace(source, split=every).evaluation_frames(SplitPart.TESTING)
    with pytest.raises(DataError, match="two are called patient-7_4CH_0001"):
        export_nnunet(source.dataset, source.split, uda / "raw")


def test_cardiac_uda_keeps_a_spacing_that_is_stated_and_refuses_what_is_missing_or_odd(uda):
    path = uda / "Site_G_100" / "patient-7-4_label.nii.gz"
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    clip(path, labels, (0.25, 0.5, 1.0))
    assert open_dataset(uda).frames[0].spacing_known
    labels[1, 5, 5] = 9
    clip(path, labels)
    dataset = open_dataset(uda)
    with pytest.raises(DataError, match="labels: 0 to 9; expected whole numbers from 0 to 6"):
        dataset.load(dataset.frames[0])
    clip(path, labels * 0)
    assert [info.patient.name for info in open_dataset(uda).frames] == ["normal-8"]
    path.unlink()
    with pytest.raises(DataError, match=r"1 missing files: Site_G_100/patient-7-4_label\.nii\.gz"):
        open_dataset(uda)


@pytest.fixture
def unity(tmp_path):
    """A picture with an open curve along three sides of the square from 2 to 8, and one without."""
    folder = tmp_path / "png-cache" / "01" / "ab" / "12"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((12, 12, 3), 50, np.uint8)).save(folder / f"{CODE}-0007.png")
    curve = {"type": "curve", "x": "2 2 5 8 8", "y": "8 2 2 2 8"}
    write_labels(tmp_path, {f"{CODE}-0007.png": [curve], f"{CODE}-0008.png": [{"type": "off", "x": "", "y": ""}]})
    return tmp_path


def write_labels(root, curves):
    (root / "labels").mkdir(exist_ok=True)
    labels = {name: {"labels": {"curve-lv-endo": curve}} for name, curve in curves.items()}
    (root / "labels" / "labels-all.json").write_text(json.dumps(labels))


def test_unity_has_the_cavity_inside_the_curve_and_the_valve(unity):
    dataset = open_dataset(unity)
    assert isinstance(dataset, Unity)
    [info] = dataset.frames
    assert (info.view, info.phase, info.number, info.structures) == (None, None, 7, (LV,))
    assert dataset.ignored == {"pictures without curve-lv-endo": 1}
    frame = dataset.load(info)
    inside = frame.mask(LV)
    assert inside[3:9, 3:8].all()  # the spline bulges at the corners, the valve is straight
    assert not inside[9:].any()
    assert set(frame.image.ravel().tolist()) == {50}


@pytest.mark.parametrize(
    ("name", "curve", "field"),
    [
        ("picture.png", [], "picture"),
        (f"{CODE}-0007.png", [{"type": "curve", "x": "1 2", "y": "1 2"}], f"curve-lv-endo of {CODE}-0007.png"),
        (f"{CODE}-0007.png", [{"type": "curve", "x": "1 2 a", "y": "1 2 3"}], f"curve-lv-endo of {CODE}-0007.png"),
        (f"{CODE}-0007.png", [{"type": "curve", "x": "1 1 2", "y": "1 1 3"}], f"curve-lv-endo of {CODE}-0007.png"),
        (f"{CODE}-0007.png", [], "frames"),
        (f"{CODE}-0009.png", [{"type": "curve", "x": "1 2 3", "y": "1 2 1"}], "1 missing files"),
    ],
)
def test_unity_refuses_broken_labels(unity, name, curve, field):
    write_labels(unity, {name: curve})
    with pytest.raises(DataError) as caught:
        open_dataset(unity)
    assert caught.value.field == field
