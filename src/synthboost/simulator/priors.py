"""The two priors over hearts as tables, `literature` (reference ranges) and `camus` (its annotation convention), and
the random streams that they are drawn with."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.random import Generator, SeedSequence

from synthboost.domain import Sex, View


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
    """The parameters in which the two priors differ: means, and apart from them standard deviations.

    Lengths in mm, angles in degrees.
    """

    volume_scale: float
    """On the end-diastolic volume."""
    length_factor: dict[Diagnosis, float]
    """Long axis over the cube root of the end-diastolic volume."""
    shortening: float
    """Of the long axis, per unit of ejection fraction."""
    annulus: dict[Sex, float]
    """Mitral annulus in the four-chamber view at end diastole."""
    annulus_systolic: float
    """Its width at end systole over that at end diastole."""
    least_base_ratio: tuple[float, float]
    """The cavity keeps at least this share of its width until just above the hinge points; drawn between the two."""
    wall: dict[Sex, float]
    wall_as_seen: float
    """Added to the compact wall: the trabeculae and the width of the beam, which apical images show as wall."""
    wall_condition_weight: float
    """On `DiagnosisPrior.extra_wall`."""
    wall_per_year: float
    """Above or below 50 years."""
    wall_area_ratio: tuple[float, float] | None
    """Mean and sd of the myocardium's area in the image at end systole over end diastole, as CAMUS' annotators drew it.

    `None`: muscle is incompressible and keeps its volume, so its area grows by about 17 %."""
    tilt: dict[View, float]
    """Angle of the long axis; positive: the base lies to the right of the apex."""
    tilt_systolic: float
    """Added at end systole."""
    apex_depth: float
    """Of the epicardial apex below the probe."""
    apex_lateral: dict[View, float]
    plane_offset: float
    """By how much the image plane passes the apex (foreshortening); the absolute value of a normal variate."""
    base_drop: float
    """Angle by which the drawn wall's end hangs below the line of the annulus."""
    depth_in_steps: bool
    """The scanner's depth comes in steps of 10 mm (CAMUS) or follows the atrium's roof freely."""
    sd: dict[str, float]
    """Standard deviations of the above, by name; `outline` is that of the first of five sine waves along each side."""


_LITERATURE = Prior(
    volume_scale=1.0,
    length_factor={
        Diagnosis.NORMAL: 1.84, Diagnosis.HYPERTROPHIC: 1.84, Diagnosis.ISCHAEMIC: 1.79, Diagnosis.DILATED: 1.70,
    },
    shortening=0.27,
    annulus={Sex.MALE: 31.0, Sex.FEMALE: 28.5},
    annulus_systolic=1.0,
    least_base_ratio=(0.0, 0.85),
    wall={Sex.MALE: 9.1, Sex.FEMALE: 8.3},
    wall_as_seen=2.0,
    wall_condition_weight=1.0,
    wall_per_year=0.02,
    wall_area_ratio=None,
    tilt={View.FOUR_CHAMBER: 7.0, View.TWO_CHAMBER: 1.0},
    tilt_systolic=0.0,
    apex_depth=19.0,
    apex_lateral={View.FOUR_CHAMBER: 0.0, View.TWO_CHAMBER: 0.0},
    plane_offset=8.0,
    base_drop=20.0,
    depth_in_steps=False,
    sd={
        "length_factor": 0.07, "shortening": 0.012, "annulus": 2.3, "annulus_systolic": 0.05, "wall": 0.8,
        "wall_as_seen": 1.0, "tilt": 6.0, "tilt_systolic": 1.0, "apex_depth": 4.0, "apex_lateral": 5.0,
        "plane_offset": 4.0, "base_drop": 8.0, "outline": 0.9,
    },
)  # fmt: skip
"""Reference ranges: ASE/EACVI 2015 (chambers), HUNT (age, length), 3D echo studies of the mitral annulus."""

_CAMUS = Prior(
    volume_scale=0.93,
    length_factor={
        Diagnosis.NORMAL: 1.69, Diagnosis.HYPERTROPHIC: 1.69, Diagnosis.ISCHAEMIC: 1.64, Diagnosis.DILATED: 1.56,
    },
    shortening=0.29,
    annulus={Sex.MALE: 32.0, Sex.FEMALE: 29.5},
    annulus_systolic=0.91,
    least_base_ratio=(0.83, 0.83),
    wall={Sex.MALE: 12.6, Sex.FEMALE: 11.8},
    wall_as_seen=0.0,
    wall_condition_weight=0.6,
    wall_per_year=0.01,
    wall_area_ratio=(0.97, 0.07),
    tilt={View.FOUR_CHAMBER: 11.5, View.TWO_CHAMBER: 4.0},
    tilt_systolic=-2.8,
    apex_depth=20.0,
    apex_lateral={View.FOUR_CHAMBER: -5.0, View.TWO_CHAMBER: -2.0},
    plane_offset=0.0,
    base_drop=0.0,
    depth_in_steps=True,
    sd={
        "length_factor": 0.10, "shortening": 0.028, "annulus": 4.2, "annulus_systolic": 0.08, "wall": 1.4,
        "wall_as_seen": 0.0, "tilt": 7.2, "tilt_systolic": 2.5, "apex_depth": 6.0, "apex_lateral": 6.0,
        "plane_offset": 0.0, "base_drop": 0.0, "outline": 0.9,
    },
)  # fmt: skip
"""Calibrated to aggregate statistics (means, deviations) of 400 four-chamber training masks of CAMUS: foreshortened
cavities, walls drawn thicker than physiology's, wall area conserved. No pixel and no mask of a patient is in it."""

PRIORS: dict[PriorName, Prior] = {PriorName.LITERATURE: _LITERATURE, PriorName.CAMUS: _CAMUS}


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
