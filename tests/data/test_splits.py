"""Splits by name, and parts of them."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from synthboost.data import fewer_training_patients, make_split, open_dataset, without_patients
from synthboost.data.dataset import Dataset
from synthboost.domain import PatientId, SplitPart
from synthboost.errors import SplitError

TRAINING, VALIDATION, TESTING = SplitPart


def _people(*numbers: int) -> tuple[PatientId, ...]:
    return tuple(PatientId("camus-nifti", "database_nifti", f"patient{n:04d}") for n in numbers)


def test_the_official_split_is_what_the_lists_say(tiny_camus):
    split = make_split("official", open_dataset(tiny_camus))
    assert split.parts == {TRAINING: _people(1, 2), VALIDATION: _people(3), TESTING: _people(4)}
    assert split.part_of(_people(3)[0]) is VALIDATION
    assert split.part_of(_people(5)[0]) is None


def test_the_first_release_tests_on_its_testing_folder_and_validates_nobody(camus_mhd):
    split = make_split("official", open_dataset(camus_mhd))
    assert [(part, [p.folder for p in listed]) for part, listed in split.parts.items()] == [
        (TRAINING, ["training"]), (VALIDATION, []), (TESTING, ["testing"]),
    ]  # fmt: skip


def test_the_paper_validates_on_the_first_fifty_that_are_not_for_testing(tiny_camus):
    lists = {TRAINING: _people(*range(60, 200)), VALIDATION: _people(*range(3, 60)), TESTING: _people(1, 2, 100)}
    lists[TRAINING] = tuple(p for p in lists[TRAINING] if p not in lists[TESTING])
    dataset = replace(open_dataset(tiny_camus), official=lists)
    split = make_split("paper", dataset)
    assert split.parts[TESTING] == _people(1, 2, 100)
    assert split.parts[VALIDATION] == _people(*range(3, 53))
    assert split.parts[TRAINING] == _people(*range(53, 100), *range(101, 200))


def test_the_paper_split_needs_more_than_fifty_patients(tiny_camus):
    with pytest.raises(SplitError, match="3 patients besides"):
        make_split("paper", open_dataset(tiny_camus))


def test_an_unknown_split_lists_the_known_ones(tiny_camus):
    with pytest.raises(SplitError, match="fold1; expected one of official, paper"):
        make_split("fold1", open_dataset(tiny_camus))


def test_a_data_set_without_lists_has_no_split(tiny_camus):
    shutil.rmtree(tiny_camus / "database_split")
    with pytest.raises(SplitError, match="database_split: no lists"):
        make_split("official", open_dataset(tiny_camus))


@pytest.fixture
def ten(make_tiny_camus, tmp_path) -> Dataset:
    """Eight patients train, one validates, one tests."""
    return open_dataset(make_tiny_camus(tmp_path / "ten", patients=10))


def test_fewer_training_patients_are_the_first_by_name(ten):
    split = fewer_training_patients(make_split("official", ten), ten, 3)
    assert split.parts == {TRAINING: _people(1, 2, 3), VALIDATION: _people(9), TESTING: _people(10)}
    assert split.excluded == _people(4, 5, 6, 7, 8)
    assert split.name == "official, first 3 training patients"


def test_only_patients_that_are_there_are_chosen(ten):
    shutil.rmtree(ten.root / "database_nifti" / "patient0001")
    dataset = open_dataset(ten.root)
    split = fewer_training_patients(make_split("official", dataset), dataset, 2)
    assert split.parts[TRAINING] == _people(2, 3)


@pytest.mark.parametrize("count", [0, -1, 9])
def test_more_or_fewer_patients_than_there_are_are_refused(ten, count):
    with pytest.raises(SplitError, match=f"{count}; expected 1 to 8"):
        fewer_training_patients(make_split("official", ten), ten, count)


def test_patients_can_be_left_out_by_name(tiny_camus):
    split = without_patients(make_split("official", open_dataset(tiny_camus)), _people(2))
    assert split.parts[TRAINING] == _people(1)
    assert split.excluded == _people(2)
    assert split.name == "official without patient0002"
    with pytest.raises(SplitError, match="patient0009"):
        without_patients(split, _people(9))
