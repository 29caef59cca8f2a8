"""The left heart in one label map of an apical view: the mitral plane, both chambers along their axes, the wall.

The line of the mitral plane runs through the hinges of the valve. The ventricle's contour without myocardium near may
be in pieces, since a wall may also be open at the apex: the hinges are the two farthest points of the piece at the
atrium, or of the largest if none is there. The ventricle's axis runs from the middle between the hinges to the farthest
point of its contour, the atrium's from there at a right angle to the plane to the roof (Lang et al., J Am Soc
Echocardiogr 28:1-39, 2015, for both).

The wall's mean thickness is its area over the length of its centre line, where the distance to the cavity equals the
distance to the outside. For a band of even thickness between parallel curves area over centre line is that thickness,
and for any band it is the mean along the line. What lies behind the mitral plane is no outside: else the line would
bend inwards where the wall ends at the valve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import LabelMap, Mask, Structure, largest_piece
from synthboost.errors import DataError
from synthboost.evaluation.checks import require_label_map
from synthboost.evaluation.clinical.geometry import (
    Numbers,
    Scale,
    contour,
    farthest_from,
    farthest_pair,
    free_contour,
    gap_between,
    require_structure,
    sampled,
)

DISCS = 20
"""Lang et al. 2015."""
_SAMPLES_PER_PIXEL = 8
"""Along a diameter; errors then are below an eighth of a pixel, less than drawing the mask in pixels costs."""
_LARGEST_BASE = 0.5
"""Share of the contour; a guess. In CAMUS' validation label maps the base is 7-19 % of it."""
_LV, _MYO, _LA = Structure.LEFT_VENTRICULAR_CAVITY, Structure.MYOCARDIUM, Structure.LEFT_ATRIUM_CAVITY


@dataclass(frozen=True, eq=False)
class MitralPlane:
    """The line of the mitral annulus; points are (down, right) from the image's upper left corner."""

    middle: Numbers
    """(2,) halfway between the hinges."""
    up: Numbers
    """(2,) unit vector at a right angle to the line, towards the ventricle."""
    width: float
    """Between the hinges."""

    def coordinates(self, shape: tuple[int, ...], spacing: tuple[float, float]) -> tuple[Numbers, Numbers]:
        """Height above the plane, and distance to the right of the axis when it points up, of each pixel (H, W)."""
        rows, columns = ((np.arange(n) + 0.5) * step for n, step in zip(shape, spacing, strict=True))
        down, right = rows[:, None] - self.middle[0], columns[None, :] - self.middle[1]
        return self.up[0] * down + self.up[1] * right, self.up[1] * down - self.up[0] * right


@dataclass(frozen=True, eq=False)
class Chamber:
    """A chamber along its axis, in the unit of the scale."""

    length: float
    diameters: Numbers
    """(20,) widths at the middle of each disc, from the base on."""


