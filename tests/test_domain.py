"""The words of the field mean what CAMUS and the paper mean by them."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from synthboost.domain import (
    METRICS,
    STRUCTURES,
    Frame,
    FrameInfo,
    Metric,
    PatientId,
    Phase,
    Prompt,
    PromptSet,
    Structure,
    Triplet,
    View,
)
from synthboost.errors import DataError
from synthboost.records.rows import Row

LABELS = np.array([[0, 1, 1], [2, 3, 0]], np.uint8)
INFO = FrameInfo(PatientId("camus-nifti", "database_nifti", "patient0007"), View.TWO_CHAMBER, Phase.END_SYSTOLE)


def frame(label_map: np.ndarray | None = LABELS) -> Frame:
    return Frame(INFO, np.zeros((2, 3), np.uint8), label_map, (0.5, 0.25))


def test_structures_have_the_numbers_of_camus_label_maps() -> None:
    assert [(int(s), s.short) for s in STRUCTURES] == [(1, "LV"), (2, "MYO"), (3, "LA")]


def test_a_frame_is_named_by_patient_view_and_phase() -> None:
    assert INFO.name == "patient0007_2CH_ES"


def test_patients_of_the_same_name_in_two_folders_are_two_people() -> None:
    one, other = PatientId("camus-mhd", "training", "patient0001"), PatientId("camus-mhd", "testing", "patient0001")
    assert one != other
    assert str(one) == "camus-mhd/training/patient0001"


def test_a_triplets_mask_is_that_of_its_structure() -> None:
    triplet = Triplet(frame(), Structure.LEFT_VENTRICULAR_CAVITY, Prompt("...", PromptSet.P1, 0))
    assert triplet.mask.dtype == np.bool_
    assert triplet.mask.tolist() == [[False, True, True], [False, False, False]]


def test_asking_an_unannotated_frame_for_a_mask_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="patient0007_2CH_ES"):
        frame(None).mask(Structure.MYOCARDIUM)


def test_nothing_is_known_of_a_patient_until_it_is_said() -> None:
    attributes = INFO.attributes
    assert (attributes.sex, attributes.age, attributes.quality, attributes.ejection_fraction) == (None,) * 4


def test_every_metric_has_a_heading_a_unit_and_a_column() -> None:
    assert tuple(METRICS) == get_args(Metric)
    assert set(METRICS) <= set(Row.__annotations__)


@pytest.mark.parametrize(
    "name", ["=1+1", "-1", "+1", "@x", " a", "", "a/b", "a\\b", "a\nb", "a\x1b[2J", "a\u202eb", "x" * 129, 7]
)
def test_a_patient_has_a_name_that_no_spreadsheet_runs_and_no_path_leaves(name: Any) -> None:
    for parts in (("r", "f", name), ("r", name, "p"), (name, "f", "p")):
        with pytest.raises(DataError, match="letter or digit"):
            PatientId(*parts)


def test_a_patient_may_be_called_as_people_are() -> None:
    assert str(PatientId("klinik-ä", "2024", "Müller, 7 (b)")) == "klinik-ä/2024/Müller, 7 (b)"
