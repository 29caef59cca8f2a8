"""A family of comparisons: what is compared, what is a member, and the correction over all of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from synthboost.errors import DataError
from synthboost.evaluation.statistics.contrast import Family, contrast_family
from synthboost.records.rows import Row, rows_frame

MakeRow = Callable[..., Row]


def family_of(first: list[Row], second: list[Row]) -> Family:
    return contrast_family(rows_frame(first), rows_frame(second))


def method(
    make_row: MakeRow, strategy: str, prompt_set: str, dice: list[float], seed: int = 0, **other: str
) -> list[Row]:
    run = f"{other.get('model', 'tiny')}-{strategy}-{prompt_set}-{seed}"
    return [
        make_row(
            run=run, strategy=strategy, prompt_set=prompt_set, seed=seed, patient=f"p{i}", frame=f"p{i}_2CH_ED",
            dice=value, **other,
        )
        for i, value in enumerate(dice)
    ]  # fmt: skip


BASE = [0.50, 0.51, 0.52, 0.53, 0.54, 0.55]
BETTER = [0.61, 0.63, 0.65, 0.67, 0.69, 0.71]  # all six rise: p = 2 / 2^6
MIXED = [0.51, 0.49, 0.55, 0.49, 0.59, 0.49]  # +.01 -.02 +.03 -.04 +.05 -.06: rank sum 9 of 21


def test_the_strategy_is_compared_and_each_prompt_set_is_a_member_corrected_together(make_row: MakeRow) -> None:
    first = method(make_row, "mixed", "P1", MIXED) + method(make_row, "mixed", "P2", BETTER)
    second = method(make_row, "real", "P2", BASE) + method(make_row, "real", "P1", BASE)
    family = family_of(first, second)
    assert family.name == "strategy mixed minus real"
    (first_setting, one), (second_setting, two) = family.members
    assert (dict(first_setting)["prompt_set"], dict(second_setting)["prompt_set"]) == ("P1", "P2")
    assert two.p_value == pytest.approx(2 / 64)
    assert two.holm_p == pytest.approx(4 / 64)
    assert one.p_value == pytest.approx(one.holm_p)  # the larger of two p-values is kept
    assert one.rank_biserial == pytest.approx((9 - 12) / 21)
    assert two.mean == pytest.approx(0.135)
    assert two.patients_higher == 6


def test_fields_that_follow_from_the_strategy_do_not_clutter_its_name(make_row: MakeRow) -> None:
    first = method(make_row, "synth-PT:real-FT", "P1", BETTER, synthetic="diffusion")
    family = family_of(first, method(make_row, "real", "P1", BASE))
    assert family.name == "strategy synth-PT:real-FT minus real"
    assert [name for name, _ in family.first] == ["strategy", "synthetic"]


def test_models_are_compared_within_each_strategy_when_the_model_is_what_differs(make_row: MakeRow) -> None:
    sides = [
        method(make_row, "real", "P1", dice, model=model) + method(make_row, "mixed", "P1", dice, model=model)
        for model, dice in (("cris", BETTER), ("clipseg", BASE))
    ]
    family = family_of(*sides)
    assert family.name == "model cris minus clipseg"
    assert [dict(setting)["strategy"] for setting, _ in family.members] == ["mixed", "real"]


def test_seeds_are_averaged_within_their_method(make_row: MakeRow) -> None:
    first = [row for seed, shift in ((0, -0.1), (1, 0.1)) for row in method(
        make_row, "mixed", "P1", [dice + shift for dice in BETTER], seed)]  # fmt: skip
    family = family_of(first, method(make_row, "real", "P1", BASE))
    ((_, found),) = family.members
    assert found.mean == pytest.approx(0.135)
    assert (found.trainings, found.over_trainings) == ((2, 1), None)


def test_probes_take_no_part(make_row: MakeRow) -> None:
    first = method(make_row, "mixed", "P1", BETTER) + method(make_row, "mixed", "P1", BASE, probe="swapped")
    ((_, found),) = family_of(first, method(make_row, "real", "P1", BASE)).members
    assert (found.trainings, found.pairs) == ((1, 1), 6)


def test_sides_that_do_not_differ_or_have_no_partner_are_refused(make_row: MakeRow) -> None:
    real, mixed = method(make_row, "real", "P1", BASE), method(make_row, "mixed", "P1", BETTER)
    with pytest.raises(DataError, match="trainings of one method"):
        family_of(real, method(make_row, "real", "P1", BETTER, seed=1))
    with pytest.raises(DataError, match="prompt_set P2 on one side only"):
        family_of(mixed + method(make_row, "mixed", "P2", BETTER), real)
    with pytest.raises(DataError, match="second side: rows: none"):
        family_of(mixed, [])
