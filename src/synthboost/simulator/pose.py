"""How one view shows a heart: where it lies in the fan, how it leans, and the irregularities of its outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from synthboost.domain import Phase, View
from synthboost.simulator.population import Heart
from synthboost.simulator.priors import Condition, Prior
from synthboost.simulator.streams import truncated_normal

CENTRE_LINE_BEND = {View.FOUR_CHAMBER: 0.02, View.TWO_CHAMBER: -0.015}
ATRIUM_LEAN_DEG = {View.FOUR_CHAMBER: -6.0, View.TWO_CHAMBER: 4.0}
HYPOKINETIC_SHARE = 0.7
"""Of the views of ischaemic hearts."""


@dataclass(frozen=True)
class Hypokinesia:
    """A part of the wall that neither moves in nor thickens in systole."""

    side: int
    """-1 left (septum in 4CH, inferior wall in 2CH), +1 right."""
    centre: float
    """0 apex, 1 base."""
    width: float
    """Standard deviation, in the same units."""
    amount: float
    """1: no motion at all."""


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
    hypokinesia: Hypokinesia | None


def draw_pose(rng: Generator, heart: Heart, prior: Prior, view: View) -> Pose:
    """Draw the pose of one view; the caller draws again when the heart does not fit the fan."""
    tilt = rng.normal(prior.tilt[view], prior.tilt_sd)
    apex_x = rng.normal(prior.apex_lateral[view], prior.apex_lateral_sd)
    apex_z = truncated_normal(rng, *prior.apex_depth, 10.0, 34.0)
    return Pose(
        tilt={Phase.END_DIASTOLE: tilt, Phase.END_SYSTOLE: tilt + rng.normal(*prior.tilt_systolic)},
        annulus_tilt=rng.normal(4.0, 5.0),
        atrium_lean=rng.normal(ATRIUM_LEAN_DEG[view], 7.0),
        apex=(apex_x, apex_z),
        foreshortening=1.0 - abs(rng.normal(0.0, 0.03)),
        plane_offset=abs(rng.normal(*prior.plane_offset)),
        base_drop=rng.normal(*prior.base_drop),
        bend=rng.normal(CENTRE_LINE_BEND[view], 0.018),
        asymmetry=rng.normal(0.0, 0.05),
        residues=rng.normal(size=(2, 5)) * prior.outline_mm / np.arange(1, 6) ** 1.5,
        septal_bulge=max(0.0, rng.normal(0.0, 1.2)) if view is View.FOUR_CHAMBER else 0.0,
        wall_scale=(rng.normal(1.0, 0.06), rng.normal(0.97, 0.07)),
        wall_waves=np.stack([rng.normal(0.0, 0.05, 4) / np.sqrt(2.0), rng.uniform(0.0, 2.0 * np.pi, 4)]),
        hypokinesia=_draw_hypokinesia(rng, heart),
    )


def _draw_hypokinesia(rng: Generator, heart: Heart) -> Hypokinesia | None:
    if heart.condition is not Condition.ISCHAEMIC or rng.random() > HYPOKINETIC_SHARE:
        return None
    return Hypokinesia(
        side=int(rng.choice([-1, 1])),
        centre=rng.uniform(0.05, 0.75),
        width=rng.uniform(0.15, 0.30),
        amount=rng.uniform(0.5, 1.0),
    )
