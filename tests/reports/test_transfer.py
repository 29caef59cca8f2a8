"""The drop on another data set, worked by hand."""

from __future__ import annotations

import pytest

from synthboost.records.run_record import ADAPTED
from synthboost.reports.transfer import is_transfer, transfer_table

A, B = ({"name": name, "fingerprint": name * 8, "patients": 2} for name in "ab")
METHOD = {"model": "tiny", "encoders": "trained", "prompt_set": "P1"}


def of_b(make_row, *dice):
    """Rows of the test patients of B: one ventricle each."""
    return [make_row(value, patient=f"b{number}", frame=f"b{number}_ED") for number, value in enumerate(dice)]


@pytest.fixture
def runs(make_run, make_row):
    walls = [make_row(0.1, patient=f"b{n}", frame=f"b{n}_ED", structure="MYO") for n in range(2)]
    probe = make_row(0.0, patient="b0", frame="b0_ED", probe="swapped")
    here = {**METHOD, "strategy": "real"}
    at_a = make_run([make_row(0.9, patient="a0", frame="a0_ED")], spec={**here, "data": {"real": A}})
    at_b = make_run([*of_b(make_row, 0.8, 0.9), *walls, probe], spec={**here, "data": {"real": B}})
    there = {**METHOD, "data": {"real": A, "evaluation": B}}
    moved = make_run([*of_b(make_row, 0.6, 0.8), *walls], spec={**there, "strategy": "real, on b"})
    adapted = make_run([*of_b(make_row, 0.8, 0.8), *walls], spec={**there, "strategy": f"real, on b{ADAPTED}"})
    return [at_a, at_b, moved, adapted]


def test_the_drop_is_against_training_on_the_other_set_by_pair_and_patient(runs):
    assert [is_transfer(run) for run in runs] == [False, False, True, True]
    table = transfer_table(runs)
    headings = [column.heading for column in table.columns]
    plain, adapted = (dict(zip(headings, (cell.text for cell in line), strict=True)) for line in table.lines)
    assert (plain["trained on"], plain["evaluated on"], plain["adapted"]) == ("a", "b", "no")
    assert plain["structures"] == "LV"  # A does not annotate the wall
    assert plain["Dice"] == "70.00"
    assert plain["against trained on it"] == "−15.00"  # -20 and -10 points
    assert plain["its 95 % interval"] == "−20.00 to −10.00"
    assert (plain["patients"], plain["pairs"]) == ("2", "2")
    assert (adapted["adapted"], adapted["Dice"], adapted["against trained on it"]) == ("yes", "80.00", "−5.00")


def test_an_adaptation_that_kept_the_weights_says_so(runs, make_run, make_row):
    assert not transfer_table(runs).notes
    rows = [
        *of_b(make_row, 0.6, 0.8),
        *(make_row(0.1, patient=f"b{n}", frame=f"b{n}_ED", structure="MYO") for n in (0, 1)),
    ]
    there = {**METHOD, "strategy": f"real, on b{ADAPTED}", "data": {"real": A, "evaluation": B}}
    kept = make_run(rows, spec=there)
    (note,) = transfer_table([*runs[:3], kept]).notes
    assert note.startswith("Adapted is the same as not adapted from a to b (")
    assert note.endswith("so it kept the weights from before.")


def test_without_a_model_of_the_other_set_there_is_no_drop(runs):
    (line, _) = transfer_table([runs[0], *runs[2:]]).lines
    assert line[-3].text == "–"
