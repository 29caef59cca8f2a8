"""All clinical numbers of one patient from label maps: each with its unit and method, or with why it is missing.

Chamber quantification follows Lang et al., J Am Soc Echocardiogr 28:1-39, 2015, where it says so. Research software,
not a medical device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from synthboost.domain import Phase, Structure, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import ApicalView, Chamber
from synthboost.evaluation.clinical.geometry import Scale
from synthboost.evaluation.clinical.volumes import LabelMaps, area_length_volume, discs_volume, ejection_fraction

_ED, _ES = Phase.END_DIASTOLE, Phase.END_SYSTOLE
_TWO, _FOUR = View.TWO_CHAMBER, View.FOUR_CHAMBER

METHODS: dict[str, str] = {
    "lv_length": "middle of the mitral base to the farthest point of the cavity's contour",
    "lv_area": "pixels of the cavity",
    "lv_volume": "single plane, 20 discs taken as circles (Lang 2015)",
    "lv_volume_biplane": "biplane Simpson, 20 discs of the instant's longer axis / 20 (Lang 2015)",
    "lv_volume_camus": "biplane Simpson, 20 discs of the longest of the four axes / 20 (CAMUS)",
    "stroke_volume": "ED - ES of lv_volume_biplane",
    "ef": "single plane, from lv_volume",
    "ef_biplane": "from lv_volume_biplane (Lang 2015)",
    "ef_camus": "from lv_volume_camus: the convention of CAMUS' EF",
    "la_length": "middle of the mitral plane to the roof, at a right angle to the plane (Lang 2015)",
    "la_area": "pixels of the atrium",
    "la_volume_area_length": "8 / (3 pi) * A2CH * A4CH / shorter length (Lang 2015)",
    "la_volume_discs": "biplane, 20 discs of the longer axis / 20 (Lang 2015)",
    "myo_area": "pixels of the myocardium",
    "wall_thickness": "area of the myocardium / length of its centre line",
}
"""What a number is and how it is found; view and phase stand behind it in `Measurement.name`."""


@dataclass(frozen=True)
class Measurement:
    """One number of one patient."""

    name: str
    """A key of `METHODS`, then view and phase where they apply, e.g. `lv_length_4CH_ED`."""
    value: float | None
    unit: str
    """`mm`, `mm2`, `ml`, `%`; where the spacing is unknown `px`, `px2`, `px3`."""
    method: str
    reason: str = ""
    """Why there is no value; empty otherwise."""


def measure_patient(maps: LabelMaps) -> dict[str, Measurement]:
    """Measure whatever the label maps at hand allow.

    Where spacings are unknown, lengths are in pixels, and volumes and fractions take the pixels of both views for
    equal squares. The spacing must be known of all frames or of none for a number that needs several.

    Args:
        maps: any of the four frames of a patient; what is missing leaves the numbers that need it without a value.

    Returns:
        Measurements by name, e.g. `ef_biplane`: always the same names in the same order, whatever could be measured.
    """
    return {measurement.name: measurement for measurement in _measurements(_Patient(maps))}


class _Patient:
    """The frames at hand; what is found in one is found once."""

    def __init__(self, maps: LabelMaps) -> None:
        self.maps = maps
        self._views: dict[tuple[View, Phase], ApicalView] = {}

    def view(self, view: View, phase: Phase) -> ApicalView:
        key, name = (view, phase), f"{view} {phase}"
        if key not in self.maps:
            raise DataError(name, "label map", "absent", "a label map of this view and phase")
        if key not in self._views:
            self._views[key] = ApicalView.of(*self.maps[key], name)
        return self._views[key]

    def chamber(self, kind: str, view: View, phase: Phase) -> Chamber:
        shown = self.view(view, phase)
        return shown.ventricle if kind == "lv" else shown.atrium

    def scale(self, *phases: Phase, views: tuple[View, ...] = (_TWO, _FOUR)) -> Scale:
        scales = [self.view(view, phase).scale for view in views for phase in phases]
        if len({scale.length_unit for scale in scales}) > 1:
            raise DataError("frames", "spacing", "known of some frames only", "all in mm, or all in pixels")
        return scales[0]

    def unit(self) -> str:
        """`mm` if the spacing of any frame is known."""
        return "px" if self.maps and all(spacing is None for _, spacing in self.maps.values()) else "mm"


def _measurements(patient: _Patient) -> Iterator[Measurement]:
    for view in View:
        for phase in Phase:
            yield from _of_frame(patient, view, phase)
    for view in View:
        yield _percent(f"ef_{view}", "ef", partial(_single_fraction, patient, view))
    for phase in Phase:
        yield _volume(patient, f"lv_volume_biplane_{phase}", partial(_biplane, patient, "lv", phase))
    for phase in Phase:
        yield _volume(patient, f"lv_volume_camus_{phase}", partial(_camus, patient, phase))
    yield _volume(patient, "stroke_volume", lambda: _biplane(patient, "lv", _ED) - _biplane(patient, "lv", _ES))
    yield _percent("ef_biplane", "ef_biplane", lambda: ejection_fraction(*(_biplane(patient, "lv", p) for p in Phase)))
    yield _percent("ef_camus", "ef_camus", lambda: ejection_fraction(*(_camus(patient, p) for p in Phase)))
    yield _volume(patient, "la_volume_area_length_ES", lambda: _area_length(patient))
    yield _volume(patient, "la_volume_discs_ES", lambda: _biplane(patient, "la", _ES))


def _of_frame(patient: _Patient, view: View, phase: Phase) -> Iterator[Measurement]:
    unit = patient.unit()
    end = f"{view}_{phase}"
    lv, la, myo = Structure.LEFT_VENTRICULAR_CAVITY, Structure.LEFT_ATRIUM_CAVITY, Structure.MYOCARDIUM
    yield _try(f"lv_length_{end}", unit, "lv_length", lambda: patient.chamber("lv", view, phase).length)
    yield _try(f"lv_area_{end}", f"{unit}2", "lv_area", lambda: patient.view(view, phase).area(lv))
    yield _volume(patient, f"lv_volume_{end}", lambda: _single(patient, view, phase))
    yield _try(f"la_length_{end}", unit, "la_length", lambda: patient.chamber("la", view, phase).length)
    yield _try(f"la_area_{end}", f"{unit}2", "la_area", lambda: patient.view(view, phase).area(la))
    yield _try(f"myo_area_{end}", f"{unit}2", "myo_area", lambda: patient.view(view, phase).area(myo))
    yield _try(f"wall_thickness_{end}", unit, "wall_thickness", lambda: patient.view(view, phase).wall_thickness)


def _volume(patient: _Patient, name: str, compute: Callable[[], float]) -> Measurement:
    method = max((key for key in METHODS if name.startswith(key)), key=len)
    return _try(name, "ml" if patient.unit() == "mm" else "px3", method, compute)


def _percent(name: str, method: str, compute: Callable[[], float]) -> Measurement:
    return _try(name, "%", method, compute)


def _try(name: str, unit: str, method: str, compute: Callable[[], float]) -> Measurement:
    try:
        value = compute()
    except DataError as error:
        return Measurement(name, None, unit, METHODS[method], str(error))
    assert np.isfinite(value), name
    return Measurement(name, float(value), unit, METHODS[method])


def _single(patient: _Patient, view: View, phase: Phase) -> float:
    chamber = patient.chamber("lv", view, phase)
    return discs_volume(chamber, chamber, chamber.length, patient.scale(phase, views=(view,)))


def _biplane(patient: _Patient, kind: str, phase: Phase) -> float:
    two, four = (patient.chamber(kind, view, phase) for view in (_TWO, _FOUR))
    return discs_volume(two, four, max(two.length, four.length), patient.scale(phase))


def _camus(patient: _Patient, phase: Phase) -> float:
    longest = max(patient.chamber("lv", view, instant).length for view in View for instant in Phase)
    two, four = (patient.chamber("lv", view, phase) for view in (_TWO, _FOUR))
    return discs_volume(two, four, longest, patient.scale(*Phase))


def _area_length(patient: _Patient) -> float:
    shorter = min(patient.chamber("la", view, _ES).length for view in View)
    two, four = (patient.view(view, _ES).area(Structure.LEFT_ATRIUM_CAVITY) for view in (_TWO, _FOUR))
    return area_length_volume(two, four, shorter, patient.scale(_ES))


def _single_fraction(patient: _Patient, view: View) -> float:
    return ejection_fraction(*(_single(patient, view, phase) for phase in Phase))
