"""CAMUS' `Info_{2CH,4CH}.cfg`, read and written: what is known of a patient and a view, one `Key: value` per line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from synthboost.domain import OLDEST, Attributes, Quality, Sex, View
from synthboost.errors import DataError, readable

MAX_BYTES = 1 << 16
"""A guess: the release's files have 100 bytes."""
_UNKNOWN = ("", "n/a", "na")
_SIMILAR = 0.75
"""A guess: catches one wrong letter in `Sex` and two in `ImageQuality`."""


def read_info(path: Path) -> Attributes:
    """Read one `Info_*.cfg`. Blank lines, CRLF and a byte order mark are tolerated, guesses are not made.

    The ejection fraction is as the release states it (`EF`, or `LVef` in the first release), the quality that of the
    view. The sequence's length, instants and rate are checked (see `read_instants`); keys of others are not used.

    Raises:
        DataError: a line is not `Key: value`, a key nearly is a known one, a value is not one the key can have, a key
            stands twice with different values, or ED and ES do not fit into the sequence.
    """
    values = _read_values(path)
    return Attributes(**{field.name: values.get(field.name) for field in fields(Attributes)})


def read_instants(path: Path) -> tuple[int, int, int]:
    """Return the frames of end diastole and end systole, counted from 1, and how many the sequence has.

    Raises:
        DataError: as `read_info`, or one of them is not stated.
    """
    values = _read_values(path)
    if absent := [key for key, name in (("ED", "ed"), ("ES", "es"), ("NbFrame", "frames")) if name not in values]:
        raise DataError(path, ", ".join(absent), "absent", "the instants of the sequence")
    return values["ed"], values["es"], values["frames"]