@dataclass(frozen=True, eq=False)
class ApicalView:
    """A label map (H, W) and what can be measured in it; each is computed on first use.

    A property raises `DataError` where the label map does not show what it needs.
    """

    label_map: LabelMap
    scale: Scale
    name: str
    """For messages."""

    @classmethod
    def of(cls, label_map: LabelMap, spacing_mm: tuple[float, float] | None, name: str = "label map") -> ApicalView:
        """The view in a label map (H, W) with a spacing (rows, columns), `None` if unknown.

        Raises:
            DataError: the label map or the spacing is not valid.
        """
        require_label_map(label_map, name)
        return cls(label_map, Scale.of(spacing_mm, label_map.shape, name), name)

    @cached_property
    def plane(self) -> MitralPlane:
        """The mitral plane. There is none without cavity or myocardium, or if the myocardium encloses the cavity all
        around, or less than half of it."""
        cavity = self._cavity
        wall = self._mask(_MYO, "label 2 around the cavity: it shows where the base is")
        free = free_contour(cavity, wall, self.scale)
        if not free.any():
            raise self._error("base of the left ventricle", "closed by myocardium", "a cavity open at the mitral valve")
        base = self._at_the_atrium(free)
        share = np.count_nonzero(base) / np.count_nonzero(contour(cavity))
        if share > _LARGEST_BASE:
            raise self._error(
                "myocardium", f"away from {share:.0%} of the cavity's contour",
                f"a gap of at most {self._gap} around most of it",
                "Check the two masks: one of them is misplaced.",
            )  # fmt: skip
        first, second = farthest_pair(np.argwhere(base) * self._spacing)
        middle = (first + second) / 2
        width = float(np.linalg.norm(second - first))
        if width == 0:
            raise self._error("base of the left ventricle", "a single point", "a cavity open at the mitral valve")
        up = np.array([-(second - first)[1], (second - first)[0]]) / width
        towards = farthest_from(middle, cavity, self._spacing) - middle
        return MitralPlane(middle, up if up @ towards > 0 else -up, width)

    @cached_property
    def apex(self) -> Numbers:
        """(2,) the point of the ventricle's contour farthest from the middle of the mitral plane."""
        return farthest_from(self.plane.middle, self._cavity, self._spacing)

    @cached_property
    def ventricle(self) -> Chamber:
        """The left ventricular cavity, from the middle of the mitral plane to the apex."""
        axis = self.apex - self.plane.middle
        length = float(np.linalg.norm(axis))
        return Chamber(length, self._diameters(self._cavity, axis / length, length))

    @cached_property
    def endocardium(self) -> float:
        """Length of the ventricle's contour from one hinge over the apex to the other, without the base.

        Of a contour that is smoothed by a pixel: steps between pixels would lengthen it. The hinges are sought where
        the base would end if nothing of it lay near the wall.
        """
        from contourpy import LineType, contour_generator
        from scipy import ndimage

        soft = ndimage.gaussian_filter(np.pad(self._cavity, 4).astype(np.float64), 1)
        lines: list[NDArray[np.float64]] = contour_generator(z=soft, line_type=LineType.Separate).lines(0.5)  # type: ignore[assignment]
        if not lines:
            raise self._error("left ventricle", "a line of single pixels", "a cavity a few pixels wide")
        line = (max(lines, key=len)[:-1, ::-1] - 3.5) * self._spacing  # (n, 2), closed
        plane = self.plane
        aside = np.array([-plane.up[1], plane.up[0]]) * (plane.width / 2 + self.scale.gap)
        first, second = (
            int(np.linalg.norm(line - hinge, axis=1).argmin()) for hinge in (plane.middle - aside, plane.middle + aside)
        )
        line = np.roll(line, -first, axis=0)
        second = (second - first) % len(line)
        ways = line[: second + 1], np.concatenate([line[second:], line[:1]])
        over_apex = max(ways, key=lambda way: float(np.linalg.norm(way - plane.middle, axis=1).max()))
        return float(np.linalg.norm(np.diff(over_apex, axis=0), axis=1).sum())

    @cached_property
    def atrium(self) -> Chamber:
        """The left atrium, from the middle of the mitral plane, at a right angle to it, to the roof."""
        middle, up = self.plane.middle, self.plane.up
        cavity = largest_piece(self._mask(_LA))
        distance = gap_between(cavity, self.label_map == int(_LV), self.scale)
        if distance > self.scale.gap:
            raise self._error(
                "left atrium", f"{distance:.1f} {self.scale.length_unit} away from the ventricle",
                f"a gap of at most {self._gap}", "Check the two masks: one is misplaced.",
            )  # fmt: skip
        step = float(self._spacing.min()) / _SAMPLES_PER_PIXEL
        along = np.arange(0.0, math.hypot(*(np.asarray(cavity.shape) * self._spacing)), step) + step / 2
        inside = sampled(cavity, middle - along[:, None] * up, self._spacing)
        if not inside.any():
            raise self._error("left atrium", "beside its axis", "an atrium behind the mitral valve")
        length = float((np.flatnonzero(inside)[-1] + 1) * step)
        return Chamber(length, self._diameters(cavity, -up, length))

    @cached_property
    def wall_thickness(self) -> float:
        """Mean thickness of the largest piece of myocardium, in the scale's `length_unit`.

        A wall that is closed all around, as in a short-axis view, has no valve and is measured all around.
        """
        padded = np.pad(self.label_map, 1)  # beyond the image is outside
        cavity = require_structure(padded, _LV, self.name)
        wall = largest_piece(require_structure(padded, _MYO, self.name))
        outside = ~cavity & (padded != int(_MYO)) & ~_behind_the_valve(ApicalView(padded, self.scale, self.name))
        length = _centre_line(wall, cavity, outside, self.scale)
        if length == 0:
            raise self._error("myocardium", "has no centre line", "a band between the cavity and the outside")
        return self.scale.area(wall) / length

    def area(self, structure: Structure) -> float:
        """Area of a structure in mm2, or px2.

        Raises:
            DataError: it is absent.
        """
        return self.scale.area(self._mask(structure))

    def measured_along(self, other: ApicalView, plane: bool = True, apex: bool = True) -> ApicalView:
        """This label map, to be measured along the mitral plane, the apex, or both of another view of the same frame.

        Raises:
            DataError: the other view does not show them.
        """
        view = replace(self)  # what is set here is not looked for in the label map
        if plane:
            view.__dict__["plane"] = other.plane
        if apex:
            view.__dict__["apex"] = other.apex
        return view

    @property
    def _spacing(self) -> Numbers:
        return np.asarray(self.scale.spacing)

    @property
    def _gap(self) -> str:
        return f"{self.scale.gap:g} {self.scale.length_unit}"

    @cached_property
    def _cavity(self) -> Mask:
        return largest_piece(self._mask(_LV))

    def _mask(self, structure: Structure, expected: str = "") -> Mask:
        return require_structure(self.label_map, structure, self.name, expected)

    def _error(self, field: str, value: str, expected: str, remedy: str = "") -> DataError:
        return DataError(self.name, field, value, expected, remedy)

    def _at_the_atrium(self, free: Mask) -> Mask:
        """The piece of the free contour (H + 1, W + 1) with most of it at the atrium; without one the largest."""
        from scipy import ndimage

        atrium = self.label_map == int(_LA)
        if not atrium.any():
            return largest_piece(free)
        pieces, _ = ndimage.label(free, structure=np.ones((3, 3)))
        near = np.bincount(pieces[free & ~free_contour(self._cavity, largest_piece(atrium), self.scale)])
        return np.asarray(pieces == near.argmax()) if near.size else largest_piece(free)

    def _diameters(self, cavity: Mask, along: Numbers, length: float) -> Numbers:
        """(20,) how much of the line across the axis, at the middle of each disc, lies in the cavity."""
        step = float(self._spacing.min()) / _SAMPLES_PER_PIXEL
        reach = math.hypot(*(np.asarray(cavity.shape) * self._spacing))
        offsets = np.arange(-reach, reach, step)
        farthest = farthest_from(self.plane.middle, cavity, self._spacing) - self.plane.middle
        offsets = offsets[np.abs(offsets) <= np.linalg.norm(farthest) + step]  # beyond it there is no cavity
        heights = (np.arange(DISCS) + 0.5) * length / DISCS
        across = np.array([-along[1], along[0]])
        points = self.plane.middle + heights[:, None, None] * along + offsets[:, None] * across  # (20, samples, 2)
        return np.asarray(sampled(cavity, points, self._spacing).sum(axis=1) * step)


