"""Draw a patient: sex, age, condition, and one heart at end diastole and end systole that both views share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from synthboost.domain import Phase, Sex
from synthboost.simulator.heart import (
    VIEWS,
    WIDEST_RATIO,
    ChamberState,
    Heart,
    chamber_widths,
    wall_area_mm2,
    wall_thickness,
    wall_volume_ml,
)
from synthboost.simulator.priors import CONDITIONS, Diagnosis, DiagnosisPrior, Prior, truncated_normal

MALE_SHARE = 0.66
"""330 of the 500 patients of CAMUS."""
AGE = (64.0, 14.0, 18.0, 93.0)
"""Years: mean, sd, lowest, highest; the spread of CAMUS' validation and test patients."""
BODY_SURFACE_M2 = {Sex.MALE: (1.95, 0.17), Sex.FEMALE: (1.72, 0.17)}
TWO_CHAMBER_ANNULUS = 1.06
"""Width of the mitral annulus in 2CH over that in 4CH (3D echo: it is oval)."""


def draw_heart(rng: Generator, prior: Prior) -> Heart:
    """Draw one patient from a prior: volumes first, then the shape that holds them, then the wall around it."""
    sex = Sex.MALE if rng.random() < MALE_SHARE else Sex.FEMALE
    age = round(truncated_normal(rng, *AGE))
    conditions = tuple(CONDITIONS)
    condition = conditions[rng.choice(len(conditions), p=[CONDITIONS[c].share for c in conditions])]
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
    return float(index * body * (1.0 - 0.0025 * (age - 50)) * prior.volume_scale)


def _states(
    rng: Generator, prior: Prior, condition: Diagnosis, sex: Sex, age: int, volume: dict[Phase, float], body: float,
    least: float,
) -> dict[Phase, ChamberState]:  # fmt: skip
    traits = CONDITIONS[condition]
    diastolic, systolic = volume[Phase.END_DIASTOLE], volume[Phase.END_SYSTOLE]
    sd = prior.sd
    length = rng.normal(prior.length_factor[condition], sd["length_factor"]) * np.cbrt(1000.0 * diastolic)
    shortening = prior.shortening * (1.0 - systolic / diastolic) + rng.normal(0.0, sd["shortening"])
    excursion = float(np.clip(shortening, 0.015, 0.26)) * length
    annulus = truncated_normal(rng, prior.annulus[sex], sd["annulus"], 20.0, 44.0)
    annulus = min(annulus + 0.042 * max(0.0, diastolic - 100.0), 44.0)
    annulus_systolic = annulus * truncated_normal(rng, prior.annulus_systolic, sd["annulus_systolic"], 0.7, 1.2)
    oval = float(np.exp(rng.normal(0.0, 0.07)))
    exponent = truncated_normal(rng, 2.3 if condition is Diagnosis.DILATED else 2.1, 0.18, 1.85, 2.7)
    atrium = _atrium(rng, traits, body, excursion)
    diastolic_state = _ventricle(diastolic, length, annulus, oval, exponent, least, atrium[Phase.END_DIASTOLE])
    # End systole is more conical than end diastole.
    systolic_state = _ventricle(
        systolic, length - excursion, annulus_systolic, oval, exponent - 0.15, least, atrium[Phase.END_SYSTOLE]
    )
    extra = rng.normal(*traits.extra_wall) * prior.wall_condition_weight + prior.wall_per_year * (age - 50)
    seen = max(0.0, rng.normal(prior.wall_as_seen, sd["wall_as_seen"]))
    wall = float(np.clip(rng.normal(prior.wall[sex], sd["wall"]) + extra + seen, 6.2, 20.0))
    # What the myocardium keeps from end diastole on: its area in the image, or its volume.
    amount, ratio = wall_volume_ml, 1.0
    if prior.wall_area_ratio is not None:
        amount, ratio = wall_area_mm2, truncated_normal(rng, *prior.wall_area_ratio, 0.85, 1.12)
    wanted = amount(diastolic_state, wall, least) * ratio
    systolic_wall = wall_thickness(
        lambda mm: amount(systolic_state, mm, least), wanted, 0.5 * wall, 3.0 * wall, steps=40
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
