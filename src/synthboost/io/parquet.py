"""Dataclasses as Parquet and back: columns with types, compressed, readable by any data-frame library.

Needs the extra `parquet` (pyarrow). It was chosen over polars, fastparquet and DuckDB because it brings no other
package and loads fastest; it is loaded only when a Parquet file is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from synthboost.errors import ConfigError, DataError
from synthboost.io.atomic import whole_file
from synthboost.io.typed_csv import field_types

_Item = TypeVar("_Item")
_GROUP = 50_000
"""Items per row group: what is in memory as columns at a time."""


def has_parquet() -> bool:
    """Tell whether Parquet can be written here, without loading anything."""
    return find_spec("pyarrow") is not None


def require_parquet() -> None:
    """Find out before the work whether Parquet can be written after it.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    _pyarrow()


def write_parquet(path: Path, kind: type[_Item], items: Iterable[_Item]) -> None:
    """Write items with one column per field, whole or not at all.

    Raises:
        ConfigError: pyarrow is not installed.
        OutputError: the file cannot be written.
    """
    arrow = _pyarrow()
    import pyarrow.parquet as pq

    schema, stream = _schema(arrow, kind), iter(items)
    with whole_file(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        while group := list(islice(stream, _GROUP)):
            columns = {name: [_plain(getattr(item, name)) for item in group] for name in schema.names}
            writer.write_table(arrow.Table.from_pydict(columns, schema=schema))


def read_parquet(path: Path, kind: type[_Item]) -> list[_Item]:
    """Read what `write_parquet` wrote.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: the file is absent or damaged, or its columns are not those of `kind`.
    """
    arrow = _pyarrow()
    import pyarrow.parquet as pq

    schema = _schema(arrow, kind)
    try:
        table = pq.read_table(path, memory_map=False)
    except (OSError, arrow.ArrowException) as error:
        raise DataError(path, "file", error, f"a readable {path.name}") from error
    if not table.schema.equals(schema):
        odd = sorted({str(field) for field in table.schema} ^ {str(field) for field in schema})
        raise DataError(path, "columns", ", ".join(odd), f"the columns of a {path.name} of this version")
    return [kind(**values) for values in table.to_pylist()]


def _schema(arrow: Any, kind: type[Any]) -> Any:
    kinds = {"str": arrow.string(), "bool": arrow.bool_(), "int": arrow.int64(), "float": arrow.float64()}
    return arrow.schema(
        [
            arrow.field(name, kinds[text.removesuffix(" | None")], nullable=text.endswith(" | None"))
            for name, text in field_types(kind).items()
        ]
    )


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value  # a StrEnum's member is a string by another name


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise ConfigError(
            "Parquet", "pyarrow", "not installed", "the extra `parquet`", "pip install 'synthboost[parquet]'"
        ) from None
    return pyarrow
