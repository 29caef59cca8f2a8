"""The lists of a data set: patients by part (`database_split/`), and where each frame comes from (`frames.csv`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from synthboost.domain import Domain, PatientId, Phase, SplitPart, View
from synthboost.errors import DataError, readable, shown
from synthboost.io.atomic import from_cell, write_csv, write_text
from synthboost.io.tables import read_lines

IMAGES, SPLIT, FRAMES_CSV = "database_nifti", "database_split", "frames.csv"
"""What a data set in CAMUS' layout holds; the last if it is synthetic."""
FRAMES_COLUMNS = ("frame", "domain", "source_patient", "source_split", "generator", "generator_version", "seed")
RELEASE_COLUMN = "release"
"""Optional, the last: the release that the set's patients belong to, the same in every line."""
MADE_FROM_REAL = frozenset({Domain.DIFFUSION, Domain.PSEUDO_LABELLED})
"""Domains whose frames go back to a real patient."""
PATIENT_NAME = re.compile(r"patient[0-9]{4,8}")
Provenance: TypeAlias = tuple[Domain, PatientId | None]
"""Of a frame: its domain; and of a diffusion frame the real patient whose mask it was made from, of a pseudo-labelled
one whom it shows."""
_LISTS = {part: Path(SPLIT) / f"subgroup_{part}.txt" for part in SplitPart}
_FRAME = re.compile(rf"{PATIENT_NAME.pattern}_({'|'.join(View)})_({'|'.join(Phase)})")
_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def still_to_come(root: Path) -> str:
    """Return what to add to the last line of a verb that makes a set by shards: nothing once the lists are written."""
    return "" if (root / FRAMES_CSV).is_file() else "; other shards are still to come"


def write_split_lists(root: Path, names: Mapping[SplitPart, Iterable[str]]) -> None:
    """Write the three lists of patients' names."""
    for part, path in _LISTS.items():
        write_text(root / path, "".join(f"{name}\n" for name in names.get(part, ())))


def read_split_lists(
    root: Path, release: str, folder: str
) -> tuple[dict[SplitPart, tuple[PatientId, ...]], tuple[Path, ...]]:
    """Read the lists that are there: patients by part in the order of the file, and the paths (relative to `root`).

    Args:
        release, folder: of the patients that the names mean.

    Raises:
        DataError: a line is not a patient's name, a name stands twice in a list, or some lists are there and others
            are not. A patient in two lists is left to `check_patients`, which names all pairs.
    """
    present = [path for path in _LISTS.values() if (root / path).is_file()]
    if not present:
        return {}, ()
    if len(present) < len(_LISTS):
        lacking = ", ".join(path.name for path in _LISTS.values() if path not in present)
        raise DataError(root / SPLIT, "lists", f"no {lacking}", "all three lists, or none")
    lists = {
        part: tuple(PatientId(release, folder, name) for name in _read_names(root / path))
        for part, path in _LISTS.items()
    }
    return lists, tuple(present)


def read_frames_csv(path: Path, release: str, folder: str) -> tuple[str, dict[str, Provenance]]:
    """Read the set's release, which is part of every patient's identity, and each frame's provenance by its name.

    Args:
        path: of the file.
        release, folder: what a plain `patient0001` in the column `source_patient` means; a full
            `release/folder/patient0001` is understood too. The set's own release as well, if it states none.

    Raises:
        DataError: columns differ, a frame stands twice, a domain is unknown, a diffusion frame has no source, or the
            release is no name or not the same in every line.
    """
    known = (*FRAMES_COLUMNS, RELEASE_COLUMN)
    lines: dict[str, Provenance] = {}
    own = ""
    for where, cells in read_lines(path, *FRAMES_COLUMNS):
        if unknown := [name for name in cells if name not in known]:
            raise DataError(path, "columns", shown(unknown), f"only {', '.join(known)}")
        cells = {name: from_cell(cell) for name, cell in cells.items()}
        if cells["frame"] in lines:
            raise DataError(where, "frame", f"{cells['frame']} again", "each frame once")
        lines[cells["frame"]] = _parse(where, cells, release, folder)
        own = _same_release(where, cells.get(RELEASE_COLUMN, release), own)
    return own or release, lines


def write_frames_csv(root: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write `frames.csv`, one row of `FRAMES_COLUMNS` and `RELEASE_COLUMN` per frame."""
    write_csv(root / FRAMES_CSV, (*FRAMES_COLUMNS, RELEASE_COLUMN), rows)


def _read_names(path: Path) -> list[str]:
    with readable(path, "a text file in UTF-8", UnicodeDecodeError):
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    names: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name = line.strip()
        if not name:
            continue
        if not PATIENT_NAME.fullmatch(name):
            raise DataError(f"{path}:{number}", "patient", repr(name[:60]), "a name like patient0001")
        if name in names:
            raise DataError(f"{path}:{number}", "patient", f"{name} again (first in line {names[name]})", "each once")
        names[name] = number
    return list(names)


def _same_release(where: str, given: str, before: str) -> str:
    if not _RELEASE.fullmatch(given):
        raise DataError(where, RELEASE_COLUMN, repr(given), "a name of letters, digits, dots, dashes and underscores")
    if before and given != before:
        raise DataError(where, RELEASE_COLUMN, given, f"{before}, as in the lines before", "Give each set a folder.")
    return given


def _parse(where: str, cells: Mapping[str, str], release: str, folder: str) -> Provenance:
    for name, words in (("domain", [*Domain]), ("source_split", ["", *SplitPart])):
        if cells[name] not in words:
            raise DataError(where, name, repr(cells[name][:60]), ", ".join(filter(None, words)))
    if cells["seed"] and not re.fullmatch("[0-9]{1,20}", cells["seed"]):
        raise DataError(where, "seed", repr(cells["seed"][:60]), "a whole number from 0, or nothing")
    if not _FRAME.fullmatch(cells["frame"]):
        raise DataError(where, "frame", repr(cells["frame"][:60]), "a name like patient0001_2CH_ED")
    domain, source = Domain(cells["domain"]), _source(where, cells["source_patient"], release, folder)
    if domain in MADE_FROM_REAL and source is None:
        raise DataError(
            where, "source_patient", "empty", "the real patient whom the frame shows or whose mask it was made from",
            "Without it a leak from test patients cannot be ruled out.",
        )  # fmt: skip
    return domain, source


def _source(where: str, text: str, release: str, folder: str) -> PatientId | None:
    if not text:
        return None
    parts = text.split("/")
    try:
        return PatientId(*(parts if len(parts) != 1 else (release, folder, text)))
    except (TypeError, DataError):
        expected = "patient0001 or release/folder/patient0001"
        raise DataError(where, "source_patient", ascii(text)[:90], expected) from None
