"""The authors' published scores: what their folders and file names say, what stays unknown, what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from synthboost.domain import PromptSet, Strategy
from synthboost.errors import DataError
from synthboost.io.tables import records_of
from synthboost.records.published import MODEL_FOLDERS, read_metrics, read_published
from synthboost.records.rows import Row, Status, read_rows, rows_frame, write_rows

HEADER = "filename,iou,dice,hausdorff_distance,ones_dice_diff,zeros_dice_diff"
LINE = "/a/mask_3/patient0032_4CH_ED_gt.png,50.0000,66.6667,1431.7821,20.0000,66.6667"


def read(
    folder: Path, *lines: str, header: str = HEADER, prompt_set: PromptSet = PromptSet.P6
) -> list[SimpleNamespace]:
    path = folder / "metrics.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    found = read_metrics(path, Strategy.REAL, MODEL_FOLDERS["cris"], prompt_set)
    return [SimpleNamespace(**row) for row in records_of(Row, found)]


def test_percentages_become_fractions_and_the_name_tells_what_was_scored(tmp_path: Path) -> None:
    (row,) = read(tmp_path, LINE)
    assert (row.dice, row.iou) == (pytest.approx(0.666667), 0.5)
    assert (row.frame, row.view, row.phase, row.structure) == ("patient0032_4CH_ED", "4CH", "ED", "LA")
    assert (row.run, row.model, row.strategy, row.grid) == (
        "published-cris-real-P6",
        "cris (published)",
        "real",
        "512x512",
    )


def test_the_patients_are_the_first_releases_test_patients_and_nobody_else(tmp_path: Path) -> None:
    assert read(tmp_path, LINE)[0].patient == "camus-mhd/testing/patient0032"


def test_their_hausdorff_distance_is_no_distance_in_mm_and_what_nobody_recorded_is_unknown(tmp_path: Path) -> None:
    (row,) = read(tmp_path, LINE)
    assert (row.hd95_mm, row.assd_mm, row.nsd, row.nsd_tolerance_mm, row.row_mm, row.column_mm) == (None,) * 6
    assert (row.seed, row.paraphrase, row.age, row.quality, row.area_true_mm2) == (None,) * 5
    assert row.sentence == "(not recorded)"
    write_rows(tmp_path / "rows.csv", rows_frame([vars(row)]))  # type: ignore[list-item]
    assert list(records_of(Row, read_rows(tmp_path / "rows.csv"))) == [vars(row)]


def test_only_their_shape_word_uses_the_true_mask_and_only_the_empty_sentence_is_known(tmp_path: Path) -> None:
    assert [read(tmp_path, LINE, prompt_set=p)[0].uses_ground_truth for p in (PromptSet.P6, PromptSet.P7)] == [
        False,
        True,
    ]
    assert read(tmp_path, LINE, prompt_set=PromptSet.P0)[0].sentence == ""


def test_a_true_mask_of_a_few_pixels_is_found_from_the_dice_of_a_mask_of_everything(tmp_path: Path) -> None:
    # 12 of 512 x 512 pixels: everything has a Dice of 24 / 262,156, that is 0.0092 %.
    tiny = LINE.replace("20.0000", "66.6575")
    assert [read(tmp_path, line)[0].status for line in (LINE, tiny)] == [Status.OK, Status.TINY]


def test_lines_come_in_the_order_of_patients_and_structures(tmp_path: Path) -> None:
    lines = [LINE.replace("mask_3", f"mask_{m}").replace("0032", p) for p, m in (("0002", 2), ("0001", 3), ("0001", 1))]
    assert [(r.frame[:11], r.structure) for r in read(tmp_path, *lines)] == [
        ("patient0001", "LV"),
        ("patient0001", "LA"),
        ("patient0002", "MYO"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (LINE.replace("mask_3", "mask_4"), r"metrics\.csv:2: filename: mask_4/patient0032_4CH_ED_gt\.png"),
        (LINE.replace("4CH", "3CH"), "filename"),
        (LINE.replace("_gt.png", ".png"), "filename"),
        (LINE.replace("66.6667,1431", "106.6667,1431"), r"dice: '106\.6667'; expected a number from 0 to 100"),
        (LINE.replace("50.0000", "-1"), "iou: '-1'"),
        (LINE.replace("50.0000", "nan"), "iou: 'nan'"),
        (LINE.replace("50.0000", "high"), "iou: 'high'; expected a number from 0 to 100"),
        (LINE.replace("50.0000", "51.0000"), r"dice: 66\.6667 with an IoU of 51\.0"),
        (LINE.replace("50.0000", "0.5").replace("66.6667", "0.666667"), "both in percent"),
        ("/a/mask_3/patient0032_4CH_ED_gt.png,50.0000", "cells: 2; expected 6"),
    ],
)
def test_a_line_that_is_no_score_in_percent_is_refused_and_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, line)


def test_two_scores_of_one_structure_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"metrics\.csv:3: filename: patient0032_4CH_ED LA again"):
        read(tmp_path, LINE, LINE.replace("/a/", "/b/"))


def test_a_file_without_a_column_or_without_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="columns: no dice"):
        read(tmp_path, LINE, header=HEADER.replace(",dice", ",dise"))
    with pytest.raises(DataError, match="lines: none"):
        read(tmp_path)


def test_all_runs_below_a_folder_are_read_with_a_spec_that_reports_understand(published_scores: Path) -> None:
    runs = read_published(published_scores)
    assert len(runs) == 24
    assert [len(run.rows) for run in runs] == [12] * 24
    by_name = {run.spec.name: run for run in runs}
    fine_tuned = by_name["published-cris-synth-PT-real-FT-P2"]
    assert fine_tuned.spec.strategy == "synth-PT:real-FT"
    assert fine_tuned.rows[["synthetic", "real_patients"]].values.tolist() == [["diffusion", 400]] * 12
    assert by_name["published-clipseg-synthetic-P1"].rows.real_patients.isna().all()
    assert (by_name["published-clipseg-real-P1"].rows.synthetic == "").all()


def test_folders_that_are_not_theirs_are_refused_by_name(published_scores: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Give the folder `metrics` of a clone"):
        read_published(tmp_path / "absent")
    (published_scores / "camus_metrics_reduce_lr" / "cris").rename(published_scores / "camus_metrics_reduce_lr" / "sam")
    with pytest.raises(DataError, match="model folder: sam; expected one of clip_seg_bs_128, cris, clip_seg"):
        read_published(published_scores)
