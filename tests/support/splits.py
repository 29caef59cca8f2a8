"""Both halves of the check of a split, as a run does them."""

from __future__ import annotations

from synthboost.data import Split, check_images, check_patients
from synthboost.data.dataset import Dataset


def check_split(
    split: Split, dataset: Dataset, allow_missing: bool = False, workers: int = 0, sources: Split | None = None
) -> None:
    check_patients(split, dataset, allow_missing, sources)
    check_images(split, dataset, workers)
