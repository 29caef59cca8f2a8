"""Open a data set: find out which kind a folder holds and read it."""

from __future__ import annotations

from pathlib import Path

from synthboost.data.camus import CamusMhd, CamusNifti
from synthboost.data.camus_sdm import CamusSdm
from synthboost.data.cardiac_uda import CardiacUda
from synthboost.data.dataset import Dataset
from synthboost.data.echonet import EchoNetDynamic
from synthboost.data.echonet_pediatric import EchoNetPediatric
from synthboost.data.hmc_qu import HmcQu
from synthboost.data.lists import FRAMES_CSV
from synthboost.data.nnunet import NnUnet
from synthboost.data.sequences import CamusSequences, Ted
from synthboost.data.simulated_readers import OnTheFly, Shards
from synthboost.data.table import TableFolder
from synthboost.data.unity import Unity
from synthboost.errors import DataError
from synthboost.io.recordings import find_recordings

READERS: dict[str, type[Dataset]] = {
    "camus-nifti": CamusNifti,
    "camus-mhd": CamusMhd,
    "camus-sdm": CamusSdm,
    "shards": Shards,
    "on-the-fly": OnTheFly,
    "table": TableFolder,
    "echonet-dynamic": EchoNetDynamic,
    "echonet-pediatric": EchoNetPediatric,
    "nnunet": NnUnet,
    "camus-sequences": CamusSequences,
    "ted": Ted,
    "hmc-qu": HmcQu,
    "cardiac-uda": CardiacUda,
    "unity": Unity,
}
"""Kind of data set -> its class. A new one is one file and one entry."""
BARE = (
    "`synthboost predict` segments bare recordings. For a biplane ejection fraction, name the ED and ES frames of both "
    "views in a frames.csv with the columns image, number, patient, view, phase: docs/your-clinic.md shows it."
)
"""What to do with recordings that are no data set."""


def open_dataset(root: Path, allow_missing: bool = False) -> Dataset:
    """Open the data set in the folder `root`, reading names and attributes but no pixel.

    Args:
        root: the release's folder (for `camus-nifti` also its `database_nifti`); or `KIND:FOLDER` for a folder that is
            of several kinds.
        allow_missing: skip patients of whom a file is missing, and say so in `Dataset.absent`.

    Raises:
        DataError: no known release lies there, two do, a file is missing (unless allowed), or one is broken.
    """
    kind, separator, folder = str(root).partition(":")
    if separator and kind in READERS and not root.exists():
        if (place := READERS[kind].find_root(Path(folder))) is None:
            raise DataError(folder, "data set", f"no {kind}", READERS[kind].looks_for, "Check the path.")
        return READERS[kind].open(place, allow_missing)
    if not root.is_dir():
        found = "a file" if root.exists() else "no such folder"
        raise DataError(root, "data set", found, "the folder of a data set", "Check the path.")
    automatic = {name: reader for name, reader in READERS.items() if not reader.has_own_name}
    places = {name: place for name, reader in automatic.items() if (place := reader.find_root(root)) is not None}
    if len(places) > 1:
        remedy = f"Give {next(iter(places))}:{root} for this one, or each a folder."
        raise DataError(root, "data set", f"{' and '.join(places)} at once", "one release", remedy)
    if not places:
        looked_for = " or ".join(f"{reader.looks_for} ({name})" for name, reader in READERS.items())
        child = next(filter(_is_known, sorted(root.iterdir())), None)
        if child is None and (bare := _recordings(root)):
            raise DataError(root, "data set", f"{bare} recordings, but nothing that says what they show",
                            f"{FRAMES_CSV} or another known layout", BARE)  # fmt: skip
        hint = "Give the folder that contains this." if child is None else f"Did you mean {child}?"
        raise DataError(root, "data set", "nothing known", looked_for, hint)
    name, place = next(iter(places.items()))
    return READERS[name].open(place, allow_missing)


def looks_like_dataset(root: Path) -> bool:
    """Whether a known release lies in the folder `root`, or in a folder of it, which `open_dataset` then says."""
    return root.is_dir() and (_is_known(root) or any(map(_is_known, root.iterdir())))


def _recordings(root: Path) -> int:
    try:
        return len(find_recordings(root))
    except DataError:
        return 0


def _is_known(folder: Path) -> bool:
    return folder.is_dir() and any(r.find_root(folder) for r in READERS.values() if not r.has_own_name)
