"""Fixtures of the evaluation's tests: rows made of numbers that can be worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from synthboost.records.rows import Row, Status

MakeRow = Callable[..., Row]

ROW = Row(
    run="r1",
    model="tiny",
    strategy="real",
    encoders="trained",
    synthetic="",
    real_patients=400,
    prompt_set="P1",
    paraphrase=0,
    sentence="Myocardium of the heart.",
    uses_ground_truth=False,
    probe="",
    seed=0,
    split="official",
    part="validation",
    domain="real",
    patient="camus-nifti/database_nifti/patient0001",
    frame="patient0001_2CH_ED",
    view="2CH",
    phase="ED",
    structure="MYO",
    quality="Good",
    sex="M",
    age=50,
    ejection_fraction=55.0,
    grid="native",
    row_mm=0.308,
    column_mm=0.308,
    status=Status.OK,
    reason="",
    dice=0.8,
    iou=2 / 3,
    nsd=0.9,
    nsd_tolerance_mm=2.0,
    hd95_mm=3.0,
    assd_mm=1.0,
    area_true_mm2=100.0,
    area_predicted_mm2=110.0,
)


@pytest.fixture
def make_row() -> MakeRow:
    """A row of a known patient with any fields changed."""

    def make(**changes: Any) -> Row:
        return replace(ROW, **changes)

    return make
