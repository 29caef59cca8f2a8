"""Tables whose columns a dataclass or a `TypedDict` describes, as CSV and Parquet: nothing lost, nothing guessed.

Many items are a data frame: words as `str`, `int` as `Int64`, `float` as `float64`; `None` is missing there and an
empty cell in a file. Parquet needs the extra `parquet` (pyarrow), which is loaded only to write it.
"""

from __future__ import annotations

import csv
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import is_dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from synthboost.errors import DataError, extra, readable
from synthboost.io.atomic import from_cell, whole_file, write_csv
from synthboost.io.typed_json import field_types

if TYPE_CHECKING:  # simulated sets are written without it
    import pandas as pd

_Item = TypeVar("_Item")
Allowed: TypeAlias = Mapping[str, tuple[Callable[[Any], bool], str]]
"""Column -> whether a value may stand in it, and in words what may. Empty cells always may."""
_DTYPES = {"str": "str", "bool": "bool", "int": "Int64", "float": "float64"}
_WHOLE, _NUMBER = re.compile(r"[+-]?[0-9]{1,18}"), re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
AS_CSV = "In a spreadsheet, save it as CSV UTF-8, separated by commas; numbers with a point."
_GROUP = 50_000
"""Rows per row group of a Parquet file."""


def frame_of(kind: type[_Item], items: Iterable[_Item]) -> pd.DataFrame:
    """Gather items in a data frame with the columns of `kind`."""
    import pandas as pd

    lines: list[Any] = list(items)
    columns = {}
    for name, text in _field_types(kind).items():
        values = [line[name] for line in lines]
        plain = text.removesuffix(" | None")
        absent = any(isinstance(value, float) and math.isnan(value) for value in values)
        assert not absent, "an absent value is None, not NaN"
        if plain == "str":  # a member of a StrEnum is a string by another name
            values = [None if value is None else str(value) for value in values]
        columns[name] = pd.Series(values, dtype=_DTYPES[plain])
    return pd.DataFrame(columns)


def records_of(kind: type[_Item], frame: pd.DataFrame) -> Iterator[_Item]:
    """Go through a data frame row by row, as Python has the values: `None` where one is missing."""
    names = tuple(_field_types(kind))
    columns = [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in names]
    return (kind(**dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True))


def write_frame(path: Path, kind: type[Any], frame: pd.DataFrame) -> None:
    """Write a data frame as CSV, whole or not at all."""
    write_typed(path, kind, records_of(kind, frame))


def read_frame(path: Path, kind: type[Any], allowed: Allowed | None = None) -> pd.DataFrame:
    """Read what `write_frame` wrote; see `read_typed` for errors."""
    return frame_of(kind, read_typed(path, kind, allowed))


def has_parquet() -> bool:
    """Tell whether Parquet can be written here, without loading anything."""
    return find_spec("pyarrow") is not None


