"""The heart between end diastole and end systole: its causes are interpolated, never its pixels or outlines.

An instant is the end of a weaker beat: of the same heart, ejecting a smaller share of the stroke. Volume, length,
annulus, shape, atrium and tilt go from the one end to the other; the cavity's widths and the wall follow from volumes,
as at the ends. Where muscle keeps its volume (prior `literature`), it does so at every instant.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from synthboost.domain import Phase, View
from synthboost.simulator.contours import Contours, draw_contours
from synthboost.simulator.fan import Points, PolarGrid
from synthboost.simulator.heart import ChamberState, Heart, chamber_widths, epicardial_volume, wall_thickness
from synthboost.simulator.pose import Pose
from synthboost.simulator.texture import Gather

SYSTOLE_SECONDS = 0.3
"""From end diastole to end systole at rest; a guess that sets the frame rate of a clip."""
TISSUE_REACH_MM = 20.0
"""Tissue farther than about this from the outlines stays where it is (a guess)."""
_NEAR_MM = 5.0
"""Standard deviation of the weights with which the outlines' motion is spread."""
_ED, _ES = Phase.END_DIASTOLE, Phase.END_SYSTOLE


def ejected_shares(between: int) -> tuple[float, ...]:
    """Share of the stroke that is ejected in each frame of a half sequence, both ends included: even steps in time.

    sin^2: slow at both ends, fastest in the middle.
    """
    time = np.arange(between + 2) / (between + 1)
    return (0.0, *(float(share) for share in np.sin(0.5 * np.pi * time[1:-1]) ** 2), 1.0)


def contours_at(heart: Heart, pose: Pose, view: View, ejected: float) -> Contours:
    """Outlines of a view at the instant when that share (0-1) of the stroke is ejected."""
    beat, lean = heart_at(heart, ejected), pose.tilt
    tilt = lean[_ES] if ejected == 1.0 else _blend(lean[_ED], lean[_ES], ejected)
    return draw_contours(beat, replace(pose, tilt={**lean, _ES: tilt}), view, _ES)


def heart_at(heart: Heart, ejected: float) -> Heart:
    """Return the heart whose end systole is that instant."""
    if ejected == 1.0:
        return heart
    volume = _blend(heart.volume_ml[_ED], heart.volume_ml[_ES], ejected)
    state = heart.states[_ED] if ejected == 0.0 else _state_at(heart, volume, ejected)
    return replace(heart, volume_ml={**heart.volume_ml, _ES: volume}, states={**heart.states, _ES: state})


def _state_at(heart: Heart, volume_ml: float, ejected: float) -> ChamberState:
    first, last, least = heart.states[_ED], heart.states[_ES], heart.least_base_ratio

    def between(of_view: str) -> dict[View, float]:
        return {v: _blend(getattr(first, of_view)[v], getattr(last, of_view)[v], ejected) for v in first.width}

    annulus, length = between("annulus"), _blend(first.length, last.length, ejected)
    exponent = _blend(first.exponent, last.exponent, ejected)
    four, two = View.FOUR_CHAMBER, View.TWO_CHAMBER
    oval = first.width[two] / first.width[four]
    widths = chamber_widths(volume_ml, length, (annulus[four], annulus[two]), oval, exponent, least)
    state = replace(
        first, length=length, width={four: widths[0], two: widths[1]}, annulus=annulus, exponent=exponent,
        atrium_length=_blend(first.atrium_length, last.atrium_length, ejected), atrium_width=between("atrium_width"),
    )  # fmt: skip
    muscle_ml = _blend(heart.wall_volume_ml(_ED), heart.wall_volume_ml(_ES), ejected)
    wanted = epicardial_volume(state, 0.0, least) + muscle_ml
    wall = wall_thickness(lambda mm: epicardial_volume(state, mm, least), wanted, 0.0, 60.0, steps=50)
    return replace(state, wall=wall)


def tissue_places(grid: PolarGrid, here: Contours, there: Contours) -> Gather:
    """Find for each sample of a frame where its tissue is in another frame, to the nearest sample.

    The outlines' points correspond one by one; between them the motion is interpolated, away from them it fades.
    """
    points, moved = _landmarks(here), _landmarks(there) - _landmarks(here)
    x, z = (a.astype(np.float64) for a in grid.points_mm())
    steps = (8, 4)
    coarse = np.stack([x[:: steps[0], :: steps[1]], z[:: steps[0], :: steps[1]]], axis=-1)
    squared = np.square(coarse[..., None, :] - points).sum(axis=-1)
    nearest = squared.min(axis=-1, keepdims=True)
    # Relative to the nearest point, so that no weight vanishes far away.
    weight = np.exp(-0.5 * (squared - nearest) / _NEAR_MM**2)
    motion = (weight / weight.sum(axis=-1, keepdims=True)) @ moved * np.exp(-nearest / TISSUE_REACH_MM**2)
    place = np.meshgrid(*(np.arange(n) / step for n, step in zip(grid.shape, steps, strict=True)), indexing="ij")
    dx, dz = (ndimage.map_coordinates(motion[..., k], place, order=1, mode="nearest") for k in (0, 1))
    index = np.rint(grid.to_index(np.stack([(x + dx).ravel(), (z + dz).ravel()], axis=1))).astype(np.intp)
    depth, beam = (np.clip(index[:, k], 0, grid.shape[k] - 1) for k in (0, 1))
    return np.asarray((depth * grid.shape[1] + beam).reshape(grid.shape))


def _landmarks(contours: Contours) -> Points:
    return np.concatenate([contours.endocardium, contours.epicardium, contours.atrium])


def _blend(first: float, last: float, share: float) -> float:
    return (1.0 - share) * first + share * last
