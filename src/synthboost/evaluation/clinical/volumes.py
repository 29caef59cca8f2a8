"""Volumes and ejection fraction of the left ventricle from label maps, by the biplane method of discs.

Simpson's biplane rule (Lang et al., J Am Soc Echocardiogr 28:1-39, 2015): the long axis, from the middle of the mitral
base to the apex, is cut into 20 discs; a disc's diameters are the widths of the cavity across the axis in the two
views; V = pi/4 * sum(a_i * b_i) * disc height.

Two conventions for the disc height exist, and they disagree by some eight points of ejection fraction: the clinical
one takes at each instant the longer of that instant's two axes over 20, CAMUS' the longest of all four axes, at both
instants. So its NIfTI release computed its `EF`; as the ventricle shortens in systole, that overestimates the systolic
volume and underestimates the fraction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

from synthboost.domain import LabelMap, Phase, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import DISCS, ApicalView, Chamber
from synthboost.evaluation.clinical.geometry import Scale

LabelMaps: TypeAlias = Mapping[tuple[View, Phase], tuple[LabelMap, tuple[float, float] | None]]
"""For each view and phase at hand: the label map (H, W) and its spacing (rows, columns) in mm, `None` if unknown."""
ApicalViews: TypeAlias = Mapping[tuple[View, Phase], ApicalView]


def apical_views(maps: LabelMaps) -> dict[tuple[View, Phase], ApicalView]:
    """The views in label maps.

    Raises:
        DataError: a label map or its spacing is not valid.
    """
    return {
        (view, phase): ApicalView.of(label_map, spacing, f"label map {view} {phase}")
        for (view, phase), (label_map, spacing) in maps.items()
    }


def ejection_fractions(views: ApicalViews) -> tuple[float, float]:
    """Both fractions in percent: as CAMUS' NIfTI release states it, and by the clinical definition.

    Negative when the systolic volume is the larger one.

    Raises:
        DataError: as for `volumes_ml`.
    """
    camus, biplane = (volumes_ml(views, one_height=one_height) for one_height in (True, False))
    return ejection_fraction(*(camus[p] for p in Phase)), ejection_fraction(*(biplane[p] for p in Phase))


def volumes_ml(views: ApicalViews, *, one_height: bool = False) -> dict[Phase, float]:
    """Volume of the left ventricular cavity in ml at end-diastole and end-systole.

    Args:
        views: both views at both instants, in mm.
        one_height: use the longest of the four axes at both instants, as CAMUS does.

    Raises:
        DataError: a view or phase is missing, or its cavity or the base of it cannot be found.
    """
    missing = [f"{view} {phase}" for view in View for phase in Phase if (view, phase) not in views]
    if missing:
        raise DataError(
            "ejection fraction", "frames", f"no {', '.join(missing)}", "both views at both instants",
            "The biplane method needs 2CH and 4CH at ED and at ES.",
        )  # fmt: skip
    chambers = {(view, phase): views[view, phase].ventricle for view in View for phase in Phase}
    volumes = {}
    for phase in Phase:
        length = max(chambers[view, p].length for view in View for p in (Phase if one_height else (phase,)))
        two, four = chambers[View.TWO_CHAMBER, phase], chambers[View.FOUR_CHAMBER, phase]
        volumes[phase] = discs_volume(two, four, length, views[View.TWO_CHAMBER, phase].scale)
    return volumes


def ejection_fraction(diastole: float, systole: float) -> float:
    """Percent of the end-diastolic volume.

    Raises:
        DataError: that volume is 0.
    """
    if diastole == 0:
        raise DataError("ejection fraction", "end-diastolic volume", "0", "a cavity that overlaps in both views")
    return 100 * (diastole - systole) / diastole


def discs_volume(first: Chamber, second: Chamber, length: float, scale: Scale) -> float:
    """Simpson's rule: pi/4 * sum(a_i * b_i) * length / 20, in the scale's `volume_unit`.

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
