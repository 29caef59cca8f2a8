"""The outlines of ventricle, myocardium and atrium in the plane of an image, in mm, and the label map within them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from synthboost.domain import LabelMap, Phase, Structure, View, largest_piece
from synthboost.simulator.fan import Floats, PixelGrid, Points, along, fill_polygon
from synthboost.simulator.heart import WIDEST_RATIO, ChamberState, Heart, half_width
from synthboost.simulator.pose import ObliqueCut, Pose, oblique_cut

SAMPLES = 200
"""Points along the endocardium, from the left hinge point over the apex to the right one."""
FLUSH_SHARE = 0.07
"""Share of the outline, at either end, over which the wall's normal turns into the line of the annulus."""
BLOOMING_MM = 1.3
"""Half a beam's width or so. A guess, set after models of larger labels drew the cavities of CAMUS too large."""
MOST_GROWTH = 8
"""Pixels; gaps at the hinge points are one or two pixels wide."""
_LV = int(Structure.LEFT_VENTRICULAR_CAVITY)
_MYO = int(Structure.MYOCARDIUM)
_LA = int(Structure.LEFT_ATRIUM_CAVITY)


@dataclass(frozen=True, eq=False)
class Contours:
    """Outlines of one frame. `endocardium` and `epicardium` correspond point by point."""

    endocardium: Points
    """(200, 2) left hinge point, apex, right hinge point."""
    epicardium: Points
    """(200, 2) ends on the prolonged line of the annulus."""
    normals: Points
    """(200, 2) unit vectors out of the cavity."""
    atrium: Points
    """(M, 2) closed polygon; the first and last points are the left and right hinge points."""
    axis: Points
    """(2,) unit vector from the apex to the base."""

    @property
    def hinges(self) -> Points:
        """(2, 2) left and right hinge point of the mitral valve."""
        return self.endocardium[[0, -1]]

    @property
    def myocardium(self) -> Points:
        """Closed polygon of the wall together with the cavity, which is painted over it."""
        return np.concatenate([self.epicardium, self.hinges[::-1]])


def draw_contours(heart: Heart, pose: Pose, view: View, phase: Phase) -> Contours:
    """Pose a heart in the plane of the image.

    The epicardial apex is pinned in space, as it is in a chest; the base moves.
    """
    state = heart.states[phase]
    tilt = np.deg2rad(pose.tilt[phase])
    axis = np.array([np.sin(tilt), np.cos(tilt)])
    cut = oblique_cut(heart, pose, view, phase)
    apex = np.array(pose.apex) + cut.apical_wall * axis
    outline = _endocardium(heart, pose, view, phase, cut, apex, axis)
    endocardium = along(outline, lambda length: np.linspace(0.0, length, SAMPLES))
    normals = _wall_normals(endocardium, pose.base_drop)
    wall = _wall_thickness(heart, pose, phase, cut)
    atrium = _atrium(state, heart.atrium_exponent, pose, view, endocardium[[0, -1]], axis)
    # Smoothed, because an offset curve folds where the outline turns sharply, above all at the hinge points.
    epicardium = _smoothed(endocardium + wall[:, None] * normals, 8)
    return Contours(endocardium, epicardium, normals, atrium, axis)


def _endocardium(
    heart: Heart, pose: Pose, view: View, phase: Phase, cut: ObliqueCut, apex: Points, axis: Points
) -> Points:
    """Outline of the cavity as drawn, before it is sampled evenly."""
    length = heart.states[phase].length * (1.0 - cut.start) * pose.foreshortening
    # Denser at the apex, where the outline turns.
    t = np.linspace(0.0, 1.0, 240) ** 1.5
    across = np.array([axis[1], -axis[0]])
    bend = pose.bend * length * np.sin(np.pi * t)
    sides = []
    for index, side in enumerate((-1, 1)):
        width = _side_width(heart, pose, view, phase, index, cut.place(t)) * cut.narrowing(t)
        offset = side * width
        oblique = np.tan(np.deg2rad(pose.annulus_tilt)) * offset * t**2
        sides.append(apex + (t * length + oblique)[:, None] * axis + (offset + bend)[:, None] * across)
    return np.concatenate([sides[0][:0:-1], sides[1]])


