"""All clinical numbers of one patient from label maps: each with its unit and method, or with why it is missing.

Chamber quantification follows Lang et al., J Am Soc Echocardiogr 28:1-39, 2015, where it says so. Research software,
not a medical device.

Volumes are by Simpson's biplane rule: the long axis, from the middle of the mitral base to the apex, is cut into 20
discs; a disc's diameters are the widths of the cavity across the axis in the two views; V = pi/4 * sum(a_i * b_i) *
disc height. Two conventions for the disc height exist, and they disagree by some eight points of ejection fraction: the
clinical one takes at each instant the longer of that instant's two axes over 20, CAMUS' the longest of all four axes,
at both instants. So its NIfTI release computed its `EF`; as the ventricle shortens in systole, that overestimates the
systolic volume and underestimates the fraction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TypeAlias

import numpy as np

from synthboost.domain import LabelMap, Phase, Structure, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import DISCS, ApicalView, Chamber
from synthboost.evaluation.clinical.geometry import Scale

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

    Where no spacing is known, lengths are in pixels, and volumes and fractions take the pixels of both views for equal
    squares. Where some are known, the other frames are not measured.

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


LabelMaps: TypeAlias = Mapping[tuple[View, Phase], tuple[LabelMap, tuple[float, float] | None]]
"""For each view and phase at hand: the label map (H, W) and its spacing (rows, columns) in mm, `None` if unknown."""


class PatientViews:
    """The apical views of a patient at hand, and the volumes in them; what is found in a view is found once.

    Volumes are in ml, or px3 without a spacing. Every method raises `DataError` if a label map that it needs is absent,
    is not valid or does not show what it needs, or if the spacing is known of some of them only.
    """

    def __init__(self, maps: LabelMaps, views: Mapping[tuple[View, Phase], ApicalView] | None = None) -> None:
        """Keep any of the four frames; nothing is measured yet, except in `views` that are at hand."""
        self.maps = maps
        self._views = dict(views or {})

    def view(self, view: View, phase: Phase) -> ApicalView:
        """One of the views."""
        key, name = (view, phase), f"{view} {phase}"
        if key not in self.maps:
            raise DataError(name, "label map", "absent", "a label map of this view and phase")
        if self.maps[key][1] is None and any(spacing is not None for _, spacing in self.maps.values()):
            raise DataError(name, "spacing", "known of some frames only", "all in mm, or all in pixels")
        if key not in self._views:
            self._views[key] = ApicalView.of(*self.maps[key], name)
        return self._views[key]

    def single_plane(self, view: View, phase: Phase) -> float:
        """Volume of the left ventricle from one view, whose discs are taken for circles."""
        chamber = self.view(view, phase).ventricle
        return discs_volume(chamber, chamber, chamber.length, self.view(view, phase).scale)

    def biplane(self, phase: Phase, one_height: bool = False, atrium: bool = False) -> float:
        """Volume of the left ventricle, or of the `atrium`, from both views.

        Args:
            phase: of the volume.
            one_height: use the longest axis of both instants, as CAMUS does.
            atrium: instead of the ventricle.
        """
        phases = tuple(Phase) if one_height else (phase,)
        kind = "atrium" if atrium else "ventricle"
        longest = max(getattr(self.view(view, p), kind).length for view in View for p in phases)
        two, four = (getattr(self.view(view, phase), kind) for view in View)
        return discs_volume(two, four, longest, self.view(View.TWO_CHAMBER, phase).scale)

    def atrium_by_area(self) -> float:
        """Volume of the left atrium at end-systole from areas: 8 / (3 pi) * A2CH * A4CH / the shorter length."""
        end = Phase.END_SYSTOLE
        shorter = min(self.view(view, end).atrium.length for view in View)
        two, four = (self.view(view, end).area(Structure.LEFT_ATRIUM_CAVITY) for view in View)
        return area_length_volume(two, four, shorter, self.view(View.TWO_CHAMBER, end).scale)

    def ejection_fraction(self, one_height: bool = False) -> float:
        """Percent of the end-diastolic biplane volume, negative if the systolic one is the larger.

        Args:
            one_height: the fraction that CAMUS' NIfTI release states, instead of the clinical one.
        """
        return ejection_fraction(*(self.biplane(phase, one_height) for phase in Phase))


def ejection_fraction(diastole: float, systole: float) -> float:
    """Percent of the end-diastolic volume.

    Raises:
        DataError: that volume is 0.
    """
    if diastole == 0:
        raise DataError("ejection fraction", "end-diastolic volume", "0", "a cavity that overlaps in both views")
    return 100 * (diastole - systole) / diastole


def discs_volume(first: Chamber, second: Chamber, length: float, scale: Scale) -> float:
    """Simpson's rule: pi/4 * sum(a_i * b_i) * length / 20, in ml, or px3.

    Args:
        first, second: the chamber in two views; the same one twice takes every disc for a circle (single plane).
        length: of the axis, which 20 discs share.
        scale: what the lengths are in.
    """
    products = float((first.diameters * second.diameters).sum())
    return scale.volume(math.pi / 4 * products * length / DISCS)


def area_length_volume(first_area: float, second_area: float, length: float, scale: Scale) -> float:
    """8 / (3 pi) * A1 * A2 / L, which is exact for an ellipsoid; the factor is the 0.85 of Lang et al. 2015."""
    return scale.volume(8 / (3 * math.pi) * first_area * second_area / length)
