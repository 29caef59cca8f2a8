"""The two priors over hearts as tables, `literature` (reference ranges) and `camus` (its annotation convention); their
calibration, as `synthboost calibrate` finds it; and the random streams that they are drawn with."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.random import Generator, SeedSequence

from synthboost.errors import ConfigError


class Diagnosis(StrEnum):
    """What is wrong with a simulated heart, if anything."""

    NORMAL = "normal"
    HYPERTROPHIC = "hypertrophic"
    ISCHAEMIC = "ischaemic"
    DILATED = "dilated"


class PriorName(StrEnum):
    """Which table of parameters draws the hearts."""

    LITERATURE = "literature"
    CAMUS = "camus"


@dataclass(frozen=True)
class DiagnosisPrior:
    """What a condition changes. Volumes are indexed to body surface area (ml/m2)."""

    share: float
    """Of all patients; the four give EF <= 45 % in about half, as in CAMUS (Leclerc 2019, table I)."""
    volume_index: tuple[float, float]
    """End-diastolic, (male, female); ASE/EACVI 2015 (Lang et al.), table 2, for `normal`."""
    volume_index_sd: float
    ejection_fraction: tuple[float, float, float, float]
    """Biplane, percent: mean, sd, lowest, highest; ASE/EACVI 2015, tables 2 and 4."""
    extra_wall: tuple[float, float]
    """Added to the wall at end diastole, mm: mean, sd."""
    atrium_index: tuple[float, float]
    """Largest left atrial volume, ml/m2: mean, sd; ASE/EACVI 2015, table 11."""
    atrium_emptying: tuple[float, float]
    """Left atrial emptying fraction: mean, sd."""


CONDITIONS: dict[Diagnosis, DiagnosisPrior] = {
    Diagnosis.NORMAL: DiagnosisPrior(0.38, (56, 48), 10, (60, 5, 52, 72), (0, 0), (27, 6), (0.55, 0.06)),
    Diagnosis.HYPERTROPHIC: DiagnosisPrior(0.16, (52, 46), 10, (59, 7, 42, 74), (3.8, 1.6), (36, 8), (0.46, 0.07)),
    Diagnosis.ISCHAEMIC: DiagnosisPrior(0.33, (66, 58), 15, (44, 8, 22, 56), (0, 0), (37, 9), (0.42, 0.08)),
    Diagnosis.DILATED: DiagnosisPrior(0.13, (98, 88), 24, (28, 7, 10, 42), (-0.3, 0), (47, 12), (0.32, 0.08)),
}


@dataclass(frozen=True)
class Prior:
    """The parameters in which the two priors differ. Lengths in mm, angles in degrees."""

    mean: dict[str, float]
    """By name, with the sex, the view or the condition in it where it depends on that: `wall F`, `tilt 4CH`.

    volume: factor on the end-diastolic volume. length_factor: long axis over the cube root of that volume. shortening:
    of the long axis, per unit of ejection fraction. annulus: of the mitral valve in 4CH at end diastole;
    annulus_systolic: its width at end systole over that. wall: at end diastole; wall_as_seen: added to the compact
    wall, the trabeculae and the width of the beam, which apical images show as wall. tilt: of the long axis, positive
    if the base lies to the right of the apex; tilt_systolic: added at end systole. apex_depth, apex_lateral: of the
    epicardial apex, below the probe and to the right. plane_offset: by how much the image plane passes the apex
    (foreshortening; the absolute value counts). base_drop: angle by which the drawn wall's end hangs below the annulus.
    """
    sd: dict[str, float]
    """Standard deviations, by name alone; `outline` is that of the first of five sine waves along each side, `volume`
    that of the logarithm of the factor."""
    least_base_ratio: tuple[float, float]
    """The cavity keeps at least this share of its width until just above the hinge points; drawn between the two."""
    wall_condition_weight: float
    """On `DiagnosisPrior.extra_wall`."""
    wall_per_year: float
    """Above or below 50 years."""
    wall_area_ratio: tuple[float, float] | None
    """Mean and sd of the myocardium's area in the image at end systole over end diastole, as CAMUS' annotators drew it.

    `None`: muscle is incompressible and keeps its volume, so its area grows by about 17 %."""
    depth_in_steps: bool
    """The scanner's depth comes in steps of 10 mm (CAMUS) or follows the atrium's roof freely."""

    def draw(self, rng: Generator, name: str, of: str = "", low: float = -math.inf, high: float = math.inf) -> float:
        """Draw a quantity (`of` a sex, a view or a condition) from its normal distribution within limits."""
        return truncated_normal(rng, self.mean[f"{name} {of}".rstrip()], self.sd[name], low, high)


_LITERATURE = Prior(
    mean={
        "volume": 1.13, "shortening": 0.27, "annulus_systolic": 1.0, "wall_as_seen": 3.8, "tilt_systolic": 0.0,
        "apex_depth": 19.0, "plane_offset": 8.0, "base_drop": 20.0,
        "length_factor normal": 1.84, "length_factor hypertrophic": 1.84, "length_factor ischaemic": 1.79,
        "length_factor dilated": 1.70,
        "annulus M": 31.0, "annulus F": 28.5, "wall M": 9.1, "wall F": 8.3,
        "tilt 4CH": 7.0, "tilt 2CH": 1.0, "apex_lateral 4CH": 0.0, "apex_lateral 2CH": 0.0,
    },
    sd={
        "volume": 0.25, "length_factor": 0.07, "shortening": 0.012, "annulus": 2.3, "annulus_systolic": 0.05,
        "wall": 0.8, "wall_as_seen": 1.2, "tilt": 6.0, "tilt_systolic": 1.0, "apex_depth": 4.0, "apex_lateral": 5.0,
        "plane_offset": 4.0, "base_drop": 8.0, "outline": 0.9,
    },
    least_base_ratio=(0.0, 0.85),
    wall_condition_weight=1.0,
    wall_per_year=0.02,
    wall_area_ratio=None,
    depth_in_steps=False,
)  # fmt: skip
"""Reference ranges: ASE/EACVI 2015 (chambers), HUNT (age, length), 3D echo studies of the mitral annulus; volumes
larger and more varied, as in clinics and in 3D."""

_CAMUS = Prior(
    mean={
        "volume": 0.93, "shortening": 0.29, "annulus_systolic": 0.91, "wall_as_seen": 0.0, "tilt_systolic": -2.8,
        "apex_depth": 20.0, "plane_offset": 0.0, "base_drop": 0.0,
        "length_factor normal": 1.69, "length_factor hypertrophic": 1.69, "length_factor ischaemic": 1.64,
        "length_factor dilated": 1.56,
        "annulus M": 32.0, "annulus F": 29.5, "wall M": 12.6, "wall F": 11.8,
        "tilt 4CH": 11.5, "tilt 2CH": 4.0, "apex_lateral 4CH": -5.0, "apex_lateral 2CH": -2.0,
    },
    sd={
        "volume": 0.0, "length_factor": 0.10, "shortening": 0.028, "annulus": 4.2, "annulus_systolic": 0.08,
        "wall": 1.4, "wall_as_seen": 0.0, "tilt": 7.2, "tilt_systolic": 2.5, "apex_depth": 6.0, "apex_lateral": 6.0,
        "plane_offset": 0.0, "base_drop": 0.0, "outline": 0.9,
    },
    least_base_ratio=(0.83, 0.83),
    wall_condition_weight=0.6,
    wall_per_year=0.01,
    wall_area_ratio=(0.97, 0.07),
    depth_in_steps=True,
)  # fmt: skip
"""Calibrated to aggregate statistics (means, deviations) of 400 four-chamber training masks of CAMUS: foreshortened
cavities, walls drawn thicker than physiology's, wall area conserved. No pixel and no mask of a patient is in it."""

