"""Breakdown groups: which group of patients or images a row belongs to, and where the bands are cut.

The bands are fixed here, before any result, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from synthboost.domain import STRUCTURES, Phase, Quality, Sex, View
from synthboost.errors import ConfigError
from synthboost.records.rows import Row

UNKNOWN = "unknown"
"""The group of rows whose attribute nobody recorded; it is shown, never guessed away."""

_AGE_BANDS = ("under 50", "50–64", "65–79", "80 or older")
_EF_CLASSES = ("EF ≤ 45 %", "EF 45–55 %", "EF ≥ 55 %")


@dataclass(frozen=True)
class Grouping:
    """One way to break results down."""

    heading: str
    """What a table calls it."""
    levels: tuple[str, ...]
    """The groups in the order of the tables; `UNKNOWN` comes after them."""
    group_of: Callable[[Row], str]
    """A row's group: one of `levels`, or `UNKNOWN`; anything else in a row is returned as it stands."""
    source: str = ""
    """Where the cuts come from, when there are cuts."""


def age_band(age: int | None) -> str:
    """The band of an age in years."""
    if age is None:
        return UNKNOWN
    return _AGE_BANDS[sum(age >= cut for cut in (50, 65, 80))]


def ef_class(ejection_fraction: float | None) -> str:
    """The class of an ejection fraction in percent, by the convention of the data set."""
    if ejection_fraction is None:
        return UNKNOWN
    low, middle, high = _EF_CLASSES
    if ejection_fraction <= 45:
        return low
    return middle if ejection_fraction < 55 else high


GROUPINGS: Mapping[str, Grouping] = MappingProxyType(
    {
        "structure": Grouping("structure", tuple(s.short for s in STRUCTURES), lambda row: row.structure),
        "view": Grouping("view", tuple(View), lambda row: row.view),
        "phase": Grouping("phase", tuple(Phase), lambda row: row.phase),
        "quality": Grouping("image quality", tuple(Quality), lambda row: row.quality or UNKNOWN),
        "sex": Grouping("sex", tuple(Sex), lambda row: row.sex or UNKNOWN),
        "age_band": Grouping(
            "age in years",
            _AGE_BANDS,
            lambda row: age_band(row.age),
            "Our choice, so that each band holds a share of CAMUS (18 to 93 years); no guideline cuts there.",
        ),
        "ef_class": Grouping(
            "ejection fraction",
            _EF_CLASSES,
            lambda row: ef_class(row.ejection_fraction),
            "Leclerc et al., IEEE Trans Med Imaging 38:2198 (2019), table I: at most 45 %, at least 55 %, between. "
            "Guidelines (Lang et al., J Am Soc Echocardiogr 28:1, 2015) cut by sex and at other values, but the "
            "fractions that CAMUS states lie below those that its masks give.",
        ),
    }
)
"""Name (also that of a file `dice_by_NAME`) to grouping."""


def group_rows(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    """The rows by group, groups without rows left out, in the order of the levels; unknown last.

    Raises:
        ConfigError: there is no such grouping.
    """
    if name not in GROUPINGS:
        raise ConfigError("breakdown", "grouping", name, f"one of {', '.join(GROUPINGS)}")
    grouping, found = GROUPINGS[name], dict[str, list[Row]]()
    for row in rows:
        found.setdefault(str(grouping.group_of(row)), []).append(row)
    return {level: found[level] for level in sorted(found, key=lambda level: _place(grouping, level))}


def _place(grouping: Grouping, level: str) -> tuple[int, str]:
    places = {str(name): place for place, name in enumerate((*grouping.levels, UNKNOWN))}
    return (places.get(level, len(grouping.levels)), level)
