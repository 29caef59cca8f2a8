"""What a folder is for: a record that its first call leaves, and that every later call must match."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthboost.errors import OutputError
from synthboost.io.atomic import write_json
from synthboost.io.typed_json import read_json

_SHOWN = 40
"""Characters of a value in a message; the record holds the rest."""


def claim(record: Path, wanted: Mapping[str, Any]) -> None:
    """Write the record into a new or empty folder, or compare it with the one that is there.

    Args:
        record: its file; the folder around it is what is claimed, and may be absent. Hidden files do not occupy it.
        wanted: what the folder is to be for; plain values.

    Raises:
        OutputError: the folder was begun otherwise, naming in what, or holds something else. Nothing was touched.
        DataError: its record cannot be read.
    """
    out, plain = record.parent, json.loads(json.dumps(wanted))
    if record.is_file():
        found = read_json(record)
        if odd := _odd(found, plain):
            there, now = _flat(found), _flat(plain)
            values = ((key, _short(there.get(key)), _short(now.get(key))) for key in _odd(there, now))
            differences = (f"{key} is {before} there and {after} now" for key, before, after in values)
            raise OutputError(
                out, ", ".join(odd), f"not as the folder was begun with: {', '.join(differences)}",
                f"what {record.name} says", "Nothing was touched. Choose another folder.",
            )  # fmt: skip
        return
    occupied = next((p.name for p in out.iterdir() if not p.name.startswith(".")), None) if out.is_dir() else None
    if occupied is not None:
        raise OutputError(
            out, "folder", f"holds {occupied!r} and no {record.name}",
            "a new or empty folder, or one that the same command began", "Nothing was touched. Choose another folder.",
        )  # fmt: skip
    write_json(record, plain)


def _odd(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, a mapping within, in one line with the rest."""
    settings = record.get("settings")
    return {**record, **settings, "settings": None} if isinstance(settings, dict) else dict(record)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
