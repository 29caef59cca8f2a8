"""`synthboost clinical`: with the annotation, with a model, with masks on disk."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from synthboost.data import open_dataset
from synthboost.domain import Structure
from synthboost.io.atomic import write_text
from synthboost.records.masks import IndexEntry, mask_name, write_index, write_mask
from synthboost.simulator.render import simulate_patient
from synthboost.simulator.settings import SimulationSettings


@pytest.fixture(scope="module")
def few(simulated, tmp_path_factory):
    """The three simulated patients, all to be tested: the fewest whose agreement has an interval."""
    root = tmp_path_factory.mktemp("few") / "simulated"
    shutil.copytree(simulated, root)
    lists = {"training": [], "validation": [], "testing": sorted(p.name for p in (root / "database_nifti").iterdir())}
    for part, names in lists.items():
        (root / "database_split" / f"subgroup_{part}.txt").write_text("".join(f"{name}\n" for name in names))
    return root


def read(path):
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_annotation_gives_the_stated_fraction(synthboost, few, tmp_path):
    out = tmp_path / "out"
    answer = synthboost("clinical", "reference", "--data", few, "--out", out)
    assert answer.code == 0, answer.err
    assert "not a medical device" in answer.out
    assert "of 3 patients; checks.csv says why" in answer.out
    assert "EF: reference, CAMUS' convention - stated (%): bias " in answer.out
    assert len(answer.out.splitlines()) == 6, "the table is in agreement.md"
    patients = read(out / "patients.csv")
    assert len(patients) == 3
    for patient in patients:
        # The simulator states the fraction that CAMUS' algorithm gives on the masks, as a whole number.
        assert float(patient["ef_camus_percent"]) == pytest.approx(float(patient["stated_ef_percent"]), abs=0.6)
        assert float(patient["lv_volume_biplane_ED_ml"]) > float(patient["lv_volume_biplane_ES_ml"])
    record = json.loads((out / "agreement.json").read_text())
    assert [item["measured"] for item in record["compared"]] == [3, 3]
    assert record["compared"][0]["agreement"]["n"] == 3
    assert record["split"] == "official"
    assert {path.name for path in out.iterdir()} == {
        "patients.csv", "checks.csv", "agreement.json", "agreement.md", "agreement.tex", "agreement.csv",
        "agreement.html", "bland-altman.svg", "bland-altman.pdf", "clinical.json",
    }  # fmt: skip


def test_a_model_that_was_hardly_trained_still_has_every_patient_counted(synthboost, few, trained_run, tmp_path):
    out = tmp_path / "out"
    answer = synthboost("clinical", trained_run, "--data", few, "--out", out, "--prompts", "P1", "--uncertainty")
    assert answer.code == 0, answer.err
    record = json.loads((out / "agreement.json").read_text())
    assert (record["model"], record["run"], record["sentences"]) == ("clipseg", trained_run.name, "P1")
    for item in record["compared"]:
        assert item["measured"] + len(item["not measured"]) == 3
        assert all(entry["reason"] for entry in item["not measured"])
    assert len(read(out / "patients.csv")) == 3
    lines = read(out / "uncertainty.csv")
    assert len(lines) == 3 * 4 * 3
    assert all(0 <= float(line["mean_dice"]) <= 1 for line in lines)


def test_masks_on_disk_are_measured_and_a_lost_one_is_reported(synthboost, simulated, trained_run, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    for file in (trained_run / "masks").iterdir():
        (masks / file.name).write_bytes(file.read_bytes())
    lost = next(masks.glob("*_LV.png"))
    lost.unlink()
    answer = synthboost("clinical", masks, "--data", simulated, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    (patient,) = read(tmp_path / "out" / "patients.csv")
    assert lost.name in patient["not_measured"]
    assert patient["plausible"] == "False"
    record = json.loads((tmp_path / "out" / "agreement.json").read_text())
    assert record["sentences"] == "P6"
    assert record["compared"][0]["agreement"] is None


def test_a_run_and_its_masks_on_disk_give_the_same_numbers(synthboost, simulated, trained_run, tmp_path):
    outs = {"model": tmp_path / "model", "masks": tmp_path / "masks"}
    assert synthboost("clinical", trained_run, "--data", simulated, "--out", outs["model"]).code == 0
    assert synthboost("clinical", trained_run / "masks", "--data", simulated, "--out", outs["masks"]).code == 0
    for name in ("patients.csv", "checks.csv"):
        assert (outs["model"] / name).read_bytes() == (outs["masks"] / name).read_bytes()
    records = [json.loads((out / "agreement.json").read_text()) for out in outs.values()]
    assert {record["overlaps"] for record in records} == {"the most probable structure"}


def test_true_masks_on_disk_agree_with_the_reference_in_everything(synthboost, few, tmp_path):
    masks, out, entries = tmp_path / "masks", tmp_path / "out", []
    dataset = open_dataset(few)
    for info in dataset.frames:
        frame = dataset.load(info)
        for structure in Structure:
            file = mask_name(info.name, structure)
            write_mask(masks / file, frame.mask(structure))
            entries.append(IndexEntry(info.name, structure.short, "", "P1", 0, "a sentence", False, file, ""))
    write_index(masks, entries)
    answer = synthboost("clinical", masks, "--data", few, "--out", out)
    assert answer.code == 0, answer.err
    of_reference = [
        item
        for item in json.loads((out / "agreement.json").read_text())["compared"]
        if item["second"] == "reference label maps"
    ]
    assert len(of_reference) == 9
    assert all(item["agreement"]["bias"]["value"] == item["agreement"]["sd"] == 0 for item in of_reference)


def test_a_patient_in_pixels_stands_beside_one_in_millimetres(synthboost, tmp_path):
    root, lines = tmp_path / "clinic", ["image,mask,patient,view,phase,split,spacing,ef"]
    root.mkdir()
    labels = np.zeros((40, 40), np.uint8)
    labels[10:20, 10:18] = 1
    Image.fromarray(np.full((40, 40), 50, np.uint8)).save(root / "image.png")
    for patient, spacing in (("anna", "0.5"), ("ben", "unknown")):
        shutil.copy(root / "image.png", root / f"{patient}.png")
        Image.fromarray(labels).save(root / f"{patient}_mask.png")
        lines.append(f"{patient}.png,{patient}_mask.png,{patient},4CH,ED,test,{spacing},")
    shutil.copy(root / "image.png", root / "later.png")  # the fraction may stand in any of a patient's lines
    lines.append("later.png,ben_mask.png,ben,4CH,ES,test,unknown,55")
    (root / "frames.csv").write_text("\n".join(lines))
    answer = synthboost("clinical", "reference", "--data", root, "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    areas = [(row["lv_area_4CH_ED_mm2"], row["lv_area_4CH_ED_px2"]) for row in read(tmp_path / "out" / "patients.csv")]
    assert areas == [("20.0", ""), ("", "80.0")]  # 8 x 10 pixels of 0.5 mm
    assert [row["stated_ef_percent"] for row in read(tmp_path / "out" / "patients.csv")] == ["", "55.0"]


def test_options_for_a_model_are_refused_without_one(synthboost, few, tmp_path):
    answer = synthboost("clinical", "reference", "--data", few, "--out", tmp_path / "out", "--prompts", "P1")
    assert answer.code == 2
    assert "prompts" in answer.err
    assert not (tmp_path / "out").exists()


def test_a_full_folder_is_left_alone(synthboost, few, tmp_path):
    write_text(tmp_path / "out" / "mine.txt", "mine")
    answer = synthboost("clinical", "reference", "--data", few, "--out", tmp_path / "out")
    assert answer.code == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_the_named_frames_of_two_clips_give_a_biplane_fraction_without_an_annotation(synthboost, box, tmp_path):
    views = simulate_patient(1, SimulationSettings(seed=5, size=64, phases_between=1)).clips
    root, lines = tmp_path / "clinic", ["image,number,patient,view,phase"]
    root.mkdir()
    for view, frames in views.items():
        pages = [Image.fromarray(frame.image) for frame in frames]
        pages[0].save(root / f"{view}.tif", save_all=True, append_images=pages[1:])
        lines += [f"{view}.tif,{n},anna,{view},{phase}" for n, phase in ((0, "ED"), (2, "ES"))]
        lines += [f"{view}.tif,1,ben,{view},ED"]
    bare = synthboost("clinical", "--data", root, "--out", tmp_path / "out")
    assert bare.code == 2
    assert "2 recordings, but nothing that says what they show; expected frames.csv" in bare.err
    (root / "frames.csv").write_text("\n".join(lines))
    answer = synthboost("clinical", "--data", root, "--out", tmp_path / "out", "--prompts", "p1")
    assert answer.code == 0, answer.err
    patient, _ = read(tmp_path / "out" / "patients.csv")  # without an annotation nobody is held out
    value = patient["ef_biplane_percent"]
    said = f"{float(value):.1f} %" if value else "not measured"
    caution = "without a spacing right only if a pixel of both clips is as large"
    assert f"EF, biplane (Lang 2015): anna {said}, ben not measured; {caution}" in answer.out
    assert not [column for column in patient if column.startswith("reference_")]
    assert (patient["patient"], patient["set"].startswith("table-")) == ("anna", True)
    drawn = {path.name for path in (tmp_path / "out" / "overlays").iterdir()}
    assert drawn == {f"{name}.png" for name in ("anna_2CH_ED", "anna_2CH_ES", "anna_4CH_ED", "anna_4CH_ES",
                                                "ben_2CH_ED", "ben_4CH_ED")}  # fmt: skip
    assert f"overlays: {tmp_path / 'out' / 'overlays'}\n" in answer.out
