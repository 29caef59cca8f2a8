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
        _require_same(record, read_json(record), plain)
        return
    occupied = next((p.name for p in out.iterdir() if not p.name.startswith(".")), None) if out.is_dir() else None
    if occupied is not None:
        raise OutputError(
            out, "folder", f"holds {occupied!r} and no {record.name}",
            "a new or empty folder, or one that the same command began", "Nothing was touched. Choose another folder.",
        )  # fmt: skip
    write_json(record, plain)


def _require_same(record: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    odd = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
    if odd:
        raise OutputError(
            record.parent, ", ".join(odd), f"not as the folder was begun with: {_difference(found, wanted)}",
            f"what {record.name} says", "Nothing was touched. Choose another folder.",
        )  # fmt: skip


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    before, now = _flat(found), _flat(wanted)
    odd = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return ", ".join(f"{key} is {_short(before.get(key))} there and {_short(now.get(key))} now" for key in odd)


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, a mapping within, in one line with the rest."""
    settings = record.get("settings")
    return {**record, **settings, "settings": None} if isinstance(settings, dict) else dict(record)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
