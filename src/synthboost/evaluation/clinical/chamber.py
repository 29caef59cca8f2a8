"""A heart chamber in one label map: its base, its long axis, and its widths across that axis.

The mitral plane is found once and serves both chambers. Its line runs through the hinges of the valve: the two
farthest points of the largest piece of the ventricle's contour that has no myocardium near. The ventricle's axis runs
from the middle between the hinges to the farthest point of its contour, the atrium's from there at a right angle to
the plane to the roof (Lang et al., J Am Soc Echocardiogr 28:1-39, 2015, for both).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import LabelMap, Mask, Structure
from synthboost.errors import DataError
from synthboost.evaluation.checks import require_label_map, require_spacing

Numbers = NDArray[np.float64]

DISCS = 20
"""Lang et al. 2015."""
WALL_GAP_MM = 2.0
"""A guess: predicted masks of cavity and myocardium, each from its own sentence, may leave a gap this wide between
them. The base then loses as much at either end, which leaves its middle where it is."""
_GAP_SHARE = 1 / 128
"""The same of the longer side of an image whose spacing is unknown: 2 mm of a depth of 256 mm; a guess."""
_SAMPLES_PER_PIXEL = 8
"""Along a diameter; errors then are below an eighth of a pixel, less than drawing the mask in pixels costs."""
_LARGEST_BASE = 0.5
"""Share of the contour; a guess. In CAMUS' validation label maps the base is 7-19 % of it."""
_MM3_PER_ML = 1000.0


@dataclass(frozen=True)
class Scale:
    """How pixels become lengths. Where the spacing is unknown a pixel is the unit, and pixels are taken as square."""

    spacing: tuple[float, float]
    """(rows, columns)."""
    length_unit: str
    """`mm` or `px`."""
    gap: float
    """Structures closer than this count as touching; in the unit."""

    @classmethod
    def of(cls, spacing_mm: tuple[float, float] | None, shape: tuple[int, ...], name: str = "spacing_mm") -> Scale:
        """The scale of an image (H, W) with a spacing (rows, columns), or with none.

        Raises:
            DataError: the spacing is not positive and finite.
        """
        if spacing_mm is None:
            return cls((1.0, 1.0), "px", max(2.0, _GAP_SHARE * max(shape)))
        require_spacing(spacing_mm, name)
        return cls((float(spacing_mm[0]), float(spacing_mm[1])), "mm", WALL_GAP_MM)

    @property
    def area_unit(self) -> str:
        """`mm2` or `px2`."""
        return f"{self.length_unit}2"

    @property
    def volume_unit(self) -> str:
        """`ml` or `px3`."""
        return "ml" if self.length_unit == "mm" else "px3"

    def volume(self, cubic_lengths: float) -> float:
        """A product of three lengths in `volume_unit`."""
        return cubic_lengths / _MM3_PER_ML if self.length_unit == "mm" else cubic_lengths

    def area(self, mask: Mask) -> float:
        """Area of a mask (H, W) in `area_unit`, every pixel counting fully."""
        return float(np.count_nonzero(mask) * self.spacing[0] * self.spacing[1])


@dataclass(frozen=True, eq=False)
class MitralPlane:
    """The line of the mitral annulus; points are (down, right) from the image's upper left corner."""

    middle: Numbers
    """(2,) halfway between the hinges."""
    up: Numbers
    """(2,) unit vector at a right angle to the line, towards the ventricle."""
    width: float
    """Between the hinges."""


@dataclass(frozen=True, eq=False)
class Chamber:
    """A chamber along its axis, in the unit of the scale."""

    length: float
    diameters: Numbers
    """(20,) widths at the middle of each disc, from the base on."""


def ventricle(label_map: LabelMap, scale: Scale, name: str = "label map") -> Chamber:
    """Measure the left ventricular cavity: from the middle of its base to the farthest point of its contour.

    Raises:
        DataError: as for `mitral_plane`.
    """
    plane = mitral_plane(label_map, scale, name)
    spacing = np.asarray(scale.spacing)
    cavity = largest_piece(label_map == int(Structure.LEFT_VENTRICULAR_CAVITY))
    points = np.argwhere(_contour_corners(cavity)) * spacing
    apex = points[np.linalg.norm(points - plane.middle, axis=1).argmax()]
    length = float(np.linalg.norm(apex - plane.middle))
    return Chamber(length, _diameters(cavity, spacing, plane.middle, (apex - plane.middle) / length, length))


def atrium(label_map: LabelMap, scale: Scale, name: str = "label map") -> Chamber:
    """Measure the left atrium: from the middle of the mitral plane, at a right angle to it, to the roof.

    Raises:
        DataError: as for `mitral_plane`; or there is no atrium, or the axis does not meet it, or it lies away from the
            ventricle.
    """
    plane = mitral_plane(label_map, scale, name)
    spacing = np.asarray(scale.spacing)
    cavity = largest_piece(require_structure(label_map, Structure.LEFT_ATRIUM_CAVITY, name))
    distance = gap_between(cavity, label_map == int(Structure.LEFT_VENTRICULAR_CAVITY), scale)
    if distance > scale.gap:
        raise DataError(
            name, "left atrium", f"{distance:.1f} {scale.length_unit} away from the ventricle",
            f"a gap of at most {scale.gap:g} {scale.length_unit}", "Look at the two masks: one is misplaced.",
        )  # fmt: skip
    step = float(spacing.min()) / _SAMPLES_PER_PIXEL
    along = np.arange(0.0, math.hypot(*(np.asarray(cavity.shape) * spacing)), step) + step / 2
    inside = _sampled(cavity, plane.middle - along[:, None] * plane.up, spacing)
    if not inside.any():
        raise DataError(name, "left atrium", "beside its axis", "an atrium behind the mitral valve")
    length = float((np.flatnonzero(inside)[-1] + 1) * step)
    return Chamber(length, _diameters(cavity, spacing, plane.middle, -plane.up, length))


