"""A heart: its chambers at end diastole and end systole, drawn from a prior; their profiles, volumes and areas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from synthboost.domain import Phase, Sex, View
from synthboost.simulator.fan import Floats
from synthboost.simulator.priors import CONDITIONS, Diagnosis, DiagnosisPrior, Prior, truncated_normal

VIEWS = (View.FOUR_CHAMBER, View.TWO_CHAMBER)
"""In the order of pairs of widths."""
EPICARDIAL_LENGTH_FACTOR = 0.85
"""The epicardium is this many wall thicknesses longer than the endocardium: it has an apex, but no base."""
CORNER = 0.07
"""Share of the length, next to the base, in which a wide cavity turns in to the hinge points (measured on CAMUS)."""
WIDEST_RATIO = 0.95
"""A base as wide as the chamber has no closed form; wider bases widen the chamber instead (a guess)."""
MALE_SHARE = 0.66
"""330 of the 500 patients of CAMUS."""
AGE = (64.0, 14.0, 18.0, 93.0)
"""Years: mean, sd, lowest, highest; the spread of CAMUS' validation and test patients."""
DIASTOLIC_ML = (40.0, 420.0)
"""Of the smallest and of the largest ventricle."""
BODY_SURFACE_M2 = {Sex.MALE: (1.95, 0.17), Sex.FEMALE: (1.72, 0.17)}
TWO_CHAMBER_ANNULUS = 1.06
"""Width of the mitral annulus in 2CH over that in 4CH (3D echo: it is oval)."""
_AXIS = np.linspace(0.0, 1.0, 201)


@dataclass(frozen=True)
class ChamberState:
    """A heart at one instant, before it is posed in an image. All lengths in mm."""

    length: float
    """Of the left ventricular cavity, apex to annulus."""
    width: dict[View, float]
    """Its largest width."""
    annulus: dict[View, float]
    wall: float
    exponent: float
    """Of the cavity's profile."""
    atrium_length: float
    atrium_width: dict[View, float]


@dataclass(frozen=True)
class Heart:
    """A patient's heart, shared by all views."""

    sex: Sex
    age: int
    condition: Diagnosis
    volume_ml: dict[Phase, float]
    """Of the left ventricular cavity, as drawn."""
    states: dict[Phase, ChamberState]
    atrium_exponent: float
    least_base_ratio: float

    @property
    def ejection_fraction(self) -> float:
        """As drawn, percent; what the masks show differs by a few points, as views of a real heart do."""
        return 100.0 * (1.0 - self.volume_ml[Phase.END_SYSTOLE] / self.volume_ml[Phase.END_DIASTOLE])

    def wall_volume_ml(self, phase: Phase) -> float:
        """Volume of the myocardium, ml."""
        return wall_volume_ml(self.states[phase], self.states[phase].wall, self.least_base_ratio)


def draw_heart(rng: Generator, prior: Prior, diagnosis: Diagnosis | None = None) -> Heart:
    """Draw one patient from a prior: volumes first, then the shape that holds them, then the wall around it.

    A given diagnosis replaces the one that is drawn.
    """
    sex = Sex.MALE if rng.random() < MALE_SHARE else Sex.FEMALE
    age = round(truncated_normal(rng, *AGE))
    conditions = tuple(CONDITIONS)
    drawn = conditions[rng.choice(len(conditions), p=[CONDITIONS[c].share for c in conditions])]
    condition = drawn if diagnosis is None else diagnosis
    traits = CONDITIONS[condition]
    body = rng.normal(*BODY_SURFACE_M2[sex])
    diastolic = _diastolic_volume(rng, traits, prior, sex, age, body)
    systolic = diastolic * (1.0 - truncated_normal(rng, *traits.ejection_fraction) / 100.0)
    volume = {Phase.END_DIASTOLE: diastolic, Phase.END_SYSTOLE: systolic}
    least_base_ratio = float(rng.uniform(*prior.least_base_ratio))
    states = _states(rng, prior, condition, sex, age, volume, body, least_base_ratio)
    return Heart(
        sex, age, condition, volume, states, atrium_exponent=rng.uniform(2.1, 2.9), least_base_ratio=least_base_ratio
    )


def _diastolic_volume(rng: Generator, traits: DiagnosisPrior, prior: Prior, sex: Sex, age: int, body: float) -> float:
    mean = traits.volume_index[0 if sex is Sex.MALE else 1]
    index = truncated_normal(rng, mean, traits.volume_index_sd, 26.0, 180.0)
    volume = (
        index * body * (1.0 - 0.0025 * (age - 50)) * prior.mean["volume"] * np.exp(rng.normal(0, prior.sd["volume"]))
    )
    return float(np.clip(volume, *DIASTOLIC_ML))


