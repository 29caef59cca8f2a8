"""What lies around the labelled structures in an apical view: right heart, valves, pericardium. Never labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.random import Generator

from synthboost.domain import View
from synthboost.simulator.contours import SAMPLES, Contours
from synthboost.simulator.fan import Points

VALVE_SHUTS = 0.1
"""A mitral valve that stands open at end diastole is shut when this share of the stroke is ejected (a guess)."""


Outlines = Mapping[str, Sequence[Points]]
"""Of one frame, mm: blood outside the left heart (`cavities`: right ventricle and right atrium, 4CH), the same enlarged
by their walls (`cavity walls`), the bright band outside the right-hand wall (`pericardium`), fat and connective tissue
beside the left atrium (`cuffs`), `papillary` muscles, and as open lines the mitral `leaflets`."""


class Surroundings:
    """Sizes that both instants of a view share, so that the unlabelled anatomy is the same heart's too. All in mm."""

    def __init__(self, rng: Generator, view: View) -> None:
        """Draw the sizes."""
        self.view = view
        count = int(rng.integers(1, 5))
        # Papillary muscles: position along the outline 0-1, depth into the cavity, radius.
        self.papillary = [
            (
                float(rng.choice([rng.uniform(0.08, 0.42), rng.uniform(0.58, 0.92)])),
                rng.uniform(0.0, 4.0),
                rng.uniform(1.5, 4.0),
            )
            for _ in range(count)
        ]
        self.ventricle = 32.0 * rng.uniform(0.85, 1.25)  # the right one's free wall, at most, from the septum
        self.atrium = 44.0 * rng.uniform(0.8, 1.2), 40.0 * rng.uniform(0.8, 1.2)  # the right one, across and along
        self.septum = rng.uniform(3.5, 6.0)  # between the atria
        self.cuffs = rng.uniform(4.0, 13.0), rng.uniform(6.0, 15.0)  # left and right
        self.tenting = rng.uniform(2.0, 7.0)  # how far the closed leaflets bulge into the ventricle
        self.open_valve = bool(rng.random() < 0.22)  # in the frame at end diastole

    def around(self, contours: Contours, ejected: float) -> Outlines:
        """Place them around the labelled anatomy; `ejected` is 0 at end diastole and 1 at end systole."""
        cavities, walls = [], []
        if self.view is View.FOUR_CHAMBER:
            cavities = [_right_ventricle(contours, self.ventricle, 0.0), self._right_atrium(contours, 0.0)]
            walls = [_right_ventricle(contours, self.ventricle, 4.5), self._right_atrium(contours, 2.5)]
        return {
            "cavities": cavities,
            "cavity walls": walls,
            "pericardium": [_pericardium(contours)],
            "cuffs": self._cuffs(contours),
            "leaflets": self._leaflets(contours, ejected),
            "papillary": [_papillary(contours, *blob) for blob in self.papillary],
        }

    def _right_atrium(self, contours: Contours, wall_mm: float) -> Points:
        across_mm, along_mm = self.atrium[0] + 2.0 * wall_mm, self.atrium[1] + 2.0 * wall_mm
        left = np.array([-contours.axis[1], contours.axis[0]])
        # The septum between the atria stands where the left one bulges farthest.
        bulge = float(((contours.atrium - contours.hinges[0]) @ left).max())
        gap = bulge + self.septum + self.atrium[0] / 2.0
        centre = contours.hinges[0] + gap * left + (self.atrium[1] / 2.0 - 3.0) * contours.axis
        angle = np.linspace(0.0, 2.0 * np.pi, 80, endpoint=False)
        # Superellipse of exponent 2.6: rounder than a box, boxier than an ellipse (a guess).
        x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2.0 / 2.6)
        y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2.0 / 2.6)
        return np.asarray(centre + 0.5 * across_mm * x[:, None] * left + 0.5 * along_mm * y[:, None] * contours.axis)

    def _cuffs(self, contours: Contours) -> list[Points]:
        """Tissue beside the left atrium, from the hinge points half-way down."""
        half = len(contours.atrium) // 2
        sides = (contours.atrium[: int(0.8 * half)], contours.atrium[::-1][: int(0.8 * half)])
        cuffs = []
        for side, direction, thickness in zip(sides, (-1.0, 1.0), self.cuffs, strict=True):
            across = direction * np.array([contours.axis[1], -contours.axis[0]])
            taper = np.linspace(1.0, 0.35, len(side))[:, None]
            cuffs.append(np.concatenate([side, (side + thickness * taper * across)[::-1]]))
        return cuffs

    def _leaflets(self, contours: Contours, ejected: float) -> list[Points]:
        """Two quadratic curves from the hinge points: closed to a shallow tent, or hanging into the ventricle."""
        left, right = contours.hinges
        middle = left + 0.58 * (right - left)
        up = -contours.axis
        height = (1.0 - 0.6 * ejected) * self.tenting
        tip = middle + height * up
        ends = [tip, tip]
        knees = [0.5 * (left + tip) + 0.4 * height * up, 0.5 * (right + tip) + 0.4 * height * up]
        ajar = 1.0 - ejected / VALVE_SHUTS if self.open_valve else 0.0
        if ajar > 0.0:
            length = 0.55 * float(np.hypot(*(right - left)))
            open_ends = [left + 0.25 * (right - left) + length * up, right - 0.18 * (right - left) + 0.7 * length * up]
            open_knees = [left + 0.06 * (right - left) + 0.4 * length * up, right + 0.3 * length * up]
            ends, knees = (
                [shut + ajar * (wide - shut) if ajar < 1.0 else wide for shut, wide in zip(*pair, strict=True)]
                for pair in ((ends, open_ends), (knees, open_knees))
            )
        t = np.linspace(0.0, 1.0, 60)[:, None]
        return [
            (1 - t) ** 2 * hinge + 2 * t * (1 - t) * knee + t**2 * end
            for hinge, knee, end in zip((left, right), knees, ends, strict=True)
        ]


def _right_ventricle(contours: Contours, reach_mm: float, wall_mm: float) -> Points:
    """Crescent on the left of the septum; widest near the base, gone towards the apex."""
    count = int(0.40 * SAMPLES)
    septum, normal = contours.epicardium[:count], contours.normals[:count]
    f = np.linspace(0.0, 1.0, count)[:, None]
    reach = reach_mm * (1.0 - f**1.5) ** 0.8 + wall_mm
    # The crescent leans down at its base, to the tricuspid annulus.
    sideways = normal + 0.25 * (1.0 - f) * contours.axis
    return np.concatenate([septum, (septum + reach * sideways)[::-1]])


def _pericardium(contours: Contours) -> Points:
    start = int(0.58 * SAMPLES)
    inner, normal = contours.epicardium[start:], contours.normals[start:]
    thickness = np.linspace(2.0, 8.0, len(inner))[:, None]
    return np.concatenate([inner, (inner + thickness * normal)[::-1]])


def _papillary(contours: Contours, place: float, depth_mm: float, radius_mm: float) -> Points:
    index = round(place * (SAMPLES - 1))
    centre = contours.endocardium[index] - (depth_mm + 0.5 * radius_mm) * contours.normals[index]
    angle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    along = np.array([contours.normals[index][1], -contours.normals[index][0]])
    return np.asarray(
        centre
        + 1.8 * radius_mm * np.cos(angle)[:, None] * along
        + radius_mm * np.sin(angle)[:, None] * contours.normals[index]
    )
