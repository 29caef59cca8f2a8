"""All clinical numbers of one patient from label maps: each with its unit and method, or with why it is missing.

Chamber quantification follows Lang et al., J Am Soc Echocardiogr 28:1-39, 2015, where it says so. Research software,
not a medical device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np

from synthboost.domain import Phase, Structure, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.volumes import LabelMaps, PatientViews, ejection_fraction

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
    reason: str = ""
    """Why there is no value; empty otherwise."""

    @property
    def method(self) -> str:
        """How it is found: the entry of `METHODS` whose name it begins with."""
        return METHODS[max((key for key in METHODS if self.name.startswith(key)), key=len)]


def measure_patient(maps: LabelMaps) -> dict[str, Measurement]:
    """Measure whatever the label maps at hand allow.

    Where spacings are unknown, lengths are in pixels, and volumes and fractions take the pixels of both views for
    equal squares. The spacing must be known of all frames or of none for a number that needs several.

    Args:
        maps: any of the four frames of a patient; what is missing leaves the numbers that need it without a value.

    Returns:
        Measurements by name, e.g. `ef_biplane`: always the same names in the same order, whatever could be measured.
    """
    in_pixels = bool(maps) and all(spacing is None for _, spacing in maps.values())
    units = ("px", "px2", "px3") if in_pixels else ("mm", "mm2", "ml")
    return {name: _measure(name, unit, compute) for name, unit, compute in _numbers(PatientViews(maps), *units)}


_Number = tuple[str, str, Callable[[], float]]


def _numbers(patient: PatientViews, length: str, area: str, volume: str) -> Iterator[_Number]:
    """Name, unit and way to compute each number."""
    for view, phase in product(View, Phase):
        yield from _of_frame(patient, view, phase, length, area, volume)
    for view in View:
        yield f"ef_{view}", "%", partial(_single_fraction, patient, view)
    for phase in Phase:
        yield f"lv_volume_biplane_{phase}", volume, partial(patient.biplane, phase)
    for phase in Phase:
        yield f"lv_volume_camus_{phase}", volume, partial(patient.biplane, phase, one_height=True)
    end_diastole, end_systole = Phase
    yield "stroke_volume", volume, lambda: patient.biplane(end_diastole) - patient.biplane(end_systole)
    yield "ef_biplane", "%", patient.ejection_fraction
    yield "ef_camus", "%", partial(patient.ejection_fraction, one_height=True)
    yield "la_volume_area_length_ES", volume, patient.atrium_by_area
    yield "la_volume_discs_ES", volume, partial(patient.biplane, end_systole, atrium=True)


def _of_frame(
    patient: PatientViews, view: View, phase: Phase, length: str, area: str, volume: str
) -> Iterator[_Number]:  # fmt: skip
    end, shown = f"{view}_{phase}", partial(patient.view, view, phase)
    yield f"lv_length_{end}", length, lambda: shown().ventricle.length
    yield f"lv_area_{end}", area, lambda: shown().area(Structure.LEFT_VENTRICULAR_CAVITY)
    yield f"lv_volume_{end}", volume, lambda: patient.single_plane(view, phase)
    yield f"la_length_{end}", length, lambda: shown().atrium.length
    yield f"la_area_{end}", area, lambda: shown().area(Structure.LEFT_ATRIUM_CAVITY)
    yield f"myo_area_{end}", area, lambda: shown().area(Structure.MYOCARDIUM)
    yield f"wall_thickness_{end}", length, lambda: shown().wall_thickness


def _single_fraction(patient: PatientViews, view: View) -> float:
    return ejection_fraction(*(patient.single_plane(view, phase) for phase in Phase))


def _measure(name: str, unit: str, compute: Callable[[], float]) -> Measurement:
    try:
        value = compute()
    except DataError as error:
        return Measurement(name, None, unit, str(error))
    assert np.isfinite(value), name
    return Measurement(name, float(value), unit)
