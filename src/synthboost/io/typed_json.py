"""Dataclasses as JSON and back, by the types of their fields. What is `None` by default and in fact is not written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from synthboost.errors import ConfigError, DataError, readable
from synthboost.io.atomic import write_json

_Record = TypeVar("_Record")


def write_record(path: Path, record: Any) -> None:
    """Write a dataclass as JSON, whole or not at all."""
    write_json(path, to_json(record))


def read_record(path: Path, kind: type[_Record]) -> _Record:
    """Read what `write_record` wrote.

    Raises:
        DataError: the file is absent or no JSON object, a field is absent or unknown, or a value has another type.
    """
    record: _Record = from_json(kind, read_json(path), path)
    return record


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; a file that is absent, holds another value or a number that is none is a `DataError`."""
    with readable(path, "a readable JSON file", ValueError):
        value = json.loads(path.read_text(encoding="utf-8"), parse_float=_finite, parse_constant=_finite)
    if not isinstance(value, dict):
        raise DataError(path, "file", type(value).__name__, "a JSON object")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def to_json(value: Any) -> Any:
    """Return a dataclass, or what its fields hold, as plain values; words such as paths and enums as text."""
    if is_dataclass(value) and not isinstance(value, type):
        own = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: to_json(item) for field, item in own if item is not None or field.default is not None}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return str(value) if isinstance(value, str | Path) else value


def from_json(kind: Any, value: Any, path: Path, place: str = "") -> Any:
    """Return plain values as what `kind` says: a dataclass, or a type that one of its fields may have.

    Args:
        kind: a dataclass; str, bool, int, float, an enum of words, `Path`, `Literal`, tuples of one kind or of a fixed
            length, mappings from words, one of these or `None`, or `Any`.
        value: plain.
        path: of the file, for messages.
        place: in the file, for messages.

    Raises:
        DataError: the value is not of that kind.
    """
    if is_dataclass(kind):
        return _dataclass(kind, value, path, place)
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin in (UnionType, Union):
        return None if value is None else from_json(_without_none(arguments), value, path, place)
    if origin is tuple and isinstance(value, list):
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(kinds) == len(value):
            return tuple(from_json(k, v, path, f"{place}[{i}]") for i, (k, v) in enumerate(zip(kinds, value)))  # noqa: B905
    elif origin in (dict, Mapping) and isinstance(value, dict):
        return {name: from_json(arguments[1], item, path, _join(place, name)) for name, item in value.items()}
    elif kind is Any or (origin is Literal and value in arguments):
        return value
    elif isinstance(kind, type) and _fits(kind, value):
        try:
            return kind(value)
        except (ValueError, OverflowError):
            pass
    raise DataError(path, place, json.dumps(value), _expected(kind))


def _dataclass(kind: Any, value: Any, path: Path, place: str) -> Any:
    if not isinstance(value, dict):
        raise DataError(path, place or "file", type(value).__name__, "a JSON object")
    hints = field_types(kind)
    if strange := sorted(value.keys() - hints.keys()):
        raise DataError(path, _join(place, strange[0]), json.dumps(value[strange[0]]), f"one of {', '.join(hints)}")
    missing = [f.name for f in fields(kind) if f.name not in value and _has_no_default(f)]
    if missing:
        raise DataError(path, _join(place, missing[0]), "absent", _expected(hints[missing[0]]))
    held = {name: from_json(hints[name], item, path, _join(place, name)) for name, item in value.items()}
    try:
        return kind(**held)
    except ConfigError as error:  # the dataclass' own checks
        raise DataError(path, _join(place, error.field), error.value, error.expected) from error


@lru_cache(maxsize=64)
def field_types(kind: Any) -> dict[str, Any]:
    """Return the types of a class' fields in order; ask, and never change it."""
    return get_type_hints(kind)


def _fits(kind: type[Any], value: Any) -> bool:
    if kind in (bool, int):
        return type(value) is kind
    if kind is float:
        return type(value) in (int, float)
    return isinstance(value, str)


def _expected(kind: Any) -> str:
    arguments = get_args(kind)
    if get_origin(kind) in (UnionType, Union):
        return f"{_expected(_without_none(arguments))}, or null"
    if get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, str) and kind is not str):
        return f"one of {', '.join(map(str, arguments or kind))}"
    if is_dataclass(kind) or get_origin(kind) in (dict, Mapping):
        return "a JSON object"
    if get_origin(kind) is tuple:
        return f"a list of {_expected(arguments[0])}"
    names = {str: "text", Path: "a path", bool: "true or false", int: "a whole number", float: "a number"}
    return names.get(kind, "a value")


def _without_none(kinds: tuple[Any, ...]) -> Any:
    [kind] = [kind for kind in kinds if kind is not NoneType]
    return kind


def _has_no_default(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
