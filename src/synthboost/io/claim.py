"""What a folder is for: a record that its first call leaves, and that every later call must match."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthboost.errors import OutputError
from synthboost.io.atomic import write_json


def claim(record: Path, wanted: Mapping[str, Any], same: str, begun_by: str) -> None:
    """Write the record into a new or empty folder, or compare it with the one that is there.

    Args:
        record: its file; the folder around it is what is claimed, and may be absent.
        wanted: what the folder is to be for; plain values.
        same: what a later call must have in common with the first, in words, for the message.
        begun_by: what begins such folders, in words, for the message.

    Raises:
        OutputError: the folder was begun otherwise or holds something else. Nothing was touched.
    """
    out, plain = record.parent, json.loads(json.dumps(wanted))
    if record.is_file():
        require_same(out, read_claim(record), plain, same)
        return
    occupied = next((p.name for p in out.iterdir() if not p.name.startswith(".")), None) if out.is_dir() else None
    if occupied is not None:
        raise OutputError(
            out, "folder", f"holds {occupied!r} and no {record.name}",
            f"a new or empty folder, or one begun by {begun_by}",
            "Nothing was touched. Choose another folder.",
        )  # fmt: skip
    write_json(record, plain)


def require_same(out: Path, found: Mapping[str, Any], wanted: Mapping[str, Any], same: str) -> None:
    """Compare what a folder was begun with and what a call wants; see `claim`.

    Raises:
        OutputError: they differ, naming in what.
    """
    if odd := sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)):
        raise OutputError(
            out, ", ".join(odd), "not as the folder was begun with", same,
            "Nothing was touched. Choose another folder.",
        )  # fmt: skip


def read_claim(record: Path) -> dict[str, Any]:
    """Return what the record says.

    Raises:
        OutputError: it cannot be read.
    """
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(record, "file", error, "a readable record", "Choose another folder.") from error
    return found if isinstance(found, dict) else {}
