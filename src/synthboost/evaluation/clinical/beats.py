"""Beat by beat over a clip of one apical view: volumes, ejection fraction, longitudinal shortening, left atrium.

Volumes are of a single plane, 20 discs taken as circles (Lang et al., J Am Soc Echocardiogr 28:1-39, 2015). Shortening
is positive, in percent of the length at end diastole: of the axis, and of the endocardial contour from hinge to hinge.
The latter is global longitudinal strain without its sign, of outlines: no speckle is tracked, so it is not what a
scanner prints. Research software, not a medical device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from synthboost.domain import LabelMap
from synthboost.errors import DataError
from synthboost.evaluation.clinical.apical_view import ApicalView
from synthboost.evaluation.clinical.patient_numbers import discs_volume, ejection_fraction
from synthboost.evaluation.clinical.phases import smoothed
from synthboost.evaluation.clinical.plausibility import RULES

SWING, AT_THE_EDGE = 0.4, 0.1
"""Of the largest change of area in the clip: an end of diastole lies so near to the top, and systole so near to the
bottom; where the clip begins or ends on the way, an end of diastole or systole counts only if it lies nearer.
Guesses."""
NUMBERS: Mapping[str, str] = {
    "heart_rate": "1/min", "lv_volume_ED": "ml", "lv_volume_ES": "ml", "ef_single_plane": "%", "axis_shortening": "%",
    "contour_shortening": "%", "la_volume_max": "ml", "la_volume_min": "ml", "la_emptying": "%",
}  # fmt: skip
"""Of a beat, with units; where the spacing is unknown `px3` stands for `ml`."""
_OF_FRAME: Mapping[str, Callable[[ApicalView], float]] = {
    "axis": lambda view: view.ventricle.length,
    "contour": lambda view: view.endocardium,
    "ventricle": lambda view: discs_volume(view.ventricle, view.ventricle, view.ventricle.length, view.scale),
    "atrium": lambda view: discs_volume(view.atrium, view.atrium, view.atrium.length, view.scale),
}


class Beat(NamedTuple):
    """Frames of a clip, counted from 0."""

    ed: int
    es: int
    end: int | None
    """The next end of diastole; `None` if the clip ends before it."""


def find_beats(areas: Sequence[float], frame_seconds: float | None = None) -> list[Beat]:
    """Find the beats of a clip, from one end of diastole to the next, in the smoothed area of the ventricle.

    Args:
        areas: of each frame, in any unit; 0 where no ventricle is seen.
        frame_seconds: between two frames.

    Returns:
        Whole beats, and a last one whose end of systole is in the clip: the area grows again after it, or is as small
        as anywhere, as at the end of a half sequence. None if the area hardly changes.
    """
    if np.count_nonzero(np.array(areas) > 0) < 2:
        return []
    curve = smoothed(areas, frame_seconds)
    low, high = float(curve.min()), float(curve.max())
    most = RULES["lv area es/ed"].high
    if most is None or low > most * high:
        return []
    swing, at_the_edge = SWING * (high - low), AT_THE_EDGE * (high - low)
    systole = curve <= low + swing
    tops = []
    for run in np.split(np.arange(len(curve)), np.flatnonzero(np.diff(systole)) + 1):
        top = int(run[curve[run].argmax()])
        allowed = at_the_edge if top in (0, len(curve) - 1) else swing
        if curve[top] >= high - allowed and not systole[top]:
            tops.append(top)
    beats = []
    for top, following in zip(tops, [*tops[1:], None], strict=True):
        bottom = top + int(curve[top:following].argmin())
        seen = following is not None or curve[bottom:].max() > curve[bottom] + at_the_edge
        if systole[bottom] and (seen or curve[bottom] <= low + at_the_edge):
            beats.append(Beat(top, bottom, following))
    return beats


def measure_frame(label_map: LabelMap, spacing_mm: tuple[float, float] | None) -> dict[str, float]:
    """Measure one label map (H, W): lengths of axis and contour, volumes of both chambers; 0 where it cannot be."""
    found = dict.fromkeys(_OF_FRAME, 0.0)
    with suppress(DataError):
        view = ApicalView.of(label_map, spacing_mm)
        for name, measure in _OF_FRAME.items():
            with suppress(DataError):
                found[name] = measure(view)
    return found


def measure_beats(
    frames: Sequence[Mapping[str, float]],
    beats: Sequence[Beat],
    frame_seconds: float | None = None,
    seconds: Sequence[float] | None = None,
) -> list[dict[str, float | None]]:
    """Measure each beat: `NUMBERS`, `None` where the frames do not allow it.

    Args:
        frames: what `measure_frame` found in each frame of the clip; smoothed as the areas are.
        beats: what `find_beats` found in their areas.
        frame_seconds: between two frames, on average.
        seconds: when each frame was taken, which may be at no steady rate; without them there is no heart rate.
    """
    curves = {
        name: smoothed(values, frame_seconds)
        for name in _OF_FRAME if any(values := [frame[name] for frame in frames])
    }  # fmt: skip
    found = []
    for ed, es, end in beats:
        ends = {name: (float(curve[ed]), float(curve[es])) for name, curve in curves.items()}
        atrium = curves["atrium"][ed:end] if "atrium" in curves else None
        numbers = beat_numbers(ends, None if atrium is None else (float(atrium.max()), float(atrium.min())))
        if end is not None and seconds is not None:
            numbers["heart_rate"] = 60 / (seconds[end] - seconds[ed])
        found.append(numbers)
    return found


def beat_numbers(
    ends: Mapping[str, tuple[float, float]], atrium: tuple[float, float] | None
) -> dict[str, float | None]:  # fmt: skip
    """`NUMBERS` from what was measured at (ED, ES), and the atrium's largest and smallest volume; no heart rate."""
    numbers: dict[str, float | None] = dict.fromkeys(NUMBERS)
    if "ventricle" in ends:
        numbers["lv_volume_ED"], numbers["lv_volume_ES"] = ends["ventricle"]
        numbers["ef_single_plane"] = ejection_fraction(*ends["ventricle"])
    for name in ("axis", "contour"):
        if name in ends:
            numbers[f"{name}_shortening"] = ejection_fraction(*ends[name])  # the same fraction, of lengths
    if atrium is not None:
        numbers["la_volume_max"], numbers["la_volume_min"] = atrium
        numbers["la_emptying"] = ejection_fraction(*atrium)
    return numbers
