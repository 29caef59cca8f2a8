"""How one view shows a heart: where it lies in the fan, how it leans, how irregular its outline is, and how it is cut.

An image plane that passes the apex foreshortens. It holds the middle of the annulus and lies `offset` beside the true
apex. It cuts the cavity, whose cross sections are ellipses, short of its tip; the wall there is cut at a slant and
looks thick. That is why apical images show shorter cavities and thicker apices than the heart has, and more so in
systole, when the cavity is narrow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from synthboost.domain import Phase, View
from synthboost.simulator.fan import Floats
from synthboost.simulator.heart import Heart, half_width
from synthboost.simulator.priors import Diagnosis, Prior

CENTRE_LINE_BEND = {View.FOUR_CHAMBER: 0.02, View.TWO_CHAMBER: -0.015}
ATRIUM_LEAN_DEG = {View.FOUR_CHAMBER: -6.0, View.TWO_CHAMBER: 4.0}
HYPOKINETIC_SHARE = 0.7
"""Of the views of ischaemic hearts."""
APICAL_THINNING = 0.18
"""The wall at the apex is so much thinner (share) than at the base."""
LATEST_START = 0.45
"""At most so much of the cavity's length is lost; a plane that would lose more is not the view any more."""
_T = np.linspace(0.0, 1.0, 401)


@dataclass(frozen=True, eq=False)
class Pose:
    """One view of one heart. Angles in degrees, lengths in mm unless said otherwise."""

    tilt: dict[Phase, float]
    """Of the long axis; positive: the base lies to the right of the apex."""
    annulus_tilt: float
    atrium_lean: float
    apex: tuple[float, float]
    """(x, z) of the epicardial apex."""
    foreshortening: float
    """Factor on the length, <= 1."""
    plane_offset: float
    """How far the image plane passes the apex; it goes through the middle of the annulus."""
    base_drop: float
    """Angle by which the wall's lower end hangs below the line of the annulus."""
    bend: float
    """Of the centre line, share of the length."""
    asymmetry: float
    """Share of the half-width that the right side has more."""
    residues: NDArray[np.float64]
    """(2, 5) amplitudes of sine waves along the left and right outline."""
    septal_bulge: float
    """Of the basal septum into the cavity (4CH)."""
    wall_scale: tuple[float, float]
    """Left, right."""
    wall_waves: NDArray[np.float64]
    """(2, 4) amplitude and phase of cosines of the wall's thickness along the outline."""
    hypokinesia: tuple[int, float, float, float] | None
    """A part of the wall that neither moves in nor thickens in systole: its side (-1 left, +1 right), its centre (0
    apex, 1 base), its width (a standard deviation in the same units), and how much it is affected (1: no motion)."""


def draw_pose(rng: Generator, heart: Heart, prior: Prior, view: View) -> Pose:
    """Draw the pose of one view; the caller draws again when the heart does not fit the fan."""
    tilt = prior.draw(rng, "tilt", view)
    apex = prior.draw(rng, "apex_lateral", view), prior.draw(rng, "apex_depth", low=10.0, high=34.0)
    tilt_systolic = tilt + prior.draw(rng, "tilt_systolic")
    return Pose(
        tilt={Phase.END_DIASTOLE: tilt, Phase.END_SYSTOLE: tilt_systolic},
        annulus_tilt=rng.normal(4.0, 5.0),
        atrium_lean=rng.normal(ATRIUM_LEAN_DEG[view], 7.0),
        apex=apex,
        foreshortening=1.0 - abs(rng.normal(0.0, 0.03)),
        plane_offset=abs(prior.draw(rng, "plane_offset")),
        base_drop=prior.draw(rng, "base_drop"),
        bend=rng.normal(CENTRE_LINE_BEND[view], 0.018),
        asymmetry=rng.normal(0.0, 0.05),
        residues=rng.normal(size=(2, 5)) * prior.sd["outline"] / np.arange(1, 6) ** 1.5,
        septal_bulge=max(0.0, rng.normal(0.0, 1.2)) if view is View.FOUR_CHAMBER else 0.0,
        wall_scale=(rng.normal(1.0, 0.06), rng.normal(0.97, 0.07)),
        wall_waves=np.stack([rng.normal(0.0, 0.05, 4) / np.sqrt(2.0), rng.uniform(0.0, 2.0 * np.pi, 4)]),
        hypokinesia=_draw_hypokinesia(rng, heart),
    )


