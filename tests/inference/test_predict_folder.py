"""Recordings of every kind to one folder of results: whole, resumable, and without a name."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synthboost.errors import OutputError
from synthboost.inference import predict_recording
from synthboost.inference.predict_folder import RecordingResult, predict_folder, result_names
from synthboost.inference.sentences import sentence_targets, structure_targets
from synthboost.io.recordings import find_recordings

ALL = structure_targets(["lv", "myo", "la"])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _fans(frames: int) -> np.ndarray:
    """A grey fan in a frame of 60 x 80 with something bright in its upper corner."""
    row, column = np.mgrid[:60, :80].astype(float)
    inside = (np.abs(column - 40) <= 0.7 * row) & (np.hypot(row, column - 40) <= 56)
    grey = np.where(inside, np.random.default_rng(0).integers(60, 180, (frames, 60, 80)), 0)
    grey[:, 2:6, 2:20] = 255
    return grey.astype(np.uint8)


def _predict(predictor, root: Path, out: Path, targets=ALL, weights: str = "w", batch: int = 3, label_map: bool = True):
    return predict_folder(predictor, "tiny", weights, root, find_recordings(root), out, targets, label_map, batch=batch)


def test_a_dicom_cine_gives_labels_masks_outlines_overlays_a_segmentation_and_phases(
    predictor, make_dicom, make_region, tmp_path
) -> None:
    pydicom = pytest.importorskip("pydicom")
    region = make_region(10, 0, 69, 59, millimetres=0.4)
    path, out = make_dicom("cine.dcm", _fans(7), SequenceOfUltrasoundRegions=[region]), tmp_path / "out"
    (outcome,) = _predict(predictor, path, out)
    assert outcome.reason == ""
    folder = out / "cine"
    result = json.loads((folder / "result.json").read_text())
    assert (result["frames"], result["spacing_mm"]) == (7, pytest.approx([0.4, 0.4]))
    labels = np.frombuffer(gzip.decompress((folder / "labels.nii.gz").read_bytes())[352:], np.uint8).reshape(7, 60, 80)
    assert not labels[:, :, :10].any()  # outside the region nothing is drawn
    assert not labels[:, :, 70:].any()
    rows = _rows(out / "predictions.csv")
    assert len(rows) == 7 * 3
    for row in rows:
        pixels = int((labels[int(row["frame"])] == int(row["label"])).sum())
        assert int(row["pixels"]) == pixels
        assert float(row["area_mm2"]) == pytest.approx(0.16 * pixels)
    segmentation = pydicom.dcmread(folder / "segmentation.dcm")
    assert [str(segment.SegmentLabel) for segment in segmentation.SegmentSequence] == ["LV", "MYO", "LA"]
    stored = np.zeros((7, 60, 80), np.uint8)
    for mask, item in zip(segmentation.pixel_array, segmentation.PerFrameFunctionalGroupsSequence, strict=True):
        image = item.DerivationImageSequence[0].SourceImageSequence[0]
        number = item.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        stored[image.ReferencedFrameNumber - 1][mask > 0] = number
    np.testing.assert_array_equal(stored, labels)
    outlines = json.loads((folder / "contours.json").read_text())
    assert [frame["frame"] for frame in outlines["frames"]] == list(range(7))
    with Image.open(folder / "overlay.gif") as film:
        assert film.n_frames > 1
    stills = {f"overlay_{p}.png": result["phases"][p] for p in ("ED", "ES")} if result["phases"] else {"overlay.png": 0}
    for name, number in stills.items():
        centres = ((np.arange(60) + 0.5) * 640 / 60).astype(int)  # of the region's pixels, enlarged
        drawn = np.array(Image.open(folder / name))[np.ix_(centres, centres)]
        free = labels[number, 2:6, 10:20] == 0
        assert drawn[2:6, :10][free].max(initial=0) == 0  # the words in the corner
    (recording,) = _rows(out / "recordings.csv")
    doubts = [row["doubts"] for row in _rows(out / "predictions.csv")]
    assert recording["doubtful"] == str(sum(map(bool, doubts)) // 3)  # a row for each of three structures
    if result["phases"]:
        assert recording["ED"] == str(result["phases"]["ED"])


def test_colour_that_was_removed_from_the_sector_is_a_doubt_of_its_frames(predictor, tmp_path) -> None:
    picture = np.repeat(_fans(1)[0][:, :, None], 3, axis=2)
    picture[2:6, 2:20] = 0
    picture[30:38, 35:45] = (200, 40, 0)  # 80 of the fan's 1,900 pixels, as of a Doppler box
    (tmp_path / "in").mkdir()
    Image.fromarray(picture).save(tmp_path / "in" / "flow.png")
    Image.fromarray(picture[:, :, 2]).save(tmp_path / "in" / "grey.png")
    outcomes = _predict(predictor, tmp_path / "in", tmp_path / "out")
    assert ["colour was removed: more than 2 % of the sector" in one.note for one in outcomes] == [True, False]
    doubts = [row["doubts"] for row in _rows(tmp_path / "out" / "predictions.csv")]
    assert ["colour was removed" in doubt for doubt in doubts] == [True] * 3 + [False] * 3


def test_no_output_holds_a_name_a_date_or_the_words_burnt_in(predictor, make_dicom, tmp_path) -> None:
    pytest.importorskip("pydicom")
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    make_dicom("cine.dcm", _fans(3)).rename(root / "cine.dcm")
    make_dicom("half.dcm", _fans(3)).rename(root / "half.dcm")
    (root / "half.dcm").write_bytes((root / "half.dcm").read_bytes()[:-2000])
    make_dicom("report.dcm", _fans(1), PixelData=None).rename(root / "report.dcm")
    outcomes = _predict(predictor, root, out)
    assert [bool(outcome.reason) for outcome in outcomes] == [False, True, True]
    for file in (file for file in out.rglob("*") if file.is_file()):
        data = file.read_bytes()
        contents = [data]
        if file.suffix == ".gz":
            contents.append(gzip.decompress(data))
        if file.suffix in (".png", ".gif"):
            with Image.open(file) as picture:
                contents.append(repr(picture.info).encode())
        for content in contents:
            for secret in (b"DOE", b"JANE", b"19610704"):
                assert secret not in content, file
            assert "DOE".encode("utf-16-le") not in content


def test_finished_recordings_are_not_made_again_and_another_sentence_is_refused(predictor, tmp_path) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(_fans(1)[0]).save(root / name)
    _predict(predictor, root / "a.png", out)
    made = (out / "a" / "labels.png").stat()
    again = _predict(predictor, root, out)
    assert [(outcome.name, outcome.new) for outcome in again] == [("a", False), ("b", True)]
    assert (out / "a" / "labels.png").stat().st_mtime_ns == made.st_mtime_ns
    assert {row["recording"] for row in _rows(out / "predictions.csv")} == {"a", "b"}
    _predict(predictor, root / "b.png", out)
    assert {row["recording"] for row in _rows(out / "recordings.csv")} == {"a", "b"}
    before = sorted(out.rglob("*"))
    (tmp_path / "of another patient").mkdir()
    (root / "a.png").rename(other := tmp_path / "of another patient" / "a.png")
    with pytest.raises(OutputError, match="images: not as the folder was begun with"):
        _predict(predictor, other, out)
    with pytest.raises(OutputError, match="sentences: not as the folder was begun with"):
        _predict(predictor, root, out, sentence_targets(["The wall."]))
    with pytest.raises(OutputError, match="weights_sha256"):
        _predict(predictor, root, out, weights="other")
    assert sorted(out.rglob("*")) == before


def test_another_picture_under_the_same_name_is_predicted_again(predictor, tmp_path) -> None:
    path, out = tmp_path / "a.png", tmp_path / "out"
    Image.fromarray(_fans(1)[0]).save(path)
    (first,) = _predict(predictor, path, out)
    Image.fromarray(_fans(1)[0, ::-1]).save(path)
    (second,) = _predict(predictor, path, out)
    assert (first.new, second.new) == (True, True)
    assert first.result["input_sha256"] != second.result["input_sha256"]
    (third,) = _predict(predictor, path, out)
    assert (third.new, third.result) == (False, second.result)


@pytest.mark.parametrize(
    ("file", "content"), [("result.json", None), ("result.json", "{half"), ("result.json", "{}"), ("labels.png", None)]
)
def test_a_result_that_is_not_whole_is_made_again(predictor, tmp_path, file: str, content: str | None) -> None:
    path, out = tmp_path / "a.png", tmp_path / "out"
    Image.fromarray(_fans(1)[0]).save(path)
    _predict(predictor, path, out)
    whole = (out / "a" / file).read_bytes()
    (out / "a" / file).unlink()
    if content is not None:
        (out / "a" / file).write_text(content)
    (again,) = _predict(predictor, path, out)
    assert again.new
    assert (out / "a" / file).read_bytes() == whole


def test_the_batch_size_changes_no_file(predictor, tmp_path) -> None:
    path = tmp_path / "clip.tiff"
    pages = _fans(9) // np.arange(1, 10)[:, None, None].astype(np.uint8)  # ever darker: the first show the most
    first, *others = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=others)
    for batch in (1, 9):
        _predict(predictor, path, tmp_path / str(batch), batch=batch)
    files = sorted(file.relative_to(tmp_path / "1") for file in (tmp_path / "1").rglob("*") if file.is_file())
    assert len(files) > 8
    for file in files:
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "9" / file).read_bytes(), file


def test_more_masks_than_memory_holds_are_refused(predictor, tmp_path, monkeypatch) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(np.full((20, 30), 90, np.uint8)).save(tmp_path / "in" / "a.png")
    monkeypatch.setattr(predict_recording, "MOST_PIXELS", 3 * 600 - 1)
    (outcome,) = _predict(predictor, tmp_path / "in", tmp_path / "out")
    assert "masks: 3 of 600 pixels; expected at most 1799 pixels together" in outcome.reason


def test_patients_who_have_folders_have_rows(predictor, tiny_camus, tmp_path) -> None:
    _predict(predictor, tiny_camus / "database_nifti", tmp_path / "out")
    rows = _rows(tmp_path / "out" / "patients.csv")
    assert [(row["patient"], row["recordings"], row["failed"]) for row in rows[:2]] == [
        ("patient0001", "4", "0"),
        ("patient0002", "4", "0"),
    ]
    images = tiny_camus / "database_nifti"
    shutil.copy(next(images.rglob("*_ED.nii.gz")), images / "nobody.nii.gz")
    _predict(predictor, images, tmp_path / "out")
    assert not (tmp_path / "out" / "patients.csv").exists()  # of somebody it is not known who it is


def test_sentences_give_masks_that_may_overlap_and_no_label_map(predictor, tmp_path) -> None:
    Image.fromarray(_fans(1)[0]).save(tmp_path / "a.png")
    targets = sentence_targets(["Myocardium of the heart.", "Myocardium of the heart."])
    _predict(predictor, tmp_path / "a.png", tmp_path / "out", targets, label_map=False)
    one, two = (np.array(Image.open(tmp_path / "out" / "a" / f"mask_{n}.png")) for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    assert not (tmp_path / "out" / "a" / "labels.png").exists()


def test_names_of_results_never_meet(tmp_path) -> None:
    root = tmp_path / "in"
    (root / "a").mkdir(parents=True)
    paths = [root / "a" / "x.png", root / "a.png", root / "b.mhd", root / "b.png", root / "c.nii.gz"]
    assert result_names(root, paths) == ["a/x", "a.png", "b.mhd", "b.png", "c"]


def test_a_name_that_is_too_long_for_its_results_does_not_stop_the_others(predictor, tmp_path) -> None:
    for name in ("a", "b" * 251, "c"):
        Image.fromarray(_fans(1)[0]).save(tmp_path / f"{name}.png")
    outcomes = _predict(predictor, tmp_path, tmp_path / "out")
    assert [bool(outcome.result) for outcome in outcomes] == [True, False, True]
    assert outcomes[1].reason.endswith("length of the name: File name too long; expected a shorter one. Rename it.")


def test_the_ejection_fraction_of_a_clip_is_said_with_its_spreads_and_its_flag() -> None:
    found = {"percent": 53.14, "model_sd": 4.0, "beats_sd": None, "doubts": ""}
    result = {"ejection_fraction": found}
    said = "clip 53.1 % (SD, no interval: 4.0 points in other words and mirrored)"
    assert RecordingResult("clip", result).fraction == said
    found |= {"beats_sd": 1.25, "model_sd": None, "doubts": "unclear"}
    assert RecordingResult("clip", result).fraction == (
        "clip 53.1 % (SD, no interval: 1.2 points over the beats); do not rely on it: unclear"
    )
    assert RecordingResult("clip", {"ejection_fraction": None}).fraction == RecordingResult("clip", None).fraction == ""


def test_a_name_that_is_no_unicode_is_spelt_out(tmp_path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    assert result_names(path, [path]) == ["\\udcff"]


def test_a_films_own_times_are_in_the_tables(predictor, make_film, tmp_path) -> None:
    _predict(predictor, make_film("film.mp4"), tmp_path / "out")
    (recording,) = _rows(tmp_path / "out" / "recordings.csv")
    assert recording["frame_seconds"] == "0.04"
    seconds = [row["seconds"] for row in _rows(tmp_path / "out" / "predictions.csv")[::3]]
    assert seconds == ["0.0", "0.04", "0.08", "0.12", "0.16", "0.2", "0.24", "0.28", "0.32", "0.36"]


@pytest.mark.parametrize("values", [(0, 1, 2, 3), (0, 255)])
def test_a_label_map_or_a_mask_is_no_recording_and_says_so(predictor, tmp_path, values) -> None:
    root = tmp_path / "in"
    root.mkdir()
    Image.fromarray(np.array(values, np.uint8).repeat(100).reshape(20, -1)).save(root / "labels.png")
    Image.fromarray(np.array((*values, 4), np.uint8).repeat(100).reshape(20, -1)).save(root / "image.png")
    image, labels = _predict(predictor, root, tmp_path / "out")
    assert image.reason == ""
    assert "this is a label map or a mask" in labels.reason
