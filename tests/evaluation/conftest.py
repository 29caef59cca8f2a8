"""Fixtures of the evaluation's tests: rows made of numbers that can be worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from synthboost.domain import LabelMap, Phase, Structure, View
from synthboost.evaluation.clinical.patient_numbers import LabelMaps
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
        return cast(Row, {**ROW, **changes})

    return make


MakeMaps = Callable[..., LabelMaps]
SIZES_MM = {
    Phase.END_DIASTOLE: {"length": 90.0, View.TWO_CHAMBER: 24.0, View.FOUR_CHAMBER: 26.0, "atrium": 40.0},
    Phase.END_SYSTOLE: {"length": 75.0, View.TWO_CHAMBER: 18.0, View.FOUR_CHAMBER: 20.0, "atrium": 48.0},
}
"""Of half ellipsoids that share their flat side: the cavity's length, its half widths there (the atrium's are 2 mm
less), the atrium's length."""


@pytest.fixture
def make_maps() -> MakeMaps:
    """A function (spacing, tilt in degrees, known=True) -> the four label maps of a heart whose numbers are known."""
    return _maps


def _maps(spacing: tuple[float, float] = (0.4, 0.4), tilt: float = 0.0, known: bool = True) -> LabelMaps:
    return {
        (view, phase): (
            half_ellipses(size["length"], size[view], size["atrium"], spacing, tilt),
            spacing if known else None,
        )
        for phase, size in SIZES_MM.items()
        for view in View
    }


def half_ellipses(
    length: float, half_width: float, atrium: float, spacing: tuple[float, float], tilt: float, wall: float = 8.0
) -> LabelMap:
    """A cavity with its apex on top, a wall around it, and an atrium below; 170 mm x 120 mm."""
    rows, columns = np.mgrid[: int(170 / spacing[0]), : int(120 / spacing[1])]
    down, right = (rows + 0.5) * spacing[0] - 112, (columns + 0.5) * spacing[1] - 60
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    up, across = -(c * down + s * right), -s * down + c * right
    labels = np.zeros(rows.shape, dtype=np.uint8)
    labels[(up < 0) & ((up / atrium) ** 2 + (across / (half_width - 2)) ** 2 < 1)] = Structure.LEFT_ATRIUM_CAVITY
    outer = (up / (length + wall)) ** 2 + (across / (half_width + wall)) ** 2 < 1
    labels[(up >= 0) & outer] = Structure.MYOCARDIUM
    cavity = (up >= 0) & ((up / length) ** 2 + (across / half_width) ** 2 < 1)
    labels[cavity] = Structure.LEFT_VENTRICULAR_CAVITY
    return labels