def _states(
    rng: Generator, prior: Prior, condition: Diagnosis, sex: Sex, age: int, volume: dict[Phase, float], body: float,
    least: float,
) -> dict[Phase, ChamberState]:  # fmt: skip
    traits = CONDITIONS[condition]
    diastolic, systolic = volume[Phase.END_DIASTOLE], volume[Phase.END_SYSTOLE]
    length = prior.draw(rng, "length_factor", condition) * np.cbrt(1000.0 * diastolic)
    shortening = prior.mean["shortening"] * (1.0 - systolic / diastolic) + rng.normal(0.0, prior.sd["shortening"])
    excursion = float(np.clip(shortening, 0.015, 0.26)) * length
    annulus = prior.draw(rng, "annulus", sex, 20.0, 44.0)
    annulus = min(annulus + 0.042 * max(0.0, diastolic - 100.0), 44.0)
    annulus_systolic = annulus * prior.draw(rng, "annulus_systolic", low=0.7, high=1.2)
    oval = float(np.exp(rng.normal(0.0, 0.07)))
    exponent = truncated_normal(rng, 2.3 if condition is Diagnosis.DILATED else 2.1, 0.18, 1.85, 2.7)
    atrium = _atrium(rng, traits, body, excursion)
    diastolic_state = _ventricle(diastolic, length, annulus, oval, exponent, least, atrium[Phase.END_DIASTOLE])
    # End systole is more conical than end diastole.
    systolic_state = _ventricle(
        systolic, length - excursion, annulus_systolic, oval, exponent - 0.15, least, atrium[Phase.END_SYSTOLE]
    )
    extra = rng.normal(*traits.extra_wall) * prior.wall_condition_weight + prior.wall_per_year * (age - 50)
    seen = max(0.0, prior.draw(rng, "wall_as_seen"))
    wall = float(np.clip(prior.draw(rng, "wall", sex) + extra + seen, 6.2, 20.0))
    # What the myocardium keeps from end diastole on: its area in the image, or its volume.
    amount, ratio = epicardial_volume, 1.0
    if prior.wall_area_ratio is not None:
        amount, ratio = epicardial_area_mm2, truncated_normal(rng, *prior.wall_area_ratio, 0.85, 1.12)
    wanted = (amount(diastolic_state, wall, least) - amount(diastolic_state, 0.0, least)) * ratio
    cavity = amount(systolic_state, 0.0, least)
    systolic_wall = wall_thickness(
        lambda mm: amount(systolic_state, mm, least) - cavity, wanted, 0.5 * wall, 3.0 * wall, steps=40
    )
    return {
        Phase.END_DIASTOLE: replace(diastolic_state, wall=wall),
        Phase.END_SYSTOLE: replace(systolic_state, wall=systolic_wall),
    }


def _atrium(rng: Generator, traits: DiagnosisPrior, body: float, excursion: float) -> dict[Phase, tuple[float, float]]:
    """Length (mm) and volume (ml) of the left atrium; its roof hardly moves, so it is longest at end systole."""
    largest = truncated_normal(rng, *traits.atrium_index, 12.0, 90.0) * body
    smallest = largest * (1.0 - truncated_normal(rng, *traits.atrium_emptying, 0.1, 0.75))
    length = 1.32 * np.cbrt(1000.0 * largest) * np.exp(rng.normal(0.0, 0.06))
    shorter = max(length - rng.uniform(0.75, 1.1) * excursion, 0.55 * length)
    return {Phase.END_SYSTOLE: (float(length), largest), Phase.END_DIASTOLE: (float(shorter), smallest)}


def _ventricle(
    volume_ml: float, length: float, annulus: float, oval: float, exponent: float, least: float,
    atrium: tuple[float, float],
) -> ChamberState:  # fmt: skip
    bases = (annulus, TWO_CHAMBER_ANNULUS * annulus)
    widths = chamber_widths(volume_ml, length, bases, oval, exponent, least)
    atrium_length, atrium_volume = atrium
    atrium_bases = (0.96 * bases[0], 0.96 * bases[1])
    atrium_widths = chamber_widths(atrium_volume, atrium_length, atrium_bases, 1.0, 2.5, 0.0)
    return ChamberState(
        length=float(length),
        width=dict(zip(VIEWS, widths, strict=True)),
        # An annulus cannot be wider than the cavity above it.
        annulus=dict(zip(VIEWS, (min(b, WIDEST_RATIO * w) for b, w in zip(bases, widths, strict=True)), strict=True)),
        wall=0.0,
        exponent=exponent,
        atrium_length=atrium_length,
        atrium_width=dict(zip(VIEWS, atrium_widths, strict=True)),
    )


