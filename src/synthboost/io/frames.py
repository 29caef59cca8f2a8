"""Data frames whose columns a `TypedDict` describes, as CSV and Parquet and back: nothing lost, nothing guessed.

Parquet needs the extra `parquet` (pyarrow), which is loaded only when a Parquet file is read or written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from synthboost.errors import DataError, extra
from synthboost.io.atomic import whole_file
from synthboost.io.typed_csv import field_types, read_typed, write_typed

_Item = TypeVar("_Item")
_DTYPES = {"str": "str", "bool": "bool", "int": "Int64", "float": "float64"}
_GROUP = 50_000
"""Rows per row group of a Parquet file."""


def frame_of(kind: type[_Item], items: Iterable[_Item]) -> pd.DataFrame:
    """Gather items in a data frame: words as `str`, `int` as `Int64`, `float` as `float64`; `None` is missing."""
    lines: list[Any] = list(items)
    columns = {}
    for name, text in field_types(kind).items():
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
    names = tuple(field_types(kind))
    columns = [frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in names]
    return (kind(**dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True))


def write_frame(path: Path, kind: type[Any], frame: pd.DataFrame) -> None:
    """Write a data frame as CSV, whole or not at all; floats keep every digit, what is missing is an empty cell."""
    write_typed(path, kind, records_of(kind, frame))


def read_frame(path: Path, kind: type[Any]) -> pd.DataFrame:
    """Read what `write_frame` wrote.

    Raises:
        DataError: the file is absent, its columns are not those of `kind`, or a cell does not parse.
    """
    return frame_of(kind, read_typed(path, kind))


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
        for name, text in field_types(kind).items()
    )
    with whole_file(path) as temporary:
        table = arrow.Table.from_pandas(frame, schema=schema, preserve_index=False)
        pq.write_table(table, temporary, compression="zstd", row_group_size=_GROUP)


def read_parquet(path: Path, kind: type[Any]) -> pd.DataFrame:
    """Read what `write_parquet` wrote.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: the file is absent or damaged, or its columns are not those of `kind`.
    """
    arrow = require_parquet()
    types = field_types(kind)
    try:
        frame = pd.read_parquet(path)
    except (OSError, arrow.ArrowException) as error:
        raise DataError(path, "file", error, f"a readable {path.name}") from error
    if tuple(frame.columns) != tuple(types):
        odd = sorted({*frame.columns} ^ {*types})
        raise DataError(path, "columns", ", ".join(odd), f"the columns of a {path.name} of this version")
    return frame.astype({name: _DTYPES[text.removesuffix(" | None")] for name, text in types.items()})
