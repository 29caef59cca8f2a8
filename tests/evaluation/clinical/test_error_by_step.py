"""Each step of the ejection fraction taken from the annotation, on shapes whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from synthboost.domain import Phase, View
from synthboost.evaluation.clinical.error_by_step import STEPS, errors_by_step
from synthboost.evaluation.clinical.patient_numbers import measure_patient


def test_a_model_that_predicts_end_diastole_twice_errs_by_the_whole_fraction_in_the_systolic_frames(make_maps) -> None:
    true = make_maps((1.0, 1.0))
    predicted = {key: true[key[0], Phase.END_DIASTOLE] for key in true}
    fraction = measure_patient(true)["ef_camus"].value
    errors = errors_by_step(predicted, true)
    assert errors is not None
    assert list(errors) == list(STEPS)
    assert errors["nothing"] == errors["end-diastolic frames"] == pytest.approx(-fraction)
    assert errors["end-systolic frames"] == errors_by_step(true, true)["apex"] == 0  # type: ignore[index]
    assert errors["base line and apex"] < -5  # the cavity is too wide, wherever the axis runs


def test_a_step_that_cannot_be_taken_leaves_the_patient_out(make_maps) -> None:
    true = make_maps((1.0, 1.0))
    key = View.TWO_CHAMBER, Phase.END_SYSTOLE
    empty = np.zeros_like(true[key][0]), true[key][1]
    assert errors_by_step({**true, key: empty}, true) is None
    assert errors_by_step({k: v for k, v in true.items() if k != key}, true) is None