def _read_values(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        key, text = _split_line(where, line)
        if key not in _KEYS:
            if close := difflib.get_close_matches(key, _KEYS, n=1, cutoff=_SIMILAR):
                expected = f"a known key; did you mean {close[0]}"
                raise DataError(where, "key", key, expected, "Correct it or remove the line.")
            continue
        name, value = _KEYS[key][0], _parse(where, key, text)
        if values.setdefault(name, value) != value:
            raise DataError(where, key, f"{values[name]} and {value}", "one value", "Remove the wrong line.")
    _check_instants(path, values.get("ed"), values.get("es"), values.get("frames"))
    return values


def attributes_of(where: object, said: Mapping[str, object]) -> Attributes:
    """Return what another file says under the keys of an `Info_*.cfg`, checked as there; `None` is unknown.

    Raises:
        DataError: a value is not one the key can have.
    """
    texts = {key: "" if value is None else str(value) for key, value in said.items()}
    return Attributes(**{_KEYS[key][0]: _parse(str(where), key, text) for key, text in texts.items()})


def info_text(known: Attributes, frames: int = 2, frame_rate: float | None = None) -> str:
    """Return the `Info_*.cfg` of a view whose sequence runs from ED to ES; what is unknown is left out.

    Args:
        known: the ejection fraction and the wall are measured on masks: true only where these stay as they are.
        frames: of the sequence.
        frame_rate: per second.
    """
    fraction, wall = known.ejection_fraction, known.wall_thickness_mm
    values = {
        "ED": 1, "ES": frames, "NbFrame": frames, "Sex": known.sex, "Age": known.age, "ImageQuality": known.quality,
        "EF": None if fraction is None else f"{fraction:g}",
        "WallThickness": None if wall is None else f"{wall:g}",
        "FrameRate": None if frame_rate is None else f"{frame_rate:.1f}",
    }  # fmt: skip
    return "".join(f"{key}: {value}\n" for key, value in values.items() if value is not None)


def merge_views(paths: Mapping[View, Path], infos: Mapping[View, Attributes]) -> dict[View, Attributes]:
    """The attributes of a patient's frames by view: sex, age, EF and wall belong to the person, quality to the view.

    Raises:
        DataError: the files of the two views state different sexes, ages or walls.
    """
    person: dict[str, Any] = {}
    for name in ("sex", "age", "wall_thickness_mm", "ejection_fraction"):
        stated = {view: getattr(info, name) for view, info in infos.items() if getattr(info, name) is not None}
        if name != "ejection_fraction" and len(set(stated.values())) > 1:
            where = " and ".join(str(paths[view]) for view in stated)
            raise DataError(where, name, " and ".join(map(str, stated.values())), "the same in both views")
        person[name] = next(iter(stated.values()), None)
    fraction = person.pop("ejection_fraction")
    return {
        view: replace(
            info, **person, ejection_fraction=fraction if info.ejection_fraction is None else info.ejection_fraction
        )
        for view, info in infos.items()
    }


def _read_text(path: Path) -> str:
    with readable(path, "a text file in UTF-8", UnicodeDecodeError), path.open("rb") as handle:
        data = handle.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise DataError(path, "length", f"more than {MAX_BYTES} bytes", "a short text file")
        return data.decode("utf-8-sig")


def _split_line(where: str, line: str) -> tuple[str, str]:
    key, separator, value = line.partition(":")
    if not separator or not key.strip() or "=" in key:
        raise DataError(where, "line", repr(line.strip()[:60]), "'Key: value'", "Separate them with a colon.")
    key = key.strip()
    known = {k.casefold(): k for k in _KEYS}
    return known.get(key.casefold(), key), value.strip()


def _parse(where: str, key: str, text: str) -> Any:
    _, kind, expected, may_be_unknown = _KEYS[key]
    word = text.casefold()
    if may_be_unknown and word in _UNKNOWN:
        return None
    if isinstance(kind, dict):
        if word not in kind:
            raise DataError(where, key, repr(text), expected, "If it is unknown, remove the line.")
        return kind[word]
    number, low, high = kind
    try:
        # int() and float() also read other scripts' digits, signs, blanks and underscores: nobody means them.
        value = number(text) if re.fullmatch(r"[0-9.]+(e-?[0-9]+)?", word) else None
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise DataError(where, key, repr(text[:60]), expected)
    return value


def _check_instants(path: Path, ed: int | None, es: int | None, frames: int | None) -> None:
    if ed is not None and ed == es:
        raise DataError(path, "ED and ES", f"both {ed}", "two different frames")
    for name, instant in (("ED", ed), ("ES", es)):
        if instant is not None and frames is not None and instant > frames:
            raise DataError(path, name, instant, f"a frame from 1 to NbFrame = {frames}")


_PERCENT = (float, 0, 100), "a number from 0 to 100, or N/A", True
_COUNT = (int, 1, 999_999), "a whole number from 1", False
_KEYS: dict[str, tuple[str, Any, str, bool]] = {
    "ED": ("ed", *_COUNT),
    "ES": ("es", *_COUNT),
    "NbFrame": ("frames", *_COUNT),
    "Sex": ("sex", {"f": Sex.FEMALE, "female": Sex.FEMALE, "m": Sex.MALE, "male": Sex.MALE}, "F or M", False),
    "Age": ("age", (int, 0, OLDEST), f"whole years from 0 to {OLDEST}, or N/A", True),
    "ImageQuality": ("quality", {q.casefold(): q for q in Quality}, "Good, Medium or Poor", False),
    "EF": ("ejection_fraction", *_PERCENT),
    "LVef": ("ejection_fraction", *_PERCENT),
    "WallThickness": ("wall_thickness_mm", (float, 1, 60), "a number from 1 to 60, or N/A", True),
    "FrameRate": ("frame_rate", (float, 1, 1000), "a number from 1 to 1000, or N/A", True),
}
"""Key of the file -> field of `Attributes`, or what is checked alone; words, or type and range; what is expected, and
whether it may be N/A. Other keys (`LVedv`, ...) are not used here."""
