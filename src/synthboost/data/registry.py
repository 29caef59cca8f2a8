"""Open a data set: find out which release a folder holds and read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synthboost.data import camus_mhd, camus_nifti, camus_sdm, drawn, shards
from synthboost.data.dataset import Dataset
from synthboost.errors import DataError


@dataclass(frozen=True)
class Reader:
    """How a release is recognised and read."""

    find_root: Callable[[Path], Path | None]
    """From the folder that the user gave to the release's root, or `None` if it holds something else."""
    read: Callable[[Path, bool], Dataset]
    """From root and `allow_missing` to the data set."""
    looks_for: str
    """What `find_root` looks for, in words for the user."""


READERS: dict[str, Reader] = {
    camus_nifti.RELEASE: Reader(
        find_root=camus_nifti.find_root, read=camus_nifti.read_camus_nifti, looks_for=camus_nifti.LOOKS_FOR
    ),
    camus_mhd.RELEASE: Reader(
        find_root=camus_mhd.find_root, read=camus_mhd.read_camus_mhd, looks_for=camus_mhd.LOOKS_FOR
    ),
    camus_sdm.RELEASE: Reader(
        find_root=camus_sdm.find_root, read=camus_sdm.read_camus_sdm, looks_for=camus_sdm.LOOKS_FOR
    ),
    shards.RELEASE: Reader(find_root=shards.find_root, read=shards.read_shards, looks_for=shards.LOOKS_FOR),
    drawn.RELEASE: Reader(find_root=drawn.find_root, read=drawn.read_drawn, looks_for=drawn.LOOKS_FOR),
}
"""Release -> its reader. A new release is one file and one entry."""


def open_dataset(root: Path, allow_missing: bool = False) -> Dataset:
    """Open the data set in the folder `root`, reading names and attributes but no pixel.

    Args:
        root: the release's folder (for `camus-nifti` also its `database_nifti`).
        allow_missing: skip patients of whom a file is missing, and say so in `Dataset.absent`.

    Raises:
        DataError: no known release lies there, two do, a file is missing (unless allowed), or one is broken.
    """
    if not root.is_dir():
        raise DataError(root, "data set", "no such folder", "the folder of a data set", "Check the path.")
    found = {name: place for name, reader in READERS.items() if (place := reader.find_root(root)) is not None}
    if len(found) > 1:
        raise DataError(root, "data set", f"{' and '.join(found)} at once", "one release", "Give them a folder each.")
    if not found:
        raise DataError(root, "data set", "nothing known", _what_was_looked_for(), _hint(root))
    name, place = next(iter(found.items()))
    return READERS[name].read(place, allow_missing)


def looks_like_dataset(root: Path) -> bool:
    """Whether a known release lies in the folder `root`, or in a folder of it, which `open_dataset` then says."""
    folders = [root, *(path for path in root.iterdir() if path.is_dir())] if root.is_dir() else []
    return any(reader.find_root(folder) for folder in folders for reader in READERS.values())


def _what_was_looked_for() -> str:
    return " or ".join(f"{reader.looks_for} ({name})" for name, reader in READERS.items())


def _hint(root: Path) -> str:
    """The usual slip: the archive was unpacked into one folder more than was given."""
    for child in sorted(path for path in root.iterdir() if path.is_dir()):
        if any(reader.find_root(child) for reader in READERS.values()):
            return f"Did you mean {child}?"
    return "Give the folder that contains this."
