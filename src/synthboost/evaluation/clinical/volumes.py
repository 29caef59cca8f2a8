"""Volumes and ejection fraction of a patient from label maps, by the biplane method of discs.

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

from synthboost.domain import LabelMap, Phase, Structure, View
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import DISCS, ApicalView, Chamber
from synthboost.evaluation.clinical.geometry import Scale

LabelMaps: TypeAlias = Mapping[tuple[View, Phase], tuple[LabelMap, tuple[float, float] | None]]
"""For each view and phase at hand: the label map (H, W) and its spacing (rows, columns) in mm, `None` if unknown."""


class PatientViews:
    """The apical views of a patient at hand, and the volumes in them; what is found in a view is found once.

    Volumes are in the scale's `volume_unit`. Every method raises `DataError` if a label map that it needs is absent, is
    not valid or does not show what it needs, or if the spacing is known of some of them only.
    """

    def __init__(self, maps: LabelMaps) -> None:
        """Keep any of the four frames; nothing is measured yet."""
        self.maps = maps
        self._views: dict[tuple[View, Phase], ApicalView] = {}

    def view(self, view: View, phase: Phase) -> ApicalView:
        """One of the views."""
        key, name = (view, phase), f"{view} {phase}"
        if key not in self.maps:
            raise DataError(name, "label map", "absent", "a label map of this view and phase")
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
        return discs_volume(two, four, longest, self._scale(*phases))

    def atrium_by_area(self) -> float:
        """Volume of the left atrium at end-systole from areas: 8 / (3 pi) * A2CH * A4CH / the shorter length."""
        end = Phase.END_SYSTOLE
        shorter = min(self.view(view, end).atrium.length for view in View)
        two, four = (self.view(view, end).area(Structure.LEFT_ATRIUM_CAVITY) for view in View)
        return area_length_volume(two, four, shorter, self._scale(end))

    def ejection_fraction(self, one_height: bool = False) -> float:
        """Percent of the end-diastolic biplane volume, negative if the systolic one is the larger.

        Args:
            one_height: the fraction that CAMUS' NIfTI release states, instead of the clinical one.
        """
        return ejection_fraction(*(self.biplane(phase, one_height) for phase in Phase))

    def _scale(self, *phases: Phase) -> Scale:
        """The scale of all these frames of both views."""
        scales = [self.view(view, phase).scale for view in View for phase in phases]
        if len({scale.length_unit for scale in scales}) > 1:
            raise DataError("frames", "spacing", "known of some frames only", "all in mm, or all in pixels")
        return scales[0]


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
