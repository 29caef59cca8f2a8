"""The degree of a finding, from a measured number to the guidelines' word; never from anybody's impression.

Ejection fraction: Lang et al., J Am Soc Echocardiogr 28:1-39, 2015 (ASE/EACVI), table 4, by sex. Wall: the normal
ranges of the septum in table 6 there, by sex; that edition has no steps beyond them, so these are those of the edition
before (Lang et al., J Am Soc Echocardiogr 18:1440-1463, 2005, table 4), which has the same normal ranges.

The rule is the guidelines', the numbers may be others than theirs: a data set's ejection fraction follows the set's own
convention, and the mean wall of apical label maps includes trabeculae, which the septum in a parasternal view does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType

from synthboost.domain import Sex


class Degree(StrEnum):
    """How far from normal a finding is."""

    NORMAL = "normal"
    MILDLY = "mildly"
    MODERATELY = "moderately"
    SEVERELY = "severely"


_DEGREES = tuple(Degree)
NORMAL_FRACTION_FROM = MappingProxyType({Sex.MALE: 52, Sex.FEMALE: 54})
"""Percent. Fractions above the normal range (72, 74) count as normal: nothing is reduced."""
MILDLY_REDUCED_FROM, MODERATELY_REDUCED_FROM = 41, 30
WALL_UP_TO_MM = MappingProxyType({Sex.MALE: (10, 13, 16), Sex.FEMALE: (9, 12, 15)})
"""The thickest normal, mildly and moderately thickened wall. A thin wall is not thickened: normal."""


def fraction_degree(percent: float | None, sex: Sex | None) -> Degree | None:
    """By which degree an ejection fraction is reduced, after rounding to whole percent.

    Without a sex: the degree if it is the same for both; else it is unknown, as it is without a fraction.
    """

    def degree(number: int, of: Sex) -> Degree:
        limits = (NORMAL_FRACTION_FROM[of], MILDLY_REDUCED_FROM, MODERATELY_REDUCED_FROM)
        return _DEGREES[sum(number < limit for limit in limits)]

    return _agreed(percent, sex, degree)


def wall_degree(thickness_mm: float | None, sex: Sex | None) -> Degree | None:
    """By which degree the wall at end diastole is thickened, after rounding to whole mm; `None` as for fractions."""
    return _agreed(
        thickness_mm, sex, lambda number, of: _DEGREES[sum(number > limit for limit in WALL_UP_TO_MM[of])]
    )  # fmt: skip


def _agreed(value: float | None, sex: Sex | None, degree: Callable[[int, Sex], Degree]) -> Degree | None:
    if value is None:
        return None
    whole = math.floor(value + 0.5)
    found = {degree(whole, of) for of in (Sex if sex is None else (sex,))}
    return found.pop() if len(found) == 1 else None