def require_parquet() -> Any:
    """Return pyarrow; called before the work, it tells whether Parquet can be written after it.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    with extra("parquet", "pyarrow"):
        if not has_parquet():
            raise ImportError
        import pyarrow

    return pyarrow


def write_parquet(path: Path, kind: type[Any], frame: pd.DataFrame) -> None:
    """Write a data frame with one typed column per field, compressed, whole or not at all.

    Raises:
        ConfigError: pyarrow is not installed.
        OutputError: the file cannot be written.
    """
    arrow = require_parquet()
    import pyarrow.parquet as pq

    kinds = {"str": arrow.string(), "bool": arrow.bool_(), "int": arrow.int64(), "float": arrow.float64()}
    schema = arrow.schema(
        arrow.field(name, kinds[text.removesuffix(" | None")], nullable=text.endswith(" | None"))
        for name, text in _field_types(kind).items()
    )
    with whole_file(path) as temporary:
        table = arrow.Table.from_pandas(frame, schema=schema, preserve_index=False)
        pq.write_table(table, temporary, compression="zstd", row_group_size=_GROUP)


def write_typed(path: Path, kind: type[_Item], items: Iterable[_Item]) -> None:
    """Write items as CSV, whole or not at all; floats keep every digit, `None` is an empty cell."""
    lines: Iterator[Any] = (vars(item) if is_dataclass(item) else item for item in items)
    write_csv(path, tuple(_field_types(kind)), ({name: _to_cell(v) for name, v in line.items()} for line in lines))


def one_of(words: Iterable[str]) -> tuple[Callable[[Any], bool], str]:
    """Allow these words."""
    known = tuple(map(str, words))
    return known.__contains__, f"one of {', '.join(known)}"


def within(low: float, high: float = math.inf) -> tuple[Callable[[Any], bool], str]:
    """Allow finite numbers from `low` to `high`."""
    expected = f"a number from {low:g} on" if math.isinf(high) else f"a number from {low:g} to {high:g}"
    return lambda number: low <= number <= high, expected


def read_typed(path: Path, kind: type[_Item], allowed: Allowed | None = None) -> Iterator[_Item]:
    """Read what `write_typed` wrote, one by one: the fields of `kind` are str, bool, int, float, or one of them | None.

    Raises:
        DataError: the file is absent, its columns are not those of `kind`, or a cell does not parse or is not
            `allowed`.
    """
    types = _field_types(kind)
    wanted = f"a readable {path.name}"
    with readable(path, wanted, UnicodeDecodeError, csv.Error), path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle)
        header = tuple(reader.fieldnames or ())
        if header != tuple(types):
            odd = sorted(set(header) ^ set(types))
            raise DataError(
                path, "columns", odd, f"the columns of a {path.name} of this version",
                "Those are absent or unknown: make the file again by the command that wrote it.",
            )  # fmt: skip
        for cells in reader:
            yield kind(**_parse(f"{path}:{reader.line_num}", cells, types, allowed or {}))


def read_lines(path: Path, *needed: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Read a table that others wrote, line by line: `file:line` for messages, and the cells by column, stripped.

    Raises:
        DataError: the file is absent or no CSV in UTF-8 with commas, lacks a needed column or has one twice, or a line
            has more or fewer cells than columns.
    """
    wanted = f"a CSV file with the columns {', '.join(needed)}"
    with readable(path, wanted, csv.Error), _utf8(path), path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.reader(handle, strict=True)
        columns = [name.strip() for name in next(reader, [])]
        if len(columns) == 1 and (mark := next((mark for mark in ";\t" if mark in columns[0]), "")):
            raise DataError(path, "separator", "a semicolon" if mark == ";" else "a tab", "commas", AS_CSV)
        if (lacking := [name for name in needed if name not in columns]) or len({*columns}) < len(columns):
            odd = f"no {', '.join(lacking)}" if lacking else f"{', '.join(columns)}, one of them twice"
            raise DataError(path, "columns", odd, wanted)
        for cells in reader:
            if len(cells) == len(columns):
                yield f"{path}:{reader.line_num}", dict(zip(columns, map(str.strip, cells), strict=True))
            elif cells:
                raise DataError(f"{path}:{reader.line_num}", "cells", len(cells), f"{len(columns)}, one a column")


@contextmanager
def _utf8(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x}, so not UTF-8"
        raise DataError(path, "characters", found, "UTF-8", AS_CSV) from error


def number_of(where: str, column: str, cell: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return the number in a cell of such a table.

    Raises:
        DataError: it is none, or beyond the limits.
    """
    value = float(cell) if _NUMBER.fullmatch(cell) else math.nan
    if not low <= value <= high or math.isinf(value):
        raise DataError(where, column, repr(cell[:60]), within(low, high)[1] if low > -math.inf else "a number")
    return value


def count_of(where: str, column: str, cell: str, high: float = math.inf) -> int:
    """Return the whole number from 0 in a cell; see `number_of`."""
    value = number_of(where, column, cell, 0, high)
    if value != int(value):
        raise DataError(where, column, repr(cell[:60]), "a whole number")
    return int(value)


def _field_types(kind: Any) -> dict[str, str]:
    """Names of the fields in order, with their types as written: `float | None`."""
    return {name: getattr(hint, "__name__", str(hint)) for name, hint in field_types(kind).items()}


def _to_cell(value: object) -> object:
    if isinstance(value, float | np.floating):
        assert not math.isnan(value), "an absent value is None; NaN could not be read back"
        return float(value)  # of which the writer keeps every digit
    return value


def _parse(where: str, cells: Mapping[str, str], types: Mapping[str, str], allowed: Allowed) -> dict[str, object]:
    if None in cells or None in cells.values():
        raise DataError(where, "cells", "too many or too few", f"{len(types)} cells")
    values: dict[str, object] = {}
    for name, cell in cells.items():
        try:
            values[name] = _from_cell(cell, types[name])
        except (ValueError, KeyError):
            raise DataError(where, name, repr(cell), f"a value of type {types[name]}") from None
        may_be, expected = allowed.get(name, (None, ""))
        if may_be is not None and values[name] is not None and not may_be(values[name]):
            raise DataError(where, name, repr(cell), expected)
    return values


def _from_cell(cell: str, kind: str) -> object:
    if kind.endswith("| None") and cell == "":
        return None
    if kind.startswith("bool"):
        return {"True": True, "False": False}[cell]
    if kind.startswith(("int", "float")):
        whole = kind.startswith("int")
        if not (_WHOLE if whole else _NUMBER).fullmatch(cell) or not math.isfinite(float(cell)):
            raise ValueError  # Python also reads 1_0, other scripts' digits, inf and nan
        return int(cell) if whole else float(cell)
    return sys.intern(from_cell(cell))  # most words stand in thousands of rows: each is kept once