def _draw_hypokinesia(rng: Generator, heart: Heart) -> tuple[int, float, float, float] | None:
    if heart.condition is not Diagnosis.ISCHAEMIC or rng.random() > HYPOKINETIC_SHARE:
        return None
    return int(rng.choice([-1, 1])), rng.uniform(0.05, 0.75), rng.uniform(0.15, 0.30), rng.uniform(0.5, 1.0)


@dataclass(frozen=True, eq=False)
class ObliqueCut:
    """One plane through one chamber. Positions along the axis are 0 at the true apex and 1 at the base."""

    start: float
    """Where the plane meets the cavity."""
    apical_wall: float
    """From there to where it meets the epicardium, along the axis, mm."""
    depth: Floats
    """(401,) half-width of the cavity across the plane, on even positions, mm."""
    wall: float
    offset: float

    def place(self, u: Floats) -> Floats:
        """Positions on the true axis of `u` in [0, 1] on the axis as seen."""
        return self.start + (1.0 - self.start) * u

    def narrowing(self, u: Floats) -> Floats:
        """Width as seen over the true width at `u`, in [0, 1]."""
        t, depth = self._at(u)
        return np.asarray(np.sqrt(np.clip(1.0 - (self.offset * (1.0 - t) / depth) ** 2, 0.0, None)))

    def thickening(self, u: Floats) -> Floats:
        """Thickness of the side walls as seen over the true one at `u`; 1 where the plane goes through the axis."""
        if self.offset == 0.0:
            return np.ones_like(u)  # exactly, which the difference of the roots below is not
        t, inner = self._at(u)
        outer = inner + self.wall
        # The cut of two nested circles of these radii; near the tip the apical wall takes over.
        d = self.offset * (1.0 - t)
        seen = np.sqrt(np.clip(outer**2 - d**2, 0.0, None)) - np.sqrt(np.clip(inner**2 - d**2, 0.0, None))
        return np.asarray(np.clip(seen / self.wall, 1.0, 1.8))

    def _at(self, u: Floats) -> tuple[Floats, Floats]:
        """Positions on the true axis, and the cavity's half-width across the plane there."""
        t = self.place(u)
        return t, np.maximum(np.interp(t, _T, self.depth), 1e-6)


def oblique_cut(heart: Heart, pose: Pose, view: View, phase: Phase) -> ObliqueCut:
    """Cut a chamber at one instant by the plane of one view."""
    state = heart.states[phase]
    across = View.TWO_CHAMBER if view is View.FOUR_CHAMBER else View.FOUR_CHAMBER
    ratio = state.annulus[across] / state.width[across]
    depth = 0.5 * state.width[across] * half_width(_T, ratio, state.exponent, heart.least_base_ratio)
    thin = (1.0 - APICAL_THINNING) * state.wall
    offset = pose.plane_offset
    if offset == 0.0:
        return ObliqueCut(0.0, thin, depth, state.wall, 0.0)
    passed = depth > offset * (1.0 - _T)
    start = float(_T[np.argmax(passed)]) if passed.any() else 1.0
    if start > LATEST_START:
        offset *= float(depth[round(LATEST_START * 400)] / (offset * (1.0 - LATEST_START)))
        start = LATEST_START
    # The epicardium: an ellipsoid's tip `thin` above the cavity's, as wide as the cavity and both walls. Nothing of its
    # half-width is wall at its tip, and the whole wall's thickness where the cavity is wide.
    length = state.length * pose.foreshortening
    above = thin / length
    reach = np.linspace(-above, 1.0, 801)
    half = depth + state.wall * np.minimum(1.0, depth / (0.5 * depth.max()))
    met = np.interp((reach + above) / (1.0 + above), _T, half) > offset * (1.0 - reach)
    apical_wall = max(thin, (start - float(reach[np.argmax(met)])) * length)
    return ObliqueCut(start, apical_wall, depth, state.wall, offset)
