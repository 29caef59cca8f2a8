"""nnU-Net's layout, in and out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from synthboost.cli.data import ExportData
from synthboost.cli.main import main
from synthboost.data import open_dataset
from synthboost.data.nnunet import NnUnet
from synthboost.data.table import TableFolder
from synthboost.domain import Phase, SplitPart, Structure, View
from synthboost.errors import ConfigError, DataError

LV, MYO, LA = Structure
FACTS = {
    "channel_names": {"0": "ultrasound"}, "labels": {"background": 0, "Myocardium": 1, "left_ventricle": 2, "RV": 3},
    "numTraining": 2, "file_ending": ".nii.gz",
}  # fmt: skip


def write(path, pixels):
    image = sitk.GetImageFromArray(np.asarray(pixels, np.uint8))
    image.SetSpacing((0.25, 0.5))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


@pytest.fixture
def raw(tmp_path):
    """Two training cases and a test case of 1 x 4 px."""
    for folder, case in (("Tr", "anna_4CH_ED"), ("Tr", "bert-2ch"), ("Ts", "case_7")):
        write(tmp_path / f"images{folder}" / f"{case}_0000.nii.gz", [[10, 20, 30, 40]])
        write(tmp_path / f"labels{folder}" / f"{case}.nii.gz", [[0, 1, 2, 3]])
    (tmp_path / "dataset.json").write_text(json.dumps(FACTS))
    return tmp_path


def test_cases_are_read_with_what_their_names_and_labels_say(raw):
    dataset = open_dataset(raw)
    assert isinstance(dataset, NnUnet)
    anna, bert, case = dataset.frames
    assert (anna.patient.name, anna.view, anna.phase) == ("anna", View.FOUR_CHAMBER, Phase.END_DIASTOLE)
    assert (bert.patient.name, bert.view, bert.phase) == ("bert", View.TWO_CHAMBER, None)
    assert (case.patient.name, case.view, case.phase) == ("case_7", None, None)
    assert dataset.structures == (LV, MYO)
    frame = dataset.load(anna)
    assert (frame.image.tolist(), frame.label_map.tolist()) == ([[10, 20, 30, 40]], [[0, 2, 1, 0]])
    assert frame.known_spacing_mm == (0.5, 0.25)
    assert [len(dataset.official[part]) for part in SplitPart] == [2, 0, 1]
    assert dataset.official[SplitPart.TESTING] == (case.patient,)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"channel_names": {"0": "a", "1": "b"}}, "channel_names"),
        ({"labels": {"background": 0, "tumour": 1}}, "labels"),
        ({"labels": {"background": 0, "whole": [1, 2]}}, "labels"),
        ({"labels": {"background": 0, "LV": 1, "ignore": 2}}, "labels"),
        ({"numTraining": 3}, "numTraining"),
        ({"file_ending": ".tif"}, "file_ending"),
    ],
)
def test_facts_that_do_not_fit_are_refused(raw, change, field):
    (raw / "dataset.json").write_text(json.dumps({**FACTS, **change}))
    with pytest.raises(DataError) as caught:
        open_dataset(raw)
    assert caught.value.field == field


def test_a_training_case_needs_labels_and_a_test_case_does_not(raw):
    (raw / "labelsTs" / "case_7.nii.gz").unlink()
    assert not open_dataset(raw).has_annotation(open_dataset(raw).frames[2])
    (raw / "labelsTr" / "anna_4CH_ED.nii.gz").unlink()
    with pytest.raises(DataError, match=r"1 missing files: labelsTr/anna_4CH_ED\.nii\.gz"):
        open_dataset(raw)
    assert len(open_dataset(raw, allow_missing=True).frames) == 2


def test_two_names_of_one_case_are_refused(raw):
    write(raw / "imagesTr" / "bert_2CH_0000.nii.gz", [[1, 2, 3, 4]])
    write(raw / "labelsTr" / "bert_2CH.nii.gz", [[0, 1, 2, 3]])
    with pytest.raises(DataError, match="case: bert_2CH; expected another name than bert-2ch_0000"):
        open_dataset(raw)


def test_a_label_that_is_not_stated_is_refused_when_it_is_read(raw):
    write(raw / "labelsTr" / "anna_4CH_ED.nii.gz", [[0, 1, 2, 9]])
    dataset = open_dataset(raw)
    with pytest.raises(DataError, match="labels: 9; expected only 0, 1, 2, 3"):
        dataset.load(dataset.frames[0])


def test_what_is_written_is_read_back_whole(tiny_camus, tmp_path):
    main(["data", "export", str(tiny_camus), "--layout", "nnunet", "--out", str(tmp_path / "raw")])
    ours, theirs = open_dataset(tiny_camus), open_dataset(tmp_path / "raw")
    assert isinstance(theirs, TableFolder)
    assert [info.name for info in theirs.frames] == [info.name for info in ours.frames]
    assert [info.attributes for info in theirs.frames] == [info.attributes for info in ours.frames]
    for part in SplitPart:
        assert [p.name for p in theirs.official[part]] == [p.name for p in ours.official[part]]
    for first, second in zip(ours.frames, theirs.frames, strict=True):
        one, other = ours.load(first), theirs.load(second)
        assert (one.image == other.image).all()
        assert (one.label_map == other.label_map).all()
        assert one.spacing_mm == other.spacing_mm


def test_nnunet_finds_what_its_format_asks_for(tiny_camus, tmp_path):
    main(
        ["data", "export", str(tiny_camus), "--layout", "nnunet", "--out", str(tmp_path / "raw"), "--split", "no-test"]
    )
    root = tmp_path / "raw"
    facts = json.loads((root / "dataset.json").read_text())
    assert facts["labels"] == {"background": 0, "LV": 1, "MYO": 2, "LA": 3}
    assert (facts["numTraining"], facts["file_ending"], facts["channel_names"]) == (8, ".nii.gz", {"0": "ultrasound"})
    images = sorted(path.name for path in (root / "imagesTr").iterdir())
    assert [name.replace("_0000", "") for name in images] == sorted(p.name for p in (root / "labelsTr").iterdir())
    assert len(list((root / "imagesTs").iterdir())) == 4
    [fold] = json.loads((root / "splits_final.json").read_text())
    assert fold["train"] == [f"patient0001_{view}_{phase}" for view in View for phase in Phase]
    assert fold["val"] == [f"patient0002_{view}_{phase}" for view in View for phase in Phase]
    (root / "frames.csv").unlink()  # without it nnU-Net's own facts are what is known
    dataset = open_dataset(root)
    assert isinstance(dataset, NnUnet)
    assert len(dataset.frames) == 12


def test_labels_are_numbered_from_1_where_few_structures_are_annotated(tmp_path):
    table = tmp_path / "table"
    write(table / "a.nii.gz", [[1, 2, 3, 4]])
    write(table / "m.nii.gz", [[0, 7, 7, 0]])
    (table / "frames.csv").write_text("image,mask,structures,split\na.nii.gz,m.nii.gz,MYO=7,train\n")
    main(["data", "export", str(table), "--layout", "nnunet", "--out", str(tmp_path / "raw")])
    back = open_dataset(tmp_path / "raw")
    assert back.load(back.frames[0]).label_map.tolist() == [[0, 2, 2, 0]]
    assert json.loads((tmp_path / "raw" / "dataset.json").read_text())["labels"] == {"background": 0, "MYO": 1}


def test_frames_that_annotate_different_structures_are_not_mixed(tmp_path):
    for name in "ab":
        write(tmp_path / f"{name}.nii.gz", [[1, 2, 3, 4]])
    write(tmp_path / "m.nii.gz", [[0, 1, 1, 0]])
    lines = "image,mask,structures,patient,split", "a.nii.gz,m.nii.gz,LV,p,train", "b.nii.gz,m.nii.gz,LV=1 LA=3,q,test"
    (tmp_path / "frames.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="structures of 1 frames: p; expected LV, LA in each"):
        ExportData(root=tmp_path, out=tmp_path / "raw", layout="nnunet").run()
    assert not any((tmp_path / "raw").glob("*"))


def test_a_split_is_refused_where_it_would_be_ignored(tiny_camus, tmp_path):
    with pytest.raises(ConfigError, match="split: given together with --layout camus"):
        ExportData(root=tiny_camus, out=tmp_path / "out", split="no-test").run()
