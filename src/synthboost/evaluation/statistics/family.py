"""A family of comparisons: one contrast over models, encoders or sentences, its p-values corrected together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthboost.errors import DataError
from synthboost.evaluation.statistics.arms import ArmPair, pair_arms
from synthboost.evaluation.statistics.bootstrap import DRAWS
from synthboost.evaluation.statistics.comparison import Comparison, Metric, compare
from synthboost.evaluation.statistics.seeds import SeedVariation, seed_variation
from synthboost.evaluation.statistics.signed_rank import wilcoxon_over_pairs
from synthboost.evaluation.statistics.tests import holm
from synthboost.records.rows import Row

METHOD_FIELDS = ("model", "strategy", "encoders", "synthetic", "real_patients", "prompt_set")
"""The fields of a row that tell one method from another; runs that agree in them differ in their seed only."""

NO_VALUES = ("", "None")
"""What a setting holds where a field means nothing, such as the real patients of a run that saw none."""

Setting = tuple[tuple[str, str], ...]
"""What one member of a family is about: fields and their values, e.g. `(("model", "cris"), ("prompt_set", "P2"))`."""


@dataclass(frozen=True)
class Contrast:
    """What is compared with what, and where: the family, stated."""

    first: Setting
    """The fields in which the two sides differ, with the first side's values."""
    second: Setting
    members: tuple[tuple[Setting, ArmPair], ...]

    def __str__(self) -> str:
        """E.g. `strategy synth-PT:real-FT minus real`; what only one side has a value of follows from other fields."""
        both = [
            f"{name} {ours} minus {theirs}"
            for (name, ours), (_, theirs) in zip(self.first, self.second, strict=True)
            if ours not in NO_VALUES and theirs not in NO_VALUES
        ]
        return ", ".join(both) or f"{setting_text(self.first)} minus {setting_text(self.second)}"


@dataclass(frozen=True)
class Member:
    """One comparison of a family."""

    setting: Setting
    comparison: Comparison
    """Effect, interval over patients, patient-level p: of the trained models at hand."""
    seeds: SeedVariation
    holm_p: float
    """The patient-level p, corrected over the family."""
    p_over_pairs: float
    """Wilcoxon over image-structure pairs as if they were independent: anti-conservative, for comparison with the
    paper only. Two-sided."""


@dataclass(frozen=True)
class Family:
    """All comparisons that were corrected together."""

    contrast: str
    metric: Metric
    level: float
    members: tuple[Member, ...]


def find_contrast(first: Sequence[Row], second: Sequence[Row], metric: Metric = "dice") -> Contrast:
    """Sort the rows of two sides into pairs of arms.

    The fields in which each side has one value, and not the same, are what is compared; the values of all others must
    occur on both sides, and each combination of them is a member. Rows of probes are left out.

    Raises:
        DataError: a side has no rows, the sides do not differ, a combination occurs on one side only, or `pair_arms`
            refuses the rows.
    """
    sides = [_by_method(rows, name) for rows, name in ((first, "first side"), (second, "second side"))]
    values = [{name: {key[place] for key in side} for place, name in enumerate(METHOD_FIELDS)} for side in sides]
    ours, theirs = values
    compared = [n for n in METHOD_FIELDS if len(ours[n]) == len(theirs[n]) == 1 and ours[n] != theirs[n]]
    if not compared:
        raise DataError(
            "comparison", "sides", f"both {_values_text(ours)}", "sides that differ in one or more of these fields",
            "Runs that differ in their seed only are trainings of one method: give them on one side.",
        )  # fmt: skip
    shared = [name for name in METHOD_FIELDS if name not in compared]
    members = [{_setting(shared, key): rows for key, rows in side.items()} for side in sides]
    if lonely := sorted(members[0].keys() ^ members[1].keys()):
        raise DataError(
            "comparison", "runs", f"{setting_text(lonely[0])} on one side only", "the same settings on both sides",
            "Leave these runs out, or give their partners.",
        )  # fmt: skip
    return Contrast(
        first=tuple((name, next(iter(ours[name]))) for name in compared),
        second=tuple((name, next(iter(theirs[name]))) for name in compared),
        members=tuple((s, pair_arms(members[0][s], members[1][s], metric)) for s in sorted(members[0])),
    )


def compare_family(
    contrast: Contrast, *, seed: int, metric: Metric = "dice", draws: int = DRAWS, level: float = 0.95
) -> Family:
    """Compare every member at the level of patients, and correct the p-values over the family (Holm).

    Args:
        contrast: see `find_contrast`.
        seed: of the bootstrap's draws.
        metric: as given to `find_contrast`; only named here.
        draws, level: of the intervals.

    Raises:
        DataError: fewer than two patients, or a score that is not finite.
        ConfigError: `draws` or `level` cannot work.
    """
    found = [compare(arms.over_trainings, seed=seed, draws=draws, level=level) for _, arms in contrast.members]
    corrected = holm([comparison.p_value for comparison in found])
    members = []
    for (setting, arms), comparison, holm_p in zip(contrast.members, found, corrected, strict=True):
        pairs = arms.over_trainings
        naive = wilcoxon_over_pairs(pairs.first, pairs.second)
        members.append(Member(setting, comparison, seed_variation(arms, level), float(holm_p), naive))
    return Family(str(contrast), metric, level, tuple(members))


def setting_text(setting: Setting) -> str:
    """E.g. `model cris, prompt_set P2`; fields without a value are left out."""
    return ", ".join(f"{name} {value}" for name, value in setting if value not in NO_VALUES) or "as trained"


def _by_method(rows: Sequence[Row], side: str) -> dict[tuple[str, ...], list[Row]]:
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if not row.probe:
            found.setdefault(tuple(str(getattr(row, name)) for name in METHOD_FIELDS), []).append(row)
    if not found:
        raise DataError(side, "rows", "none", "the rows of at least one run")
    return found


def _setting(names: Sequence[str], key: Sequence[str]) -> Setting:
    values = dict(zip(METHOD_FIELDS, key, strict=True))
    return tuple((name, values[name]) for name in names)


def _values_text(values: Mapping[str, set[str]]) -> str:
    return ", ".join(f"{name} {'/'.join(sorted(found))}" for name, found in values.items())
