"""Traceability: do written tables say what the rows say?"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthboost.errors import DataError
from synthboost.reports.cells import Table
from synthboost.reports.formats import to_csv

TOLERANCE = 1e-9
"""Relative: files hold every digit, so only the order of a sum may differ."""


@dataclass(frozen=True)
class Verification:
    """What was compared, and what was not as it should be."""

    tables: int
    numbers: int
    """Numbers that were computed anew and compared."""
    faults: tuple[str, ...]
    """One sentence per table or cell that does not say what the rows say; empty when all is well."""


def verify_tables(folder: Path, tables: Sequence[Table]) -> Verification:
    """Compare the CSV files of written tables with the same tables, made anew from rows.

    Args:
        folder: where the tables were written.
        tables: made from the rows, for example by `reports.tables.row_tables(read_study_table(...).rows)`.

    Raises:
        DataError: a file cannot be read as text.
    """
    faults, numbers = list[str](), 0
    for table in tables:
        path = folder / f"{table.name}.csv"
        if not path.is_file():
            faults.append(f"{path.name} is absent")
            continue
        expected = list(csv.reader(io.StringIO(to_csv(table))))
        found = _read(path)
        if [len(line) for line in found] != [len(line) for line in expected] or found[0] != expected[0]:
            faults.append(f"{path.name} has other lines or columns than its rows give")
            continue
        for line, (ours, theirs) in enumerate(zip(expected[1:], found[1:], strict=True), start=2):
            for heading, right, written in zip(expected[0], ours, theirs, strict=True):
                numbers += _number(right) is not None
                if not _same(right, written):
                    faults.append(f"{path.name}:{line}: {heading}: {written!r}, and the rows give {right!r}")
    return Verification(len(tables), numbers, tuple(faults))


def require_traceable(folder: Path, tables: Sequence[Table]) -> Verification:
    """Do as `verify_tables`, and refuse tables that do not say what the rows say.

    Raises:
        DataError: there is a fault; the first ones are named.
    """
    found = verify_tables(folder, tables)
    if found.faults:
        raise DataError(
            folder, "tables", f"{len(found.faults)} faults, e.g. {'; '.join(found.faults[:3])}",
            "the numbers that the rows give", "Write the tables again from the rows.",
        )  # fmt: skip
    return found


def _read(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            return list(csv.reader(handle)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, "file", error, "a readable table") from error


def _same(right: str, written: str) -> bool:
    ours, theirs = _number(right), _number(written)
    if ours is None or theirs is None:
        return right == written
    return math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=1e-12) or ours == theirs


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
