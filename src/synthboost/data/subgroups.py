"""Read CAMUS' lists of patients, `database_split/subgroup_{training,validation,testing}.txt`."""

from __future__ import annotations

import re
from pathlib import Path

from synthboost.domain import PatientId, SplitPart
from synthboost.errors import DataError

SUBGROUP_FOLDER = "database_split"
_NAME = re.compile(r"patient[0-9]{4,8}")


def read_subgroups(
    root: Path, release: str, folder: str
) -> tuple[dict[SplitPart, tuple[PatientId, ...]], tuple[Path, ...]]:
    """Read the lists that are there: patients by part in the order of the file, and the paths (relative to `root`).

    Args:
        release, folder: of the patients that the names mean.

    Raises:
        DataError: a line is not a patient's name, a name stands twice in a list, or some lists are there and others
            are not. A patient in two lists is left to `check_split`, which names all pairs.
    """
    names = {part: Path(SUBGROUP_FOLDER) / f"subgroup_{part}.txt" for part in SplitPart}
    present = [path for path in names.values() if (root / path).is_file()]
    if not present:
        return {}, ()
    if len(present) < len(names):
        lacking = ", ".join(path.name for path in names.values() if path not in present)
        raise DataError(root / SUBGROUP_FOLDER, "lists", f"no {lacking}", "all three lists, or none")
    lists = {
        part: tuple(PatientId(release, folder, name) for name in _read_names(root / path))
        for part, path in names.items()
    }
    return lists, tuple(present)


def _read_names(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path, "file", error, "a readable text file") from error
    names: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name = line.strip()
        if not name:
            continue
        if not _NAME.fullmatch(name):
            raise DataError(f"{path}:{number}", "patient", repr(name[:60]), "a name like patient0001")
        if name in names:
            raise DataError(f"{path}:{number}", "patient", f"{name} again (first in line {names[name]})", "each once")
        names[name] = number
    return list(names)
