"""Traceability: written tables are checked against the rows, number by number."""

from __future__ import annotations

import pytest

from synthboost.errors import DataError
from synthboost.reports.tables import row_tables, write_tables
from synthboost.reports.verify import require_traceable, verify_tables


@pytest.fixture
def rows(make_row):
    return [
        make_row(0.1 + 0.1 * n, patient=f"p{n % 3}", frame=f"f{n}", structure=s) for n in range(6) for s in ("LV", "LA")
    ]


@pytest.fixture
def folder(make_run, rows, tmp_path):
    write_tables(tmp_path, [make_run(rows)])
    return tmp_path


def test_tables_that_were_made_of_the_rows_hold_whatever_the_order_of_the_rows(rows, folder):
    found = require_traceable(folder, row_tables(rows[::-1]))
    assert found.faults == ()
    assert found.numbers > 30
    assert found.tables == len(row_tables(rows))


def test_a_number_that_the_rows_do_not_give_is_named_with_its_place(rows, folder):
    path = folder / "dice.csv"
    header, line = path.read_text().splitlines()
    mean = line.split(",")[header.split(",").index("Dice % mean")]
    assert float(mean) == pytest.approx(35)  # 10, 20, ... 60
    path.write_text(f"{header}\n{line.replace(mean, '36', 1)}\n")
    (fault,) = verify_tables(folder, row_tables(rows)).faults
    assert fault.startswith("dice.csv:2: Dice % mean: '36', and the rows give '3")
    with pytest.raises(DataError, match=r"1 faults, e\.g\. dice\.csv:2"):
        require_traceable(folder, row_tables(rows))


def test_a_row_more_or_less_changes_the_tables(rows, folder):
    assert any(fault.startswith("dice.csv") for fault in verify_tables(folder, row_tables(rows[1:])).faults)


def test_a_table_that_is_absent_or_of_another_shape_is_named(rows, folder):
    (folder / "dice.csv").unlink()
    (folder / "distances.csv").write_text("")
    found = verify_tables(folder, row_tables(rows))
    assert found.faults == ("dice.csv is absent", "distances.csv has other lines or columns than its rows give")
