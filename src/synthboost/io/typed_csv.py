"""Dataclasses and typed dicts as CSV and back: one column per field, nothing lost, nothing guessed."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np

from synthboost.errors import DataError
from synthboost.io.atomic import write_csv

_Item = TypeVar("_Item")
_QUOTED = ("=", "+", "-", "@", "\t", "\r", "'")
"""Beginnings that get an apostrophe: a spreadsheet would run the cell as a formula, or take the apostrophe away."""


def field_types(kind: type[Any]) -> dict[str, str]:
    """Names of the fields in order, with their types as written: `float | None`."""
    return {name: getattr(hint, "__name__", str(hint)) for name, hint in get_type_hints(kind).items()}


def write_typed(path: Path, kind: type[_Item], items: Iterable[_Item]) -> None:
    """Write items as CSV, whole or not at all; floats keep every digit, `None` is an empty cell."""
    lines: Iterator[Any] = (vars(item) if is_dataclass(item) else item for item in items)
    write_csv(path, tuple(field_types(kind)), ({name: _to_cell(v) for name, v in line.items()} for line in lines))


def read_typed(path: Path, kind: type[_Item]) -> Iterator[_Item]:
    """Read what `write_typed` wrote, one by one: the fields of `kind` are str, bool, int, float, or one of them | None.

    Raises:
        DataError: the file is absent, its columns are not those of `kind`, or a cell does not parse.
    """
    types = field_types(kind)
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            header = tuple(reader.fieldnames or ())
            if header != tuple(types):
                odd = sorted(set(header) ^ set(types))
                raise DataError(
                    path, "columns", odd, f"the columns of a {path.name} of this version",
                    "Those are absent or unknown: make the file again by the command that wrote it.",
                )  # fmt: skip
            for line, cells in enumerate(reader, start=2):
                yield kind(**_parse(f"{path}:{line}", cells, types))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, "file", error, f"a readable {path.name}") from error


def _to_cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        assert not math.isnan(value), "an absent value is None; NaN could not be read back"
        return repr(float(value))
    if isinstance(value, str) and value.startswith(_QUOTED):
        return "'" + value
    return value


def _parse(where: str, cells: Mapping[str, str], types: Mapping[str, str]) -> dict[str, object]:
    if None in cells or None in cells.values():
        raise DataError(where, "cells", "too many or too few", f"{len(types)} cells")
    values: dict[str, object] = {}
    for name, cell in cells.items():
        try:
            values[name] = _from_cell(cell, types[name])
        except ValueError:
            raise DataError(where, name, repr(cell), f"a value of type {types[name]}") from None
    return values


def _from_cell(cell: str, kind: str) -> object:
    if kind.endswith("| None") and cell == "":
        return None
    if kind.startswith("bool"):
        return {"True": True, "False": False}[cell] if cell in ("True", "False") else _refuse(cell)
    if kind.startswith("int"):
        return int(cell)
    if kind.startswith("float"):
        number = float(cell)
        return _refuse(cell) if math.isnan(number) else number
    text = cell[1:] if cell.startswith("'") and cell[1:].startswith(_QUOTED) else cell
    return sys.intern(text)  # most words stand in thousands of rows: each is kept once


def _refuse(cell: str) -> object:
    raise ValueError(cell)
