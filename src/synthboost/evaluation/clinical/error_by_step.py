"""By which step of the measurement an ejection fraction goes wrong: each step in turn is taken from the annotation."""

from __future__ import annotations

from collections.abc import Callable

from synthboost.domain import Phase, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import ApicalView
from synthboost.evaluation.clinical.patient_numbers import LabelMaps, PatientViews

_Key = tuple[View, Phase]
_Choice = Callable[[_Key, ApicalView, ApicalView], ApicalView]

STEPS: dict[str, _Choice] = {
    "nothing": lambda key, predicted, true: predicted,
    "base line": lambda key, predicted, true: predicted.measured_along(true, apex=False),
    "apex": lambda key, predicted, true: predicted.measured_along(true, plane=False),
    "base line and apex": lambda key, predicted, true: predicted.measured_along(true),
    "ventricle": lambda key, predicted, true: true.measured_along(predicted),
    "end-diastolic frames": lambda key, predicted, true: true if key[1] is Phase.END_DIASTOLE else predicted,
    "end-systolic frames": lambda key, predicted, true: true if key[1] is Phase.END_SYSTOLE else predicted,
}
"""What is taken from the annotation. With `ventricle` the predicted base line and apex cut the annotated cavity."""


def errors_by_step(predicted: LabelMaps, true: LabelMaps) -> dict[str, float] | None:
    """Return for each of `STEPS` the ejection fraction (CAMUS' convention) minus that of the annotation, in points.

    Returns:
        `None` if a frame is absent or does not show what a step needs: steps are compared in the same patients.
    """
    views = [PatientViews(maps) for maps in (predicted, true)]
    keys = [(view, phase) for view in View for phase in Phase]
    try:
        found, known = ({key: own.view(*key) for key in keys} for own in views)
        fraction = views[1].ejection_fraction(one_height=True)
        return {
            name: PatientViews(
                predicted, {key: choose(key, found[key], known[key]) for key in keys}
            ).ejection_fraction(one_height=True) - fraction
            for name, choose in STEPS.items()
        }  # fmt: skip
    except DataError:
        return None