PRIORS: dict[PriorName, Prior] = {PriorName.LITERATURE: _LITERATURE, PriorName.CAMUS: _CAMUS}


Calibration: TypeAlias = Mapping[str, float]
"""What is done to a prior, by name in `CALIBRATION`; what is not named stays as it is."""
CALIBRATION: dict[str, tuple[float, float]] = {
    "volume": (0.4, 2.5), "length": (0.6, 1.6), "annulus": (0.6, 1.6), "wall_mm": (-5.0, 8.0),
    "tilt_2ch_deg": (-30.0, 30.0), "tilt_4ch_deg": (-30.0, 30.0), "apex_depth_mm": (-15.0, 15.0),
    "apex_2ch_mm": (-30.0, 30.0), "apex_4ch_mm": (-30.0, 30.0),
}  # fmt: skip
"""Range of each: factors on the end-diastolic volume, on the long axis at a given volume and on the mitral annulus;
then what is added to the means of wall, tilt and the place of the outer apex. Beyond it no heart would be left."""
_FACTORS = ("volume", "length", "annulus")
_MEANS = {
    "volume": "volume", "length": "length_factor", "annulus": "annulus", "wall_mm": "wall", "tilt_2ch_deg": "tilt 2CH",
    "tilt_4ch_deg": "tilt 4CH", "apex_depth_mm": "apex_depth", "apex_2ch_mm": "apex_lateral 2CH",
    "apex_4ch_mm": "apex_lateral 4CH",
}  # fmt: skip
DECIMALS = 3
"""Of a found calibration: what is printed is what is meant."""


