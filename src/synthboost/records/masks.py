"""Predictions on disk: a mask per frame and sentence, a label map per frame, an index that says whose mask is whose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from synthboost.domain import Mask, PromptSet, Structure
from synthboost.io.pictures import read_mask_png, write_png
from synthboost.io.tables import Allowed, one_of, read_typed, write_typed


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
_ALLOWED: Allowed = {
    "structure": one_of(structure.short for structure in Structure),
    "prompt_set": (lambda word: word in list(PromptSet), f"one of {', '.join(PromptSet)}, or an own one"),
    "file": (lambda file: Path(file).name == file, "a file in this folder"),
}


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
    write_typed(folder / INDEX_FILE, IndexEntry, entries)


def read_index(folder: Path) -> list[IndexEntry]:
    """Read `index.csv`.

    Raises:
        DataError: absent, not UTF-8, or a line does not mean a mask.
    """
    return list(read_typed(folder / INDEX_FILE, IndexEntry, _ALLOWED))
