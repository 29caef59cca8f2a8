"""Convergence over seeds: epochs and images until a fixed Dice, with and without pretraining."""

from __future__ import annotations

import math

import pytest

from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.statistics.convergence import (
    Cost,
    History,
    Spread,
    cost_to_best,
    cost_to_dice,
    pretraining_cost,
    reach_over_seeds,
)
from synthboost.records.run_folder import EpochLog


def log(*dice: float, stage: str = "real", images: int = 100, before: int = 0) -> list[EpochLog]:
    return [
        EpochLog(stage, epoch, before + images * epoch, 0.5, 0.5, value, 1e-3, float(epoch))
        for epoch, value in enumerate(dice, start=1)
    ]


HISTORIES = {
    "real0": History(log(0.5, 0.7, 0.8, 0.81)),
    "real1": History(log(0.7, 0.8)),
    "real2": History(log(0.5, 0.6, 0.7, 0.75, 0.9)),
    "syn": History(log(0.9, 0.95, 0.94, stage="synthetic", images=1000)),
    "ft0": History(log(0.8), "syn"),
    "ft1": History(log(0.6, 0.7), "syn"),
}


def test_the_first_of_two_equal_best_epochs_counts() -> None:
    assert cost_to_best(log(0.5, 0.8, 0.8, 0.7)) == Cost(2, 200)


def test_the_fixed_dice_is_reached_at_equality() -> None:
    assert cost_to_dice(log(0.5, 0.75, 0.8), 0.75) == Cost(2, 200)
    assert cost_to_dice(log(0.5, 0.74), 0.75) is None


def test_seeds_are_summarised_by_median_and_range() -> None:
    found = reach_over_seeds(["real0", "real1", "real2"], HISTORIES, 0.8)
    assert found.never == 0
    assert found.epochs == Spread(3, 2, 5)
    assert found.images == Spread(300, 200, 500)


def test_a_run_that_never_gets_there_counts_as_infinitely_slow() -> None:
    found = reach_over_seeds(["real0", "real1", "real2"], HISTORIES, 0.85)
    assert (found.never, found.epochs) == (2, Spread(math.inf, 5, math.inf))
    assert reach_over_seeds(["ft0", "ft1"], HISTORIES, 0.8).epochs == Spread(math.inf, 1, math.inf)


def test_pretraining_is_counted_whole_also_beyond_its_best_epoch() -> None:
    assert pretraining_cost("ft0", HISTORIES) == Cost(3, 3000)
    assert pretraining_cost("real0", HISTORIES) == Cost(0, 0)
    found = reach_over_seeds(["ft0"], HISTORIES, 0.8, with_pretraining=True)
    assert (found.epochs, found.images) == (Spread(4, 4, 4), Spread(3100, 3100, 3100))


def test_a_parent_that_is_not_given_or_its_own_ancestor_is_no_cost_of_zero() -> None:
    orphan = {"ft": History(log(0.8), "syn"), "loop": History(log(0.8), "loop")}
    assert (pretraining_cost("ft", orphan), pretraining_cost("loop", orphan)) == (None, None)
    with pytest.raises(DataError, match="syn of ft is not given"):
        reach_over_seeds(["ft"], orphan, 0.8, with_pretraining=True)


def test_a_goal_in_percent_and_an_empty_set_of_runs_are_refused() -> None:
    with pytest.raises(ConfigError, match="a fraction from 0 to 1"):
        cost_to_dice(log(0.5), 80)
    with pytest.raises(DataError, match="at least one run"):
        reach_over_seeds([], HISTORIES, 0.8)
