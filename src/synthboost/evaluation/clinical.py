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

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import LabelMap, Mask, Phase, Structure, View
from synthboost.errors import DataError
from synthboost.evaluation.checks import require_label_map, require_spacing

LabelledFrames: TypeAlias = Mapping[tuple[View, Phase], tuple[LabelMap, tuple[float, float]]]
"""For each view and phase: the label map (H, W) and its spacing (rows, columns) in mm."""

DISCS = 20
"""Lang et al. 2015."""
_SAMPLES_PER_PIXEL = 8
"""Along a diameter; errors then are below an eighth of a pixel, less than drawing the mask in pixels costs."""
_MM3_PER_ML = 1000.0
WALL_GAP_MM = 2.0
"""A guess: predicted masks of cavity and myocardium, each from its own sentence, may leave a gap this wide between
them. The base then loses as much at either end, which leaves its middle where it is."""
_LARGEST_BASE = 0.5
"""Share of the contour; a guess. In CAMUS' validation label maps the base is 7-19 % of it."""


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


def volumes_ml(masks: LabelledFrames, *, one_height: bool = False) -> dict[Phase, float]:
    """Volume of the left ventricular cavity in ml at end-diastole and end-systole.

    Args:
        masks: label map and spacing for both views at both instants.
        one_height: use the longest of the four axes at both instants, as CAMUS does.

    Raises:
        DataError: a view or phase is missing, a label map or its spacing is not valid, or its cavity or the base of it
            cannot be found (see `long_axis_mm`).
    """
    axes = {(view, phase): _discs(masks, view, phase) for view in View for phase in Phase}
    volumes = {}
    for phase in Phase:
        instants = tuple(Phase) if one_height else (phase,)
        height = max(axes[view, instant].length_mm for view in View for instant in instants) / DISCS
        products = axes[View.TWO_CHAMBER, phase].diameters_mm * axes[View.FOUR_CHAMBER, phase].diameters_mm
        volumes[phase] = math.pi / 4 * float(products.sum()) * height / _MM3_PER_ML
    return volumes


def long_axis_mm(label_map: LabelMap, spacing_mm: tuple[float, float]) -> float:
    """Length of the left ventricle in mm: from the middle of its base to the farthest point of its contour.

    The base is the largest piece of the cavity's contour with no myocardium within `WALL_GAP_MM`; its two farthest
    points stand for the hinges of the mitral valve, and the point halfway between them is its middle.

    Raises:
        DataError: the label map or its spacing is not valid, has no cavity or no myocardium, or the myocardium
            encloses the cavity all around, or less than half of it.
    """
    return _measure(label_map, spacing_mm, "label map").length_mm


@dataclass(frozen=True, eq=False)
class _Discs:
    length_mm: float
    diameters_mm: NDArray[np.float64]
    """(20,) from the base to the apex."""


def _ejection_fraction(volumes: Mapping[Phase, float]) -> float:
    diastole, systole = volumes[Phase.END_DIASTOLE], volumes[Phase.END_SYSTOLE]
    if diastole == 0:
        raise DataError("ejection fraction", "end-diastolic volume", "0 ml", "a cavity that overlaps in both views")
    return 100 * (diastole - systole) / diastole


def _discs(masks: LabelledFrames, view: View, phase: Phase) -> _Discs:
    if (view, phase) not in masks:
        raise DataError(
            "ejection fraction", "frames", f"no {view} {phase}", "both views at both instants",
            "The biplane method needs 2CH and 4CH at ED and at ES.",
        )  # fmt: skip
    return _measure(*masks[view, phase], name=f"label map {view} {phase}")


def _measure(label_map: LabelMap, spacing_mm: tuple[float, float], name: str) -> _Discs:
    require_label_map(label_map, name)
    require_spacing(spacing_mm, name)
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    cavity = _largest_piece(label_map == int(Structure.LEFT_VENTRICULAR_CAVITY), name)
    contour = _contour_corners(cavity)
    base = _base(contour, _contour_corners(label_map == int(Structure.MYOCARDIUM)), spacing, name)
    middle = _middle_of_farthest(np.argwhere(base) * spacing)
    points = np.argwhere(contour) * spacing
    apex = points[np.linalg.norm(points - middle, axis=1).argmax()]
    length = float(np.linalg.norm(apex - middle))
    return _Discs(length, _diameters_mm(cavity, spacing, middle, (apex - middle) / length, length))


def _largest_piece(mask: Mask, name: str) -> Mask:
    from scipy import ndimage  # here, because importing it takes longer than a measurement

    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count == 0:
        raise DataError(name, "left ventricular cavity", "absent", "at least one pixel of label 1")
    return np.asarray(labels == 1 + int(np.bincount(labels.ravel())[1:].argmax()))


def _contour_corners(mask: Mask) -> Mask:
    """The corners of pixels, (H + 1, W + 1), that have both mask and no mask around; outside the image is no mask."""
    padded = np.pad(mask, 1)
    around = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]])
    return np.asarray(around.any(axis=0) & ~around.all(axis=0))


def _base(contour: Mask, wall: Mask, spacing: NDArray[np.float64], name: str) -> Mask:
    """The corners of the cavity's contour, (H + 1, W + 1), that form its base."""
    from scipy.spatial import KDTree

    if not wall.any():
        raise DataError(name, "myocardium", "absent", "label 2 around the cavity: it shows where the base is")
    corners = np.argwhere(contour)
    far = KDTree(np.argwhere(wall) * spacing).query(corners * spacing)[0] > WALL_GAP_MM
    if not far.any():
        raise DataError(name, "base of the left ventricle", "closed by myocardium", "a cavity open at the mitral valve")
    free = np.zeros_like(contour)
    free[tuple(corners[far].T)] = True
    base = _largest_piece(free, name)
    if np.count_nonzero(base) > _LARGEST_BASE * len(corners):
        raise DataError(
            name, "myocardium", f"away from {np.count_nonzero(base) / len(corners):.0%} of the cavity's contour",
            f"a gap of at most {WALL_GAP_MM} mm around most of it", "Look at the two masks: one of them is misplaced.",
        )  # fmt: skip
    return base


def _middle_of_farthest(points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point halfway between the two farthest of the points (n, 2)."""
    from scipy.spatial.distance import pdist, squareform

    first, second = divmod(int(squareform(pdist(points_mm)).argmax()), len(points_mm))
    return np.asarray((points_mm[first] + points_mm[second]) / 2)


def _diameters_mm(
    cavity: Mask, spacing: NDArray[np.float64], middle: NDArray[np.float64], along: NDArray[np.float64], length: float
) -> NDArray[np.float64]:
    """(20,) how much of the line across the axis, at the middle of each disc, lies in the cavity."""
    step = float(spacing.min()) / _SAMPLES_PER_PIXEL
    reach = math.hypot(*(np.asarray(cavity.shape) * spacing))
    offsets = np.arange(-reach, reach, step)
    heights = (np.arange(DISCS) + 0.5) * length / DISCS
    across = np.array([-along[1], along[0]])
    points = middle + heights[:, None, None] * along + offsets[:, None] * across  # (20, samples, 2)
    pixels = np.floor(points / spacing).astype(np.int64)
    inside = ((pixels >= 0) & (pixels < cavity.shape)).all(axis=-1)
    hits = np.zeros(inside.shape, dtype=np.bool_)
    hits[inside] = cavity[tuple(pixels[inside].T)]
    return np.asarray(hits.sum(axis=1) * step)
