"""Predictions on disk: a mask per frame and sentence, a label map per frame, an index that says whose mask is whose."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from synthboost.domain import Mask, PromptSet, Structure
from synthboost.errors import DataError
from synthboost.io.atomic import write_csv
from synthboost.io.pictures import read_mask_png, write_png


@dataclass(frozen=True)
class IndexEntry:
    """One line of `index.csv`: a mask and the sentence that it was predicted for."""

    frame: str
    structure: str
    """The structure the mask is scored against: `LV`, `MYO`, `LA`."""
    probe: str
    """Empty, or `swapped` when the sentence names another structure on purpose."""
    prompt_set: str
    paraphrase: int
    sentence: str = ""
    uses_ground_truth: bool = False
    file: str = ""
    """Relative to the index; empty when there is no mask."""
    reason: str = ""
    """Why there is no mask; empty otherwise."""


INDEX_FILE = "index.csv"
LABEL_MAP_SUFFIX = "_labels.png"
_SHORT_NAMES = tuple(structure.short for structure in Structure)
_COLUMNS = tuple(field.name for field in fields(IndexEntry))


def mask_name(frame: str, structure: Structure, probe: str = "") -> str:
    """Return the file name of a mask, e.g. `patient0001_2CH_ED_LV.png`."""
    return f"{frame}_{structure.short}{'_' + probe if probe else ''}.png"


def label_map_name(frame: str) -> str:
    """Return the file name of a frame's label map, e.g. `patient0001_2CH_ED_labels.png`."""
    return f"{frame}{LABEL_MAP_SUFFIX}"


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask as a one-bit PNG of its own size."""
    write_png(path, mask)


def read_mask(path: Path) -> Mask:
    """Read a mask that `write_mask` wrote.

    Raises:
        DataError: absent, truncated, or not a one-bit PNG.
    """
    return read_mask_png(path)


def write_index(folder: Path, entries: list[IndexEntry]) -> None:
    """Write `index.csv`, last of all: a folder without it is not finished."""
    write_csv(folder / INDEX_FILE, _COLUMNS, (asdict(entry) for entry in entries))


def read_index(folder: Path) -> list[IndexEntry]:
    """Read `index.csv`.

    Raises:
        DataError: absent, not UTF-8, or a line does not mean a mask.
    """
    path = folder / INDEX_FILE
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle, strict=True)
            if tuple(reader.fieldnames or ()) != _COLUMNS:
                raise DataError(path, "columns", ", ".join(reader.fieldnames or ()), ", ".join(_COLUMNS))
            return [_entry(f"{path}:{reader.line_num}", line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, "file", error, "the index of a folder of predicted masks") from error


def _entry(where: str, line: dict[str, str]) -> IndexEntry:
    try:
        if None in line or None in line.values():
            raise ValueError("too many or too few cells")
        prompt_set = PromptSet(line["prompt_set"])
        if line["structure"] not in _SHORT_NAMES:
            raise ValueError(f"no structure is called {line['structure']!r}")
        file = line["file"]
        if Path(file).name != file:
            raise ValueError(f"the file {file!r} lies outside the folder")
        return IndexEntry(
            frame=line["frame"],
            structure=line["structure"],
            probe=line["probe"],
            prompt_set=str(prompt_set),
            paraphrase=int(line["paraphrase"]),
            sentence=line["sentence"],
            uses_ground_truth=line["uses_ground_truth"] == "True",
            file=file,
            reason=line["reason"],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(where, "line", error, f"the columns {', '.join(_COLUMNS)}") from error
