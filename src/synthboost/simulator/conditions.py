"""Hearts with a named condition: what each changes in the heart and in its views, for evaluation sets by construction.

A condition changes what was drawn; it takes no number from the streams that draw a heart, its pose and its images. So
sets without one do not move, and the same patient with and without one differs in the condition alone as far as the
new heart fits the fan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.random import Generator

from synthboost.domain import View
from synthboost.simulator.heart import Heart
from synthboost.simulator.pose import Pose
from synthboost.simulator.priors import Diagnosis


class Condition(StrEnum):
    """What is wrong with every heart of a set, or with its views; sizes follow Lang 2015 where it grades them."""

    NORMAL = "normal"
    DILATED = "dilated"
    HYPERTROPHIC = "hypertrophic"
    ASYMMETRIC_HYPERTROPHY = "asymmetric-hypertrophy"
    APICAL_HYPERTROPHY = "apical-hypertrophy"
    AKINETIC = "akinetic"
    ANEURYSM = "aneurysm"
    EFFUSION = "effusion"
    ENLARGED_ATRIUM = "enlarged-atrium"
    FORESHORTENED = "foreshortened"


DIAGNOSES: Mapping[Condition, Diagnosis] = MappingProxyType(
    dict.fromkeys(Condition, Diagnosis.NORMAL)
    | {
        Condition.DILATED: Diagnosis.DILATED,
        Condition.HYPERTROPHIC: Diagnosis.HYPERTROPHIC,
        Condition.AKINETIC: Diagnosis.ISCHAEMIC,
        Condition.ANEURYSM: Diagnosis.ISCHAEMIC,
    }
)
"""Whose volumes, ejection fraction, wall and atrium the hearts have."""
SEPTUM = (1.6, 2.0)
"""Thickness of the septum over its own, asymmetric hypertrophy: 14 mm and more (a guess of the range)."""
APEX_WAVE = (0.5, 0.7)
"""Share by which the wall is thicker at the apex and thinner at the base, apical hypertrophy."""
AKINETIC_WIDTH = 0.22
"""Standard deviation of the part that stays, share of the side."""
DYSKINESIA = (1.5, 1.9)
"""The aneurysm's wall moves outwards in systole by what lies above 1 of the motion it should have inwards."""
BULGE_MM = (4.0, 8.0)
"""Of the aneurysm at both instants, beyond the outline of a heart without one."""
BULGE_PLACE, BULGE_WIDTH = 0.3, 0.16
"""On the axis, 0 apex and 1 base."""
EFFUSION_MM = (10.0, 25.0)
"""Echo-free space around the ventricle: moderate to large (from 10 mm; large from 20 mm)."""
ATRIUM = (1.2, 1.4)
"""Factor on all lengths of the atrium: 27 ml/m2 become 47 to 74; severe from 48 on."""
PASSED_MM = (12.0, 18.0)
"""By which a foreshortened view passes the apex, beyond what the prior draws."""


def with_condition(heart: Heart, condition: Condition, rng: Generator) -> Heart:
    """Return the heart with what the condition changes at both instants; its volumes stay."""
    if condition is not Condition.ENLARGED_ATRIUM:
        return heart
    factor = float(rng.uniform(*ATRIUM))
    states = {
        phase: replace(
            state,
            atrium_length=factor * state.atrium_length,
            atrium_width={view: factor * width for view, width in state.atrium_width.items()},
        )
        for phase, state in heart.states.items()
    }
    return replace(heart, states=states)


def posed(pose: Pose, condition: Condition, view: View, rng: Generator) -> Pose:
    """Return the view with what the condition changes in it."""
    match condition:
        case Condition.ASYMMETRIC_HYPERTROPHY if view is View.FOUR_CHAMBER:  # the septum is the left-hand wall
            left, right = pose.wall_scale
            return replace(pose, wall_scale=(float(rng.uniform(*SEPTUM)) * left, right), septal_bulge=4.0)
        case Condition.APICAL_HYPERTROPHY:
            waves = pose.wall_waves.copy()
            waves[:, 1] = -rng.uniform(*APEX_WAVE), 0.0  # the second cosine: base, apex, base
            return replace(pose, wall_waves=waves)
        case Condition.AKINETIC:
            return replace(pose, hypokinesia=(_side(rng), rng.uniform(0.2, 0.7), AKINETIC_WIDTH, 1.0))
        case Condition.ANEURYSM:
            side, residues = _side(rng), pose.residues.copy()
            residues[(side + 1) // 2] += rng.uniform(*BULGE_MM) * _bulge()
            return replace(pose, residues=residues, hypokinesia=(side, BULGE_PLACE, 0.2, rng.uniform(*DYSKINESIA)))
        case Condition.FORESHORTENED:
            return replace(pose, plane_offset=pose.plane_offset + float(rng.uniform(*PASSED_MM)))
    return pose


def fluid_mm(condition: Condition | None, rng: Generator) -> float:
    """Width of the echo-free space around the ventricle; 0 without an effusion."""
    return float(rng.uniform(*EFFUSION_MM)) if condition is Condition.EFFUSION else 0.0


def _side(rng: Generator) -> int:
    return int(rng.choice([-1, 1]))


def _bulge() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(5,) amplitudes of the outline's sine waves that together bulge by 1 at `BULGE_PLACE`."""
    order = np.pi * np.arange(1, 6)
    waves = np.sin(order * BULGE_PLACE) * np.exp(-0.5 * (order * BULGE_WIDTH) ** 2)
    return np.asarray(waves / (waves @ np.sin(order * BULGE_PLACE)))
