"""An executor's settings from words like `hours=12`, as a command line has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from synthboost.errors import ConfigError

Settings = TypeVar("Settings")


def with_options(settings: Settings, words: Sequence[str], where: str) -> Settings:
    """Return settings in which some fields are other ones.

    Args:
        settings: a dataclass whose fields are numbers, words, tuples of words, or one of these or `None`.
        words: `name=value` each; `none` stands for `None`, and a tuple grows with every word for it.
        where: for messages.

    Raises:
        ConfigError: a word has no such form or value, or there is no such field.
    """
    hints = get_type_hints(type(settings))
    known = [field.name for field in fields(settings)]  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or name not in known:
            raise ConfigError(where, "option", word, f"name=value with one of {', '.join(known)}")
        read = _read(hints[name], value, where, name)
        values[name] = (*values.get(name, ()), *read) if isinstance(read, tuple) else read
    return replace(settings, **values)  # type: ignore[type-var]


def _read(hint: Any, value: str, where: str, name: str) -> Any:
    if get_origin(hint) is tuple:
        return (value,)
    kinds = get_args(hint) or (hint,)
    if NoneType in kinds and value.lower() == "none":
        return None
    [kind] = [kind for kind in kinds if kind is not NoneType]
    try:
        return kind(value)
    except ValueError as error:
        expected = {int: "a whole number", float: "a number"}[kind]
        raise ConfigError(where, name, value, expected) from error