def mitral_plane(label_map: LabelMap, scale: Scale, name: str = "label map") -> MitralPlane:
    """Find the line of the mitral annulus.

    Raises:
        DataError: the label map is not valid, has no cavity or no myocardium, or the myocardium encloses the cavity
            all around, or less than half of it.
    """
    require_label_map(label_map, name)
    spacing = np.asarray(scale.spacing)
    cavity = largest_piece(require_structure(label_map, Structure.LEFT_VENTRICULAR_CAVITY, name))
    wall = require_structure(
        label_map, Structure.MYOCARDIUM, name, "label 2 around the cavity: it shows where the base is"
    )
    contour = _contour_corners(cavity)
    free = free_contour(contour, wall, scale)
    if not free.any():
        raise DataError(name, "base of the left ventricle", "closed by myocardium", "a cavity open at the mitral valve")
    base = largest_piece(free)
    share = np.count_nonzero(base) / np.count_nonzero(contour)
    if share > _LARGEST_BASE:
        raise DataError(
            name, "myocardium", f"away from {share:.0%} of the cavity's contour",
            f"a gap of at most {scale.gap:g} {scale.length_unit} around most of it",
            "Look at the two masks: one of them is misplaced.",
        )  # fmt: skip
    first, second = _farthest(np.argwhere(base) * spacing)
    middle = (first + second) / 2
    width = float(np.linalg.norm(second - first))
    if width == 0:
        raise DataError(name, "base of the left ventricle", "a single point", "a cavity open at the mitral valve")
    up = np.array([-(second - first)[1], (second - first)[0]]) / width
    points = np.argwhere(contour) * spacing
    towards = points[np.linalg.norm(points - middle, axis=1).argmax()] - middle
    return MitralPlane(middle, up if up @ towards > 0 else -up, width)


def free_contour(contour: Mask, wall: Mask, scale: Scale) -> Mask:
    """The corners (H + 1, W + 1) of a cavity's contour that have no myocardium within the scale's gap."""
    from scipy.spatial import KDTree  # here, because importing it takes longer than a measurement

    spacing = np.asarray(scale.spacing)
    corners = np.argwhere(contour)
    far = KDTree(np.argwhere(_contour_corners(wall)) * spacing).query(corners * spacing)[0] > scale.gap
    free = np.zeros_like(contour)
    free[tuple(corners[far].T)] = True
    return free


def gap_between(first: Mask, second: Mask, scale: Scale) -> float:
    """Shortest distance between the outlines of two masks (H, W) that are not empty; 0 where they touch."""
    from scipy.spatial import KDTree

    spacing = np.asarray(scale.spacing)
    outlines = (np.argwhere(_contour_corners(mask)) * spacing for mask in (first, second))
    one, other = outlines
    return float(KDTree(one).query(other)[0].min())


def require_structure(label_map: LabelMap, structure: Structure, name: str, expected: str = "") -> Mask:
    """The mask (H, W) of a structure that a label map must show.

    Raises:
        DataError: it does not.
    """
    mask = np.asarray(label_map == int(structure))
    if not mask.any():
        word = structure.name.lower().replace("_", " ")
        raise DataError(name, word, "absent", expected or f"at least one pixel of label {int(structure)}")
    return mask


def cavity_contour(mask: Mask) -> Mask:
    """The corners of pixels, (H + 1, W + 1), on the outline of the largest piece of a mask that is not empty."""
    return _contour_corners(largest_piece(mask))


def largest_piece(mask: Mask) -> Mask:
    """The largest 8-connected piece of a mask (H, W) that is not empty."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    return np.asarray(labels == 1 + int(np.bincount(labels.ravel())[1:].argmax()))


def _contour_corners(mask: Mask) -> Mask:
    """The corners of pixels, (H + 1, W + 1), that have both mask and no mask around; outside the image is no mask."""
    padded = np.pad(mask, 1)
    around = np.stack([padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]])
    return np.asarray(around.any(axis=0) & ~around.all(axis=0))


def _farthest(points: Numbers) -> tuple[Numbers, Numbers]:
    """The two farthest of the points (n, 2)."""
    from scipy.spatial.distance import pdist, squareform

    if len(points) == 1:
        return points[0], points[0]
    first, second = divmod(int(squareform(pdist(points)).argmax()), len(points))
    return points[first], points[second]


def _diameters(cavity: Mask, spacing: Numbers, middle: Numbers, along: Numbers, length: float) -> Numbers:
    """(20,) how much of the line across the axis, at the middle of each disc, lies in the cavity."""
    step = float(spacing.min()) / _SAMPLES_PER_PIXEL
    reach = math.hypot(*(np.asarray(cavity.shape) * spacing))
    offsets = np.arange(-reach, reach, step)
    heights = (np.arange(DISCS) + 0.5) * length / DISCS
    across = np.array([-along[1], along[0]])
    points = middle + heights[:, None, None] * along + offsets[:, None] * across  # (20, samples, 2)
    return np.asarray(_sampled(cavity, points, spacing).sum(axis=1) * step)


def _sampled(mask: Mask, points: Numbers, spacing: Numbers) -> Mask:
    """Whether each of the points (..., 2) lies in the mask (H, W)."""
    pixels = np.floor(points / spacing).astype(np.int64)
    within = ((pixels >= 0) & (pixels < mask.shape)).all(axis=-1)
    hits = np.zeros(within.shape, dtype=np.bool_)
    hits[within] = mask[tuple(pixels[within].T)]
    return hits