def _side_width(heart: Heart, pose: Pose, view: View, phase: Phase, index: int, t: Floats) -> Floats:
    """Half-width of one side (0 left, 1 right) with its irregularities, mm."""
    width = _ideal_side_width(heart, pose, view, phase, index, t)
    side = (-1, 1)[index]
    if phase is Phase.END_SYSTOLE and pose.hypokinesia is not None and pose.hypokinesia[0] == side:
        stays = _hypokinetic_weight(pose, t)
        diastole = _ideal_side_width(heart, pose, view, Phase.END_DIASTOLE, index, t)
        # The annulus (t = 1) is shared by both sides and moves as a whole.
        width = width + stays * (1.0 - t**4) * (diastole - width)
    waves = np.sin(np.pi * np.outer(t, np.arange(1, 6))) @ pose.residues[index]
    bulge = pose.septal_bulge * np.exp(-0.5 * ((t - 0.86) / 0.07) ** 2) if index == 0 else 0.0
    # Near the tip a wave of a millimetre would cross the axis.
    return np.asarray(np.maximum(width + waves * np.minimum(1.0, 4.0 * t) - bulge, 0.0))


def _ideal_side_width(heart: Heart, pose: Pose, view: View, phase: Phase, index: int, t: Floats) -> Floats:
    state = heart.states[phase]
    ratio = state.annulus[view] / state.width[view]
    profile = half_width(t, ratio, state.exponent, heart.least_base_ratio)
    return 0.5 * state.width[view] * (1.0 + (-1, 1)[index] * pose.asymmetry) * profile


def _hypokinetic_weight(pose: Pose, t: Floats) -> Floats:
    assert pose.hypokinesia is not None
    _, centre, width, amount = pose.hypokinesia
    return np.asarray(amount * np.exp(-0.5 * ((t - centre) / width) ** 2))


def _wall_thickness(heart: Heart, pose: Pose, phase: Phase, cut: ObliqueCut) -> Floats:
    """(200,) mm along the outline: its own at the apex, uneven, and not thickened where hypokinetic."""
    s = np.linspace(0.0, 1.0, SAMPLES)
    t = np.abs(2.0 * s - 1.0)
    thickness = np.full(SAMPLES, heart.states[phase].wall)
    if phase is Phase.END_SYSTOLE and pose.hypokinesia is not None:
        on_side = np.clip(0.5 + pose.hypokinesia[0] * (s - 0.5) * 8.0, 0.0, 1.0)
        diastolic = heart.states[Phase.END_DIASTOLE].wall
        thickness += _hypokinetic_weight(pose, t) * on_side * (diastolic - thickness)
    sides = pose.wall_scale[0] * (1.0 - s) + pose.wall_scale[1] * s
    amplitude, offset = pose.wall_waves
    waves = np.cos(np.pi * np.outer(s, np.arange(1, 5)) + offset) @ amplitude
    thickness = thickness * cut.thickening(t)
    # On the outline as on the axis: 1 at the apex, where the cut decides.
    at_apex = np.exp(-0.5 * (t / 0.3) ** 2)
    apical = 1.0 + at_apex * (cut.apical_wall / heart.states[phase].wall - 1.0)
    return np.asarray(thickness * sides * apical * (1.0 + waves))


