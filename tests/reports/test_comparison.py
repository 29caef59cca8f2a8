"""A family as a table: effect and intervals before p-values; one training per arm is said to be one."""

from __future__ import annotations

import csv
import io

from synthboost.evaluation.statistics.contrast import contrast_family
from synthboost.records.rows import rows_frame
from synthboost.reports.contrasts import family_table
from synthboost.reports.table import to_csv, to_text

BASE = [0.50, 0.51, 0.52, 0.53, 0.54, 0.55]


def side(make_row, strategy, shifts, prompt_sets=("P1",)):
    """One run per shift (a seed) and prompt set."""
    return [
        make_row(value + shift, run=f"{strategy}{seed}{prompt_set}", strategy=strategy, seed=seed, patient=f"p{i}",
                 frame=f"f{i}", prompt_set=prompt_set)
        for seed, shift in enumerate(shifts) for prompt_set in prompt_sets for i, value in enumerate(BASE)
    ]  # fmt: skip


def table(first, second, metric="dice"):
    return family_table(contrast_family(rows_frame(first), rows_frame(second), metric))


def cells(found, line=0):
    return {column.heading: cell.text for column, cell in zip(found.columns, found.lines[line], strict=True)}


def test_differences_are_in_points_and_a_single_training_is_said_to_be_one(make_row):
    found = table(side(make_row, "mixed", [0.1]), side(make_row, "real", [0]))
    line = cells(found)
    assert (line["difference"], line["95 % over patients"]) == ("+10.00", "+10.00 to +10.00")
    assert (line["patients higher"], line["patients"], line["trainings"]) == ("6", "6", "1, 1")
    assert (line["p by patient"], line["p Holm"], line["p over pairs"]) == ("0.031", "0.031", "0.031")  # 2 / 2^6
    assert found.notes[-1] == "1 run per arm: training noise not covered."
    assert found.caption.startswith(
        "Dice, strategy mixed minus real: mean difference in points (0-100). All: model tiny"
    )


def test_effect_and_intervals_stand_before_any_p_value(make_row):
    headings = [c.heading for c in table(side(make_row, "mixed", [0.1]), side(make_row, "real", [0])).shown.columns]
    assert headings[0] == "difference"
    assert headings[-3:] == ["p by patient", "p Holm", "p over pairs"]


def test_several_trainings_get_an_interval_of_their_own_that_is_wider(make_row):
    found = table(side(make_row, "mixed", [0.08, 0.12]), side(make_row, "real", [0.01, -0.01]))
    line = cells(found)
    assert line["95 % over patients"] == "+10.00 to +10.00"
    # Means of the arms: SD 2.83 and 1.41 points; variance 4 + 1, Satterthwaite 25 / 17 degrees of freedom, t 6.19.
    assert line["SD over trainings"] == "2.83, 1.41"
    assert line["95 % over patients and trainings"] == "−3.84 to +23.84"
    assert not any("not covered" in note for note in found.notes)


def test_members_are_told_apart_by_what_differs_between_them_only(make_row):
    both = ("P1", "P2")
    found = table(side(make_row, "mixed", [0.1], both), side(make_row, "real", [0], both)).shown
    assert [column.heading for column in found.columns][:2] == ["sentences", "difference"]
    assert [line[0].text for line in found.lines] == ["P1", "P2"]
    assert "covers: 2 comparisons" in found.caption


def test_csv_says_in_a_column_which_sides_it_compares(make_row):
    found = table(side(make_row, "mixed", [0.08, 0.12]), side(make_row, "real", [0.01, -0.01]))
    header, line = csv.reader(io.StringIO(to_csv(found)))
    assert len({*header}) == len(header)
    values = dict(zip(header, line, strict=True))
    assert values["comparison"] == "strategy mixed minus real"
    assert (values["difference"], values["SD over trainings first"], values["trainings second"]) == (
        "10.0",
        "2.83",
        "2",
    )
    assert (values["95 % over patients low"], values["p by patient"]) == ("10.0", "0.03125")


def test_distances_stay_in_millimetres(make_row):
    first, second = ([row for row in side(make_row, s, [0])] for s in ("mixed", "real"))
    assert cells(table(first, second, "hd95_mm"))["difference"] == "0.00"
    assert "mm (lower is better)" in table(first, second, "hd95_mm").caption


def test_a_terminal_gets_aligned_columns_and_wrapped_prose(make_row):
    text = to_text(table(side(make_row, "mixed", [0.1], ("P1", "P2")), side(make_row, "real", [0], ("P1", "P2"))))
    lines = text.splitlines()
    head = next(n for n, line in enumerate(lines) if line.startswith("sentences"))
    assert [line.index("+10.00 to") + len("+10.00 to +10.00") for line in lines[head + 1 : head + 3]] == [
        lines[head].index("95 % over patients") + len("95 % over patients")
    ] * 2
    assert max(len(line) for n, line in enumerate(lines) if not head <= n <= head + 2) <= 100
