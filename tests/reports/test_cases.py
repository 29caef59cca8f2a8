"""Worst and best: over all trained runs that were asked with words, each image once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthboost.domain import Structure
from synthboost.records.examples import Example
from synthboost.reports.pictures import case_text, hardest_pairs, shown_cases
from synthboost.reports.series import rows_of_runs


def example(frame, dice, note="worst"):
    mask = np.zeros((8, 8), bool)
    return Example(frame, note, np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8), {Structure(1): mask},
                   {Structure(1): "LV."}, {Structure(1): dice}, (1.0, 1.0))  # fmt: skip


@pytest.fixture
def runs(make_study_run):
    kept = {
        "P1": [example("a", 0.9), example("b", 0.2)],
        "P6": [example("a", 0.7), example("b", 0.4), example("c", 0.5)],
        "P0": [example("d", 0.0)],
    }
    found = [replace(make_study_run([0.8], prompt_set=name), examples=examples) for name, examples in kept.items()]
    return [*found, replace(make_study_run([0.1], "zero-shot"), examples=[example("e", 0.0)])]


def test_the_worst_and_the_best_are_chosen_over_all_runs(runs):
    worst, median, best = shown_cases(runs, 2).values()
    assert median == []
    assert [(case.frame, case.dice) for _, case in worst] == [("b", "20.0 %"), ("c", "50.0 %")]
    assert [(case.frame, case.dice) for _, case in best] == [("a", "90.0 %")]
    assert case_text(worst[1][0]) == "cris, real, trained, P6, seed 0"


def test_every_picture_has_a_key_of_its_own(runs):
    keys = [case.key for cases in shown_cases(runs, 2).values() for _, case in cases]
    assert len(keys) == len(set(keys)) == 3


def test_none_asked_for_are_none(runs):
    assert shown_cases(runs, 0) == {"worst": [], "median": [], "best": []}


def test_the_median_is_that_of_the_medians_of_the_runs(make_study_run):
    kept = {"a": 0.5, "b": 0.6, "c": 0.9}
    runs = [
        replace(make_study_run([0.8]), examples=[example(frame, dice, "median"), example("w", 0.1), example("x", 0.95)])
        for frame, dice in kept.items()
    ]
    found = {kind: [case.frame for _, case in cases] for kind, cases in shown_cases(runs, 1).items()}
    assert found == {"worst": ["w"], "median": ["b"], "best": ["x"]}


def test_the_hardest_pairs_are_hard_for_all_runs(make_study_run):
    runs = [
        make_study_run([0.9, 0.2]), make_study_run([0.7, 0.8], prompt_set="P6"),
        make_study_run([0.0, 0.0], prompt_set="P0"), make_study_run([0.0, 0.0], "zero-shot"),
    ]  # fmt: skip
    table = hardest_pairs(rows_of_runs(runs))
    assert [[cell.text for cell in line[:1] + line[4:]] for line in table.lines] == [
        ["p1_2CH_ED", "50.00", "20.00", "80.00", "2"],
        ["p0_2CH_ED", "80.00", "70.00", "90.00", "2"],
    ]
