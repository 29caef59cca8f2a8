"""Volumes and ejection fraction of the left ventricle from label maps, by the biplane method of discs.

Simpson's biplane rule (Lang et al., J Am Soc Echocardiogr 28:1-39, 2015): the long axis, from the middle of the mitral
base to the apex, is cut into 20 discs; a disc's diameters are the widths of the cavity across the axis in the two
views; V = pi/4 * sum(a_i * b_i) * disc height.

Two conventions for the disc height exist, and they disagree by some eight points of ejection fraction:

- `ejection_fraction_biplane`: at each instant the longer of that instant's two axes over 20. The clinical definition.
- `ejection_fraction_camus`: the longest of all four axes over 20, at both instants. So CAMUS' NIfTI release computed
  its `EF`; as the ventricle shortens in systole, it overestimates the systolic volume and underestimates the fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from synthboost.domain import LabelMap, Phase, View
from synthboost.errors import DataError
from synthboost.evaluation.checks import require_label_map
from synthboost.evaluation.clinical.chamber import WALL_GAP_MM, Chamber, Scale, ventricle
from synthboost.evaluation.clinical.volume import discs_volume

LabelledFrames: TypeAlias = Mapping[tuple[View, Phase], tuple[LabelMap, tuple[float, float]]]
"""For each view and phase: the label map (H, W) and its spacing (rows, columns) in mm."""
_Axes: TypeAlias = Mapping[tuple[View, Phase], Chamber]
_MILLIMETRES = Scale((1.0, 1.0), "mm", WALL_GAP_MM)
"""For lengths that are in mm already."""


def ejection_fraction_camus(masks: LabelledFrames) -> float:
    """Ejection fraction in percent as CAMUS' NIfTI release states it: one disc height for both instants.

    Negative when the systolic volume is the larger one.

    Raises:
        DataError: as for `volumes_ml`.
    """
    return _ejection_fraction(volumes_ml(masks, one_height=True))


def ejection_fraction_biplane(masks: LabelledFrames) -> float:
    """Ejection fraction in percent by the clinical definition: each instant has its own disc height.

    Negative when the systolic volume is the larger one.

    Raises:
        DataError: as for `volumes_ml`.
    """
    return _ejection_fraction(volumes_ml(masks))


def ejection_fractions(masks: LabelledFrames) -> tuple[float, float]:
    """Both fractions in percent, `ejection_fraction_camus` and `ejection_fraction_biplane`, of ventricles found once.

    Raises:
        DataError: as for `volumes_ml`.
    """
    axes = _axes(masks)
    return _ejection_fraction(_volumes(axes, one_height=True)), _ejection_fraction(_volumes(axes, one_height=False))


def volumes_ml(masks: LabelledFrames, *, one_height: bool = False) -> dict[Phase, float]:
    """Volume of the left ventricular cavity in ml at end-diastole and end-systole.

    Args:
        masks: label map and spacing for both views at both instants.
        one_height: use the longest of the four axes at both instants, as CAMUS does.

    Raises:
        DataError: a view or phase is missing, a label map or its spacing is not valid, or its cavity or the base of it
            cannot be found (see `long_axis_mm`).
    """
    return _volumes(_axes(masks), one_height)


def long_axis_mm(label_map: LabelMap, spacing_mm: tuple[float, float]) -> float:
    """Length of the left ventricle in mm: from the middle of its base to the farthest point of its contour.

    The base is the largest piece of the cavity's contour with no myocardium within `chamber.WALL_GAP_MM`; its two
    farthest points stand for the hinges of the mitral valve, and the point halfway between them is its middle.

    Raises:
        DataError: the label map or its spacing is not valid, has no cavity or no myocardium, or the myocardium
            encloses the cavity all around, or less than half of it.
    """
    return _ventricle(label_map, spacing_mm, "label map").length


def _axes(masks: LabelledFrames) -> _Axes:
    return {(view, phase): _measure(masks, view, phase) for view in View for phase in Phase}


def _volumes(axes: _Axes, one_height: bool) -> dict[Phase, float]:
    volumes = {}
    for phase in Phase:
        instants = tuple(Phase) if one_height else (phase,)
        length = max(axes[view, instant].length for view in View for instant in instants)
        two, four = (axes[view, phase] for view in (View.TWO_CHAMBER, View.FOUR_CHAMBER))
        volumes[phase] = discs_volume(two, four, length, _MILLIMETRES)
    return volumes


def _ejection_fraction(volumes: Mapping[Phase, float]) -> float:
    diastole, systole = volumes[Phase.END_DIASTOLE], volumes[Phase.END_SYSTOLE]
    if diastole == 0:
        raise DataError("ejection fraction", "end-diastolic volume", "0 ml", "a cavity that overlaps in both views")
    return 100 * (diastole - systole) / diastole


def _measure(masks: LabelledFrames, view: View, phase: Phase) -> Chamber:
    if (view, phase) not in masks:
        raise DataError(
            "ejection fraction", "frames", f"no {view} {phase}", "both views at both instants",
            "The biplane method needs 2CH and 4CH at ED and at ES.",
        )  # fmt: skip
    label_map, spacing_mm = masks[view, phase]
    return _ventricle(label_map, spacing_mm, f"label map {view} {phase}")


def _ventricle(label_map: LabelMap, spacing_mm: tuple[float, float], name: str) -> Chamber:
    require_label_map(label_map, name)
    return ventricle(label_map, Scale.of(spacing_mm, label_map.shape, name), name)
