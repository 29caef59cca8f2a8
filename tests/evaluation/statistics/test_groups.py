"""Breakdown groups: where the bands are cut, and that nobody is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from synthboost.errors import ConfigError
from synthboost.evaluation.statistics.groups import GROUPINGS, UNKNOWN, age_band, ef_class, groups_of
from synthboost.records.rows import Row, rows_frame

MakeRow = Callable[..., Row]


def group_rows(rows: list[Row], name: str) -> dict[str, int]:
    """Groups in their order, and how many rows each has."""
    groups = groups_of(rows_frame(rows), name).value_counts(sort=False)
    return {str(group): int(n) for group, n in groups.items() if n}


def test_a_band_of_ages_begins_with_its_first_year() -> None:
    bands = {49: "under 50", 50: "50–64", 64: "50–64", 65: "65–79", 79: "65–79", 80: "80 or older"}
    assert {age: age_band(age) for age in bands} == bands


def test_an_ejection_fraction_of_45_is_low_and_one_of_55_is_not_between() -> None:
    classes = {45.0: "EF ≤ 45 %", 45.5: "EF 45–55 %", 54.9: "EF 45–55 %", 55.0: "EF ≥ 55 %"}
    assert {ef: ef_class(ef) for ef in classes} == classes


def test_what_nobody_recorded_is_a_group_of_its_own_and_comes_last(make_row: MakeRow) -> None:
    rows = [make_row(age=None), make_row(age=80), make_row(age=20), make_row(age=30)]
    groups = group_rows(rows, "age_band")
    assert list(groups) == ["under 50", "80 or older", UNKNOWN]
    assert list(groups.values()) == [2, 1, 1]


@pytest.mark.parametrize("name", GROUPINGS)
def test_every_grouping_puts_every_row_into_one_of_its_levels_or_into_unknown(make_row: MakeRow, name: str) -> None:
    rows = [
        make_row(),
        make_row(structure="LA", view="4CH", phase="ES", quality="Poor", sex="F", age=90, ejection_fraction=20.0),
        make_row(quality=None, sex=None, age=None, ejection_fraction=None),
        *(make_row(patient=f"p{n}", structure=s, area_true_mm2=float(n)) for n in range(1, 4) for s in ("LV", "MYO")),
    ]
    groups = group_rows(rows, name)
    assert set(groups) <= {*GROUPINGS[name].levels, UNKNOWN}
    assert sum(groups.values()) == 9
    assert len(groups) >= 2


def test_the_groups_stand_in_the_order_of_the_tables_and_not_of_the_alphabet(make_row: MakeRow) -> None:
    assert list(group_rows([make_row(structure=s) for s in ("LA", "MYO", "LV")], "structure")) == ["LV", "MYO", "LA"]
    assert list(group_rows([make_row(quality=q) for q in ("Poor", "Good")], "quality")) == ["Good", "Poor"]


def test_thirds_are_of_patients_by_their_areas_at_end_diastole(make_row: MakeRow) -> None:
    areas = {"a": (10.0, 30.0), "b": (20.0, 20.0), "c": (30.0, 15.0)}  # cavity, wall
    rows = [
        make_row(patient=patient, frame=patient, structure=name, area_true_mm2=area)
        for patient, both in areas.items()
        for name, area in zip(("LV", "MYO"), both, strict=True)
    ]
    frame = rows_frame([*rows, make_row(patient="d", phase="ES", area_true_mm2=1.0)])
    assert [*groups_of(frame, "lv_size")][::2] == ["lowest third", "middle third", "highest third", UNKNOWN]
    assert [*groups_of(frame, "relative_wall")][::2] == ["highest third", "middle third", "lowest third", UNKNOWN]
    assert set(groups_of(rows_frame(rows[:4]), "lv_size")) == {UNKNOWN}  # two patients have no thirds


def test_an_unknown_grouping_lists_the_known_ones(make_row: MakeRow) -> None:
    with pytest.raises(ConfigError, match="structure, view, phase, quality, sex, age_band, ef_class"):
        group_rows([make_row()], "weather")