def _behind_the_valve(view: ApicalView) -> Mask:
    """(H, W) pixels on the atrium's side of the mitral plane; none where there is no valve."""
    try:
        height, _ = view.plane.coordinates(view.label_map.shape, view.scale.spacing)
    except DataError:
        return np.zeros(view.label_map.shape, dtype=np.bool_)
    return np.asarray(height < 0)


def _centre_line(wall: Mask, cavity: Mask, outside: Mask, scale: Scale) -> float:
    """Length of the line in the wall (H, W) that is as far from the cavity as from the outside."""
    from contourpy import LineType, contour_generator  # here, because it is not needed to import this package
    from scipy import ndimage

    if not outside.any():
        return 0.0
    inwards, outwards = (
        ndimage.distance_transform_edt(~region, sampling=scale.spacing) for region in (cavity, outside)
    )
    rows, columns = (np.arange(size) * step for size, step in zip(wall.shape, scale.spacing, strict=True))
    difference = np.ma.array(inwards - outwards, mask=~wall)
    lines: list[NDArray[np.float64]] = contour_generator(columns, rows, difference, line_type=LineType.Separate).lines(
        0.0
    )  # type: ignore[assignment]
    return float(sum(np.linalg.norm(np.diff(line, axis=0), axis=1).sum() for line in lines))