def _wall_normals(endocardium: Points, drop_deg: float) -> Points:
    """Outward normals, turned at both ends to where the wall ends: flush with the annulus, or lower by an angle."""
    # Smoothed, because the offset curve of a sharp corner would fold.
    tangent = np.gradient(_smoothed(endocardium, 5), axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    normal /= np.hypot(*normal.T)[:, None]
    s = np.linspace(0.0, 1.0, SAMPLES)
    annulus = endocardium[-1] - endocardium[0]
    annulus /= np.hypot(*annulus)
    down = np.array([-annulus[1], annulus[0]])
    drop = np.tan(np.deg2rad(drop_deg)) * down
    for place, direction in ((0.0, drop - annulus), (1.0, drop + annulus)):
        weight = np.exp(-0.5 * ((s - place) / (0.5 * FLUSH_SHARE)) ** 2)[:, None]
        normal = (1.0 - weight) * normal + weight * direction
    return np.asarray(normal / np.hypot(*normal.T)[:, None])


def _smoothed(points: Points, reach: int) -> Points:
    kernel = np.ones(2 * reach + 1) / (2 * reach + 1)
    # Odd reflection keeps the end points where they are.
    head = 2.0 * points[0] - points[reach:0:-1]
    tail = 2.0 * points[-1] - points[-2 : -reach - 2 : -1]
    padded = np.concatenate([head, points, tail])
    return np.stack([np.convolve(padded[:, k], kernel, mode="valid") for k in (0, 1)], axis=1)


def _atrium(
    state: ChamberState, exponent: float, pose: Pose, view: View, hinges: Points, axis: Points
) -> NDArray[np.float64]:
    """Polygon that hangs on the two hinge points; its cross direction turns from the annulus into its own."""
    base = hinges[1] - hinges[0]
    annulus = float(np.hypot(*base))
    width = max(state.atrium_width[view], annulus / WIDEST_RATIO)
    lean = np.arctan2(axis[0], axis[1]) / 2.0 + np.deg2rad(pose.atrium_lean)
    down = np.array([np.sin(lean), np.cos(lean)])
    across = np.array([down[1], -down[0]])
    # Denser at the roof, where the outline turns.
    t = 1.0 - np.linspace(1.0, 0.0, 160) ** 1.5
    profile = half_width(1.0 - t, annulus / width, exponent)
    turn = (t**0.7)[:, None]
    direction = (1.0 - turn) * base / annulus + turn * across
    direction /= np.hypot(*direction.T)[:, None]
    centre = hinges.mean(axis=0) + (t * state.atrium_length)[:, None] * down
    half = (0.5 * width * profile)[:, None]
    return np.concatenate([centre - half * direction, (centre + half * direction)[-2::-1]])


def traced(contours: Contours) -> Contours:
    """Move the endocardium to where a reader traces it: the echo of the wall blooms into the cavity."""
    s = np.linspace(0.0, 1.0, SAMPLES)
    inwards = BLOOMING_MM * np.clip(np.minimum(s, 1.0 - s) / FLUSH_SHARE, 0.0, 1.0)  # the hinge points stay
    return replace(contours, endocardium=contours.endocardium - inwards[:, None] * contours.normals)


def draw_labels(contours: Contours, grid: PixelGrid) -> LabelMap:
    """Paint atrium, myocardium and ventricle as they are `traced`, in this order.

    The heart goes on behind the edge of the fan, and so do its labels, as experts draw them (5 % of CAMUS' myocardium).

    Returns:
        (H, W) uint8, 0-3. Every structure is one connected piece, and the ventricle borders only on myocardium,
        atrium and the frame.
    """
    labels = paint(traced(contours), grid)
    # Before stray pixels are dropped, so that a wall one pixel thick is not taken for two at a diagonal step,
    # and after, because a dropped pixel can leave a gap.
    _close_the_cavity(labels)
    for value in (_LV, _MYO, _LA):
        structure = np.asarray(labels == value)
        labels[structure & ~largest_piece(structure, corners_join=False)] = 0
    _close_the_cavity(labels)
    return labels


def paint(contours: Contours, grid: PixelGrid) -> LabelMap:
    """Label map (H, W) of the outlines as they are."""
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for polygon, value in ((contours.atrium, _LA), (contours.myocardium, _MYO), (contours.endocardium, _LV)):
        labels[fill_polygon(grid.to_index(polygon), grid.shape)] = value
    return labels


def _close_the_cavity(labels: LabelMap) -> None:
    """Let myocardium, then atrium, grow into the few background pixels around the cavity, at the hinge points.

    Growing, rather than assigning, keeps every structure one piece.
    """
    cross = ndimage.generate_binary_structure(2, 1)
    for _ in range(MOST_GROWTH):
        gap = ndimage.binary_dilation(labels == _LV, np.ones((3, 3))) & (labels == 0)
        if not gap.any():
            return
        for value in (_MYO, _LA):
            labels[gap & (labels == 0) & ndimage.binary_dilation(labels == value, cross)] = value
