"""Write a simulated set of any layout (shards, drawn when read) in the layout of CAMUS, for others' programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from synthboost.data.dataset import Dataset
from synthboost.data.simulated_set import GENERATOR, GENERATOR_VERSION, settings_of
from synthboost.data.splits import make_split
from synthboost.data.writer import MadePatient, Origin, remake_dataset
from synthboost.domain import Domain, FrameInfo
from synthboost.errors import DataError

RECORD = "export.json"


def export_camus(dataset: Dataset, out: Path, shard: tuple[int, int] = (1, 1)) -> int:
    """Write every frame of a simulated set, its attributes and its split; the same call finishes what was begun.

    Pixels, masks, names and release stay: the export holds the same patients.

    Args:
        out: a new or empty folder, or one begun with the same set.
        shard: (i, n): every n-th patient, the i-th first.

    Returns:
        How many patients were written now.

    Raises:
        ConfigError: the shard is none.
        DataError: the set is not simulated, broken, or has half sequences, which would be lost.
        OutputError: the folder holds something else, or cannot be written.
    """
    settings = settings_of(dataset.root)
    if settings.phases_between:
        raise DataError(
            dataset.root, "half sequences", f"{settings.phases_between} frames between ED and ES",
            "shards, or a set that is drawn when read", "This set is in the layout of CAMUS already.",
        )  # fmt: skip

    def read(infos: Sequence[FrameInfo]) -> MadePatient:
        return MadePatient([dataset.load(info) for info in infos], {"settings": settings.to_json()})

    origin = Origin(Domain.SIMULATED, GENERATOR, GENERATOR_VERSION, settings.seed, dataset.release, RECORD)
    split = make_split("official", dataset)
    return remake_dataset(out, dataset, split, origin, settings.to_json(), read, "exporting", shard)
