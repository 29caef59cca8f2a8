from __future__ import annotations

from pathlib import Path

import numpy as np

from synthboost.data.camus_layout import info_text, write_frames
from synthboost.data.image_file import read_annotated
from synthboost.domain import Attributes, Frame, FrameInfo, PatientId, Phase, Quality, Sex, View

ATTRIBUTES = Attributes(Sex.FEMALE, 61, Quality.POOR, 55.0)


def info(view: View, phase: Phase) -> FrameInfo:
    return FrameInfo(PatientId("r", "f", "patient0001"), view, phase, ATTRIBUTES)


def test_the_ejection_fraction_is_written_only_where_it_is_true_of_the_masks() -> None:
    plain = "ED: 1\nES: 2\nNbFrame: 2\nSex: F\nAge: 61\nImageQuality: Poor\n"
    assert info_text(info(View.TWO_CHAMBER, Phase.END_SYSTOLE)) == plain
    assert info_text(info(View.TWO_CHAMBER, Phase.END_SYSTOLE), ejection_fraction=True) == plain + "EF: 55\n"


def test_frames_get_the_name_asked_for_and_one_text_per_view(tmp_path: Path) -> None:
    image, labels = np.arange(12, dtype=np.uint8).reshape(3, 4), np.eye(3, 4, dtype=np.uint8)
    frames = [
        Frame(info(View.TWO_CHAMBER, Phase.END_DIASTOLE), image, labels, (0.5, 0.25)),
        Frame(info(View.TWO_CHAMBER, Phase.END_SYSTOLE), image, None, (0.5, 0.25)),
    ]
    write_frames(tmp_path, "patient000102", frames)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "Info_2CH.cfg",
        "patient000102_2CH_ED.nii.gz",
        "patient000102_2CH_ED_gt.nii.gz",
        "patient000102_2CH_ES.nii.gz",
    ]
    stem = tmp_path / "patient000102_2CH_ED"
    again = read_annotated(stem.with_name(f"{stem.name}.nii.gz"), stem.with_name(f"{stem.name}_gt.nii.gz"))
    np.testing.assert_array_equal(again[0], image)
    np.testing.assert_array_equal(again[1], labels)
    assert again[2] == (0.5, 0.25)
