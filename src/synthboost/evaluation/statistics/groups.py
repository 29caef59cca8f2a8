"""Breakdown groups: which group of patients or images a row belongs to, and where the bands are cut.

The bands are fixed here, before any result, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from synthboost.domain import STRUCTURES, Phase, Quality, Sex, Structure, View
from synthboost.errors import ConfigError

UNKNOWN = "unknown"
"""The group of rows whose attribute was not recorded; it is shown, never guessed away."""

_AGE_BANDS = ("under 50", "50–64", "65–79", "80 or older")
_EF_CLASSES = ("EF ≤ 45 %", "EF 45–55 %", "EF ≥ 55 %")
_THIRDS = ("lowest third", "middle third", "highest third")
_SAME_PATIENTS = "Thirds of the patients that are evaluated, by their annotation at end diastole, both views together."


class Grouping(NamedTuple):
    """One way to break results down."""

    heading: str
    """What a table calls it."""
    levels: tuple[str, ...]
    """The groups in the order of the tables; `UNKNOWN` comes after them."""
    column: str
    """Of the rows, or of `_MEASURED`."""
    cut: Callable[[float], str] = str
    """The group of a value of the column."""
    source: str = ""
    """Where the cuts come from, when there are cuts."""


def age_band(age: float) -> str:
    """The band of an age in years."""
    return _AGE_BANDS[sum(age >= cut for cut in (50, 65, 80))]


def ef_class(ejection_fraction: float) -> str:
    """The class of an ejection fraction in percent, by the convention of the data set."""
    low, middle, high = _EF_CLASSES
    if ejection_fraction <= 45:
        return low
    return middle if ejection_fraction < 55 else high


def third(share: float) -> str:
    """The third in which a patient's place among all, a share from 0 to 1, lies."""
    return _THIRDS[sum(share >= cut for cut in (1 / 3, 2 / 3))]


def _places(rows: pd.DataFrame, structure: Structure, over: Structure | None = None) -> pd.Series:
    """Each row's patient's place (0-1) by an annotated area, or by a ratio of two, at end diastole; fewer than three
    patients have none."""
    areas = rows[rows.phase == Phase.END_DIASTOLE].groupby(["patient", "structure"]).area_true_mm2.mean().unstack()
    areas = areas.reindex(columns=[s.short for s in STRUCTURES])
    values = (areas[structure.short] / (areas[over.short] if over else 1.0)).dropna()
    places = (values.rank() - 0.5) / len(values) if len(values) >= len(_THIRDS) else values.iloc[:0]
    return rows.patient.map(places)


_LV, _MYO, _ = STRUCTURES
_MEASURED: Mapping[str, Callable[[pd.DataFrame], pd.Series]] = MappingProxyType(
    {"lv_place": lambda rows: _places(rows, _LV), "wall_place": lambda rows: _places(rows, _MYO, _LV)}
)
GROUPINGS: Mapping[str, Grouping] = MappingProxyType(
    {
        "structure": Grouping("structure", tuple(s.short for s in STRUCTURES), "structure"),
        "view": Grouping("view", tuple(View), "view"),
        "phase": Grouping("phase", tuple(Phase), "phase"),
        "quality": Grouping("image quality", tuple(Quality), "quality"),
        "sex": Grouping("sex", tuple(Sex), "sex"),
        "age_band": Grouping(
            "age in years",
            _AGE_BANDS,
            "age",
            age_band,
            "Our choice, so that each band holds a share of CAMUS (18 to 93 years); no guideline cuts there.",
        ),
        "ef_class": Grouping(
            "ejection fraction",
            _EF_CLASSES,
            "ejection_fraction",
            ef_class,
            "Leclerc et al., IEEE Trans Med Imaging 38:2198 (2019), table I: at most 45 %, at least 55 %, between. "
            "Guidelines (Lang et al., J Am Soc Echocardiogr 28:1, 2015) cut by sex and at other values, but the "
            "fractions that CAMUS states lie below those that its masks give.",
        ),
        "lv_size": Grouping("size of the ventricle (its area)", _THIRDS, "lv_place", third, _SAME_PATIENTS),
        "relative_wall": Grouping(
            "area of the wall over the ventricle's", _THIRDS, "wall_place", third, _SAME_PATIENTS
        ),
    }
)
"""Name (also that of a file `dice_by_NAME`) to grouping."""
OF_PATIENTS = ("quality", "sex", "age_band", "ef_class", "lv_size", "relative_wall")
"""Those that say who fares worst; the others are properties of an image or a mask."""


def groups_of(rows: pd.DataFrame, name: str) -> pd.Series:
    """The group of each row: an ordered category, in the order of the tables, what is no level behind them.

    Raises:
        ConfigError: there is no such grouping.
    """
    if name not in GROUPINGS:
        raise ConfigError("breakdown", "grouping", name, f"one of {', '.join(GROUPINGS)}")
    grouping = GROUPINGS[name]
    measure = _MEASURED.get(grouping.column)
    values = rows[grouping.column] if measure is None else measure(rows)
    levels = [UNKNOWN if pd.isna(value) else str(grouping.cut(value)) for value in values]
    found = pd.Series(levels, index=rows.index, dtype=object)
    known = [*map(str, grouping.levels), UNKNOWN]
    order = [*known, *sorted(set(found) - {*known})]
    return found.astype(pd.CategoricalDtype(order, ordered=True))