def half_width(t: Floats, base_ratio: float, exponent: float, least_ratio: float = 0.0) -> Floats:
    """Half-width at `t` (0 at the apex, 1 at the base), relative to the largest half-width.

    A superellipse `(1 - |(t - c) / c|**n)**(1 / n)` whose widest place `c` is where it must be for the base to have
    the width `base_ratio`: with `q = (1 - m**n)**(1 / n)`, `c = 1 / (1 + q)`.

    Args:
        t: positions along the axis, any shape, in [0, 1].
        base_ratio: width at the base over the largest width, in (0, `WIDEST_RATIO`].
        exponent: 2 is an ellipse; more is boxier.
        least_ratio: the ellipse ends at least so wide, and the last `CORNER` of the length turns in to `base_ratio`.
    """
    ratio = max(base_ratio, least_ratio)
    q = (1.0 - ratio**exponent) ** (1.0 / exponent)
    widest = 1.0 / (1.0 + q)
    inner = np.clip(1.0 - np.abs((t - widest) / widest) ** exponent, 0.0, None)
    corner = np.clip((t - (1.0 - CORNER)) / CORNER, 0.0, 1.0) ** 2
    return np.asarray(inner ** (1.0 / exponent) - (ratio - base_ratio) * corner)


def sampled(base_mm: float, width_mm: float, exponent: float, least_ratio: float = 0.0) -> Floats:
    """Return the profile on 201 even positions, from the widths of base and chamber in mm."""
    return half_width(_AXIS, min(base_mm / width_mm, WIDEST_RATIO), exponent, least_ratio)


def biplane_volume_ml(length_mm: float, widths_mm: tuple[float, float], profiles: tuple[Floats, Floats]) -> float:
    """Volume of a chamber with elliptic cross sections, `pi / 4 L D1 D2 * integral(g1 g2)`, in ml.

    The profiles are half-widths on 201 even positions from apex to base, as `sampled` gives them.
    """
    mean_product = float(np.trapezoid(profiles[0] * profiles[1], _AXIS))
    return float(np.pi / 4.0 * length_mm * widths_mm[0] * widths_mm[1] * mean_product / 1000.0)


def area_mm2(length_mm: float, width_mm: float, profile: Floats) -> float:
    """Area of a long-axis section, mm2."""
    return float(length_mm * width_mm * np.trapezoid(profile, _AXIS))


def chamber_widths(
    volume_ml: float, length: float, bases: tuple[float, float], oval: float, exponent: float, least_ratio: float
) -> tuple[float, float]:
    """Widths (4CH, 2CH) with which a chamber of that length and base holds the volume, by a fixed point."""
    width = float(np.sqrt(1000.0 * volume_ml / length))
    for _ in range(12):
        profiles = (
            sampled(bases[0], width, exponent, least_ratio),
            sampled(bases[1], oval * width, exponent, least_ratio),
        )
        width *= float(np.sqrt(volume_ml / biplane_volume_ml(length, (width, oval * width), profiles)))
    return width, oval * width


def epicardial_volume(state: ChamberState, wall: float, least_ratio: float) -> float:
    """Volume of a ventricle together with a wall of that thickness in mm, ml; with 0 that of the cavity."""
    widths = [state.width[view] + 2.0 * wall for view in VIEWS]
    profiles = [
        sampled(state.annulus[view] + 2.0 * wall, width, state.exponent, least_ratio)
        for view, width in zip(VIEWS, widths, strict=True)
    ]
    length = state.length + EPICARDIAL_LENGTH_FACTOR * wall
    return biplane_volume_ml(length, (widths[0], widths[1]), (profiles[0], profiles[1]))


def wall_volume_ml(state: ChamberState, wall: float, least_ratio: float) -> float:
    """Volume of a wall of that thickness in mm around the cavity, ml."""
    return epicardial_volume(state, wall, least_ratio) - epicardial_volume(state, 0.0, least_ratio)


def epicardial_area_mm2(state: ChamberState, wall: float, least_ratio: float) -> float:
    """The same of the areas in the four-chamber section, mm2."""
    width = state.width[View.FOUR_CHAMBER] + 2.0 * wall
    profile = sampled(state.annulus[View.FOUR_CHAMBER] + 2.0 * wall, width, state.exponent, least_ratio)
    return area_mm2(state.length + EPICARDIAL_LENGTH_FACTOR * wall, width, profile)


def wall_thickness(amount: Callable[[float], float], wanted: float, low: float, high: float, steps: int) -> float:
    """Thickness in mm at which a growing amount of wall is the wanted one, by bisection."""
    for _ in range(steps):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if amount(middle) < wanted else (low, middle)
    return 0.5 * (low + high)