def named_values(
    what: str, items: Iterable[tuple[str, float]], ranges: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """Return (name, value) pairs by name.

    Raises:
        ConfigError: an unknown name, one twice, or a value out of its range.
    """
    values: dict[str, float] = {}
    for name, value in items:
        if name not in ranges:
            raise ConfigError(what, "name", name, f"one of {', '.join(ranges)}")
        if name in values:
            raise ConfigError(what, name, value, "each name once")
        low, high = ranges[name]
        if not low <= value <= high:
            raise ConfigError(what, name, f"{value:g}", f"{low:g} to {high:g}")
        values[name] = value
    return values


def calibration_of(items: Iterable[tuple[str, float]]) -> Calibration:
    """Return the calibration that (name, value) pairs describe, in the order of `CALIBRATION`; see `named_values`."""
    found = named_values("calibration", items, CALIBRATION)
    return {name: found[name] for name in CALIBRATION if found.get(name, _neutral(name)) != _neutral(name)}


def calibrated(prior: Prior, calibration: Calibration) -> Prior:
    """Return the prior with its means shifted; standard deviations stay."""
    mean = dict(prior.mean)
    for name, value in calibration.items():
        for key in mean:
            if key == _MEANS[name] or key.startswith(f"{_MEANS[name]} "):
                mean[key] = value * mean[key] if name in _FACTORS else value + mean[key]
    return replace(prior, mean=mean)


def one_after_another(first: Calibration, second: Calibration) -> Calibration:
    """Return both in one: factors multiply, shifts add. Raises as `calibration_of`."""
    both = {}
    for name in first.keys() | second.keys():
        one, two = (each.get(name, _neutral(name)) for each in (first, second))
        both[name] = round(one * two if name in _FACTORS else one + two, DECIMALS)
    return calibration_of(both.items())


def _neutral(name: str) -> float:
    return 1.0 if name in _FACTORS else 0.0


def stream(seed: int, patient_number: int, *name: str | int) -> Generator:
    """Return the generator of one named component of one patient, e.g. `stream(7, 12, "pose", "4CH", attempt)`.

    The same arguments give the same numbers in every process; any other name gives independent ones. This is why the
    quality of an image can be changed without moving its masks.
    """
    words = "/".join(str(part) for part in name)
    return np.random.default_rng(SeedSequence([seed, patient_number, zlib.crc32(words.encode())]))


def truncated_normal(rng: Generator, mean: float, sd: float, low: float, high: float) -> float:
    """Draw from a normal distribution restricted to [low, high] by drawing again (no heaps at the ends)."""
    for _ in range(1000):
        value = rng.normal(mean, sd)
        if low <= value <= high:
            return float(value)
    raise AssertionError(f"N({mean}, {sd}) practically never falls in [{low}, {high}]")
