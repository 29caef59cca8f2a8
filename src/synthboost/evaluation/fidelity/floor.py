"""A measure between real and synthetic images beside the same measure between real images and other real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from synthboost.errors import ConfigError, DataError

Numbers = NDArray[np.float64]
REPEATS = 20


@dataclass(frozen=True)
class AgainstFloor:
    """Means and ranges over repeated halvings of the real patients; all samples have the same number of images."""

    value: float
    """Real against synthetic."""
    low: float
    """The 2.5 % and 97.5 % quantiles over the halvings: how much the choice of patients matters."""
    high: float
    floor: float
    """Real against real."""
    floor_low: float
    floor_high: float
    images: int
    """In each sample."""


def against_floor(
    measure: Callable[[Numbers, Numbers], float],
    real: Numbers,
    synthetic: Numbers,
    real_patients: Sequence[str],
    synthetic_patients: Sequence[str],
    *,
    seed: int,
    repeats: int = REPEATS,
) -> AgainstFloor:
    """Halve the real patients; measure one half against the other, and against as many synthetic images.

    Distances between small samples are never 0, and depend on their size: so a distance alone says nothing.

    Args:
        measure: of two samples (n, d), the first always real.
        real, synthetic: features, one row per image.
        real_patients, synthetic_patients: whose they are; patients are drawn whole, as long as there is room.

    Raises:
        DataError: there are fewer than four real patients, or patients are not one per row.
        ConfigError: `repeats` is less than 1.
    """
    if repeats < 1:
        raise ConfigError("floor", "repeats", repeats, "at least 1")
    for name, rows, patients in (("real", real, real_patients), ("synthetic", synthetic, synthetic_patients)):
        if len(rows) != len(patients):
            raise DataError(f"{name} sample", "patients", len(patients), f"{len(rows)}, one per row")
    if len(set(real_patients)) < 4:
        raise DataError("floor", "real patients", len(set(real_patients)), "at least four, to be halved")
    rng = np.random.default_rng(seed)
    of_real, of_synthetic = np.asarray(real_patients), np.asarray(synthetic_patients)
    size = min(_smaller_half(of_real), len(synthetic))
    found = []
    for _ in range(repeats):
        half, other = (index[:size] for index in _halves(of_real, rng))
        chosen = _shuffled(of_synthetic, rng)[:size]
        found.append((measure(real[half], synthetic[chosen]), measure(real[half], real[other])))
    values, floors = np.array(found).T
    (low, high), (floor_low, floor_high) = (np.quantile(x, [0.025, 0.975]).tolist() for x in (values, floors))
    return AgainstFloor(float(values.mean()), low, high, float(floors.mean()), floor_low, floor_high, size)


def _smaller_half(patients: NDArray[np.str_]) -> int:
    """Images that any half of the patients has at least."""
    counts = np.sort(np.unique(patients, return_counts=True)[1])
    return int(counts[: len(counts) // 2].sum())


def _halves(patients: NDArray[np.str_], rng: Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of one half of the patients and of the other."""
    everyone = rng.permutation(np.unique(patients))
    first = np.isin(patients, everyone[: len(everyone) // 2])
    return rng.permutation(np.flatnonzero(first)), rng.permutation(np.flatnonzero(~first))


def _shuffled(patients: NDArray[np.str_], rng: Generator) -> NDArray[np.intp]:
    """Rows in an order of patients drawn at random, so that a prefix holds whole patients but the last."""
    place = {patient: number for number, patient in enumerate(rng.permutation(np.unique(patients)))}
    return np.argsort([place[patient] for patient in patients], kind="stable")
