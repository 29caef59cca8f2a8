from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from synthboost.data.source import FrameSet
from synthboost.domain import STRUCTURES, PromptSet
from synthboost.errors import DataError
from synthboost.inference.predict_dataset import write_predictions
from synthboost.inference.predictor import Predictor
from synthboost.inference.score_dataset import score_frames
from synthboost.inference.sentences import EvaluationSentences
from synthboost.io.tables import records_of
from synthboost.records.masks import mask_name, read_index, write_index, write_mask
from synthboost.records.rows import Row, Status
from synthboost.records.run_record import Evaluation, Spec


def _perfect(frames: FrameSet, folder: Path) -> None:
    for frame in frames:
        for structure in STRUCTURES:
            write_mask(folder / mask_name(frame.info.name, structure), frame.mask(structure))


def scored(*arguments: Any, **options: Any) -> list[Any]:
    """The rows with their cells as attributes."""
    given = {"split": "official", "evaluation": Evaluation(grid=options.pop("grid", None)), **options}
    return [SimpleNamespace(**row) for row in records_of(Row, score_frames(*arguments, **given))]


def test_a_perfect_mask_scores_one_and_an_asked_for_other_structure_does_not(
    frames: FrameSet, masks: Path, spec: Spec
) -> None:
    _perfect(frames, masks)
    rows = scored(frames, masks, spec)
    assert len(rows) == 4 * 3 * 2
    right = [row for row in rows if not row.probe]
    assert all(row.dice == row.iou == row.nsd == 1 and row.hd95_mm == row.assd_mm == 0 for row in right)
    assert {row.status for row in right} == {Status.OK}
    assert {row.structure for row in rows if row.probe == "swapped"} == {"LV", "MYO", "LA"}


def test_a_row_says_whose_image_it_is_and_how_it_was_asked(frames: FrameSet, masks: Path, spec: Spec) -> None:
    row = scored(frames, masks, spec)[0]
    assert row.patient == "camus-nifti/database_nifti/patient0004"
    assert (row.frame, row.view, row.phase, row.structure) == ("patient0004_2CH_ED", "2CH", "ED", "LV")
    assert (row.sex, row.age, row.quality, row.ejection_fraction) == ("F", 44, "Medium", 54.0)
    assert (row.row_mm, row.column_mm, row.grid) == (0.8, 1.0, "native")
    assert (row.prompt_set, row.sentence) == ("P1", "Left ventricular cavity of the heart.")
    assert row.domain == "real"


def test_the_area_is_in_square_millimetres(frames: FrameSet, masks: Path, spec: Spec) -> None:
    row = scored(frames, masks, spec)[0]
    pixels = int(frames[0].mask(STRUCTURES[0]).sum())
    assert row.area_true_mm2 == pytest.approx(pixels * 0.8 * 1.0)


def test_a_wrong_sentence_is_the_next_structures(masks: Path) -> None:
    probes = [e for e in read_index(masks) if e.probe == "swapped" and e.frame == "patient0004_2CH_ED"]
    assert [(e.structure, e.sentence.split(" of")[0]) for e in probes] == [
        ("LV", "Myocardium"),
        ("MYO", "Left atrium cavity"),
        ("LA", "Left ventricular cavity"),
    ]


def test_two_workers_give_the_same_rows_in_the_same_order(frames: FrameSet, masks: Path, spec: Spec) -> None:
    assert scored(frames, masks, spec, workers=2) == scored(frames, masks, spec, workers=1)


def test_another_grid_has_the_same_field_of_view(frames: FrameSet, masks: Path, spec: Spec) -> None:
    _perfect(frames, masks)
    rows = scored(frames, masks, spec, grid=(512, 512))
    native = scored(frames, masks, spec)
    assert rows[0].grid == "512x512"
    assert rows[0].dice == 1
    assert rows[0].area_true_mm2 == pytest.approx(native[0].area_true_mm2, rel=0.02)


def test_what_cannot_be_scored_is_a_row_with_its_reason(frames: FrameSet, masks: Path, spec: Spec) -> None:
    (masks / "patient0004_2CH_ED_LV.png").unlink()
    (masks / "patient0004_2CH_ED_MYO.png").write_bytes(b"not a picture")
    write_mask(masks / "patient0004_2CH_ED_LA.png", np.zeros((3, 3), np.bool_))
    rows = scored(frames, masks, spec)
    failed = [row for row in rows if row.status == Status.FAILED]
    assert len(rows) == 24
    assert [(row.frame, row.structure) for row in failed] == [("patient0004_2CH_ED", s) for s in ("LV", "MYO", "LA")]
    assert all(row.reason and row.dice is None and row.hd95_mm is None for row in failed)
    assert "(3, 3)" in failed[2].reason


def test_a_frame_that_the_index_forgot_is_a_failed_row(frames: FrameSet, masks: Path, spec: Spec) -> None:
    kept = [entry for entry in read_index(masks) if entry.frame != "patient0004_4CH_ES"]
    write_index(masks, kept)
    rows = scored(frames, masks, spec)
    failed = [row for row in rows if row.status == Status.FAILED]
    asked = [(probe, structure) for probe in ("", "swapped") for structure in ("LV", "MYO", "LA")]
    assert [(row.probe, row.structure) for row in failed] == asked
    assert {row.frame for row in failed} == {"patient0004_4CH_ES"}
    assert all("does not list" in row.reason for row in failed)
    assert len(rows) == 4 * 3 * 2


@pytest.mark.parametrize("probe", ["", "swapped"])
def test_one_structure_that_a_listed_frame_lacks_is_a_failed_row_of_the_same_condition_in_its_place(
    frames: FrameSet, masks: Path, spec: Spec, probe: str
) -> None:
    lost = ("patient0004_2CH_ES", "MYO", probe)
    write_index(masks, [e for e in read_index(masks) if (e.frame, e.structure, e.probe) != lost])
    rows = scored(frames, masks, spec)
    (failed,) = [row for row in rows if row.status == Status.FAILED]
    assert (failed.frame, failed.structure, failed.probe) == lost
    assert (failed.prompt_set, failed.dice, failed.row_mm) == ("P1", None, 0.8)
    assert [row.structure for row in rows] == ["LV", "MYO", "LA"] * 8


def test_a_mask_that_is_listed_twice_is_refused(frames: FrameSet, masks: Path, spec: Spec) -> None:
    entries = read_index(masks)
    write_index(masks, [*entries, entries[1]])
    with pytest.raises(DataError, match="patient0004_2CH_ED MYO  again; expected each mask once"):
        scored(frames, masks, spec)


def test_without_any_probe_none_is_missed(frames: FrameSet, masks: Path, spec: Spec) -> None:
    write_index(masks, [entry for entry in read_index(masks) if not entry.probe])
    rows = scored(frames, masks, spec)
    assert [row.status for row in rows if row.status == Status.FAILED] == []
    assert len(rows) == 4 * 3


def test_an_index_of_another_data_set_is_refused(frames: FrameSet, masks: Path, spec: Spec) -> None:
    write_index(masks, [replace(entry, frame="stranger") for entry in read_index(masks)])
    with pytest.raises(DataError, match="stranger"):
        scored(frames, masks, spec)


def test_a_frame_that_cannot_be_read_is_listed_and_the_others_are_predicted_and_scored(
    open_frames: Callable[[], FrameSet], tiny_camus: Path, predictor: Predictor, spec: Spec, tmp_path: Path
) -> None:
    broken = tiny_camus / "database_nifti" / "patient0004" / "patient0004_2CH_ES.nii.gz"
    broken.write_bytes(broken.read_bytes()[:-50])
    frames = open_frames()
    sentences = EvaluationSentences(PromptSet.P1)
    write_predictions(predictor, frames, sentences, tmp_path / "some", batch_images=3, probe_swapped=True)
    rows = scored(frames, tmp_path / "some", spec)
    failed = [row for row in rows if row.status == Status.FAILED]
    assert len(rows) == 24
    assert {row.frame for row in failed} == {"patient0004_2CH_ES"}
    assert [row.probe for row in failed] == ["", "", "", "swapped", "swapped", "swapped"]
    assert all("patient0004_2CH_ES.nii.gz" in row.reason for row in failed)


@pytest.mark.parametrize(("shape_from", "marked", "says"), [("ground-truth", True, True), ("unknown", False, False)])
def test_a_shape_word_from_the_truth_marks_every_row(
    predictor: Predictor,
    frames: FrameSet,
    tmp_path: Path,
    spec: Spec,
    shape_from: str,
    marked: bool,
    says: bool,
) -> None:
    sentences = EvaluationSentences(PromptSet.P7, shape_from=shape_from)  # type: ignore[arg-type]
    write_predictions(predictor, frames, sentences, tmp_path / "p7")
    rows = scored(frames, tmp_path / "p7", spec)
    assert all(row.uses_ground_truth is marked for row in rows)
    assert all((" shape " in row.sentence) is says for row in rows)


def test_a_shape_word_from_the_prediction_names_the_predicted_mask_and_marks_nothing(
    frames: FrameSet, tmp_path: Path, predictor: Predictor
) -> None:
    square = np.zeros(frames[0].image.shape, np.bool_)
    square[8:40, 8:34] = True  # 32 x 0.8 mm by 26 x 1.0 mm: nearly square
    sentences = EvaluationSentences(PromptSet.P7)
    assert sentences.needs_prediction
    first = sentences.first(frames[0])
    assert all(prompt.prompt_set is PromptSet.P6 for prompt in first.values())
    second = sentences.second(frames[0], dict.fromkeys(STRUCTURES, square))
    assert all(" of square shape " in prompt.text and not prompt.uses_ground_truth for prompt in second.values())
    write_predictions(predictor, frames, sentences, tmp_path / "p7")
    assert all(entry.prompt_set == "P7" for entry in read_index(tmp_path / "p7"))


def test_the_size_of_a_batch_changes_no_mask(predictor: Predictor, frames: FrameSet, tmp_path: Path) -> None:
    for size in (1, 3):
        write_predictions(predictor, frames, EvaluationSentences(PromptSet.P2), tmp_path / str(size), batch_images=size)
    for entry in read_index(tmp_path / "1"):
        assert (tmp_path / "1" / entry.file).read_bytes() == (tmp_path / "3" / entry.file).read_bytes()


def test_only_what_is_annotated_has_rows_and_nothing_is_in_mm_without_a_spacing(
    frames: FrameSet, masks: Path, spec: Spec
) -> None:
    infos = [replace(info, structures=STRUCTURES[:1], spacing_known=False) for info in frames.infos]
    _perfect(frames, masks)
    rows = scored(FrameSet("partly", [(frames.members[0][0], info) for info in infos]), masks, spec)
    assert [(row.structure, row.probe) for row in rows] == [("LV", ""), ("LV", "swapped")] * 4
    assert {row.dice for row in rows if not row.probe} == {1.0}
    unknown = ("row_mm", "column_mm", "nsd", "nsd_tolerance_mm", "hd95_mm", "assd_mm", "area_true_mm2")
    assert {getattr(row, name) for row in rows for name in unknown} == {None}
