"""Named streams of random numbers: what one part of a simulation draws never shifts what another part draws."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.random import Generator, SeedSequence


def stream(seed: int, patient_number: int, *name: str | int) -> Generator:
    """Return the generator of one named component of one patient, e.g. `stream(7, 12, "pose", "4CH", attempt)`.

    The same arguments give the same numbers in every process; any other name gives independent ones. This is why the
    quality of an image can be changed without moving its masks.
    """
    words = "/".join(str(part) for part in name)
    return np.random.default_rng(SeedSequence([seed, patient_number, zlib.crc32(words.encode())]))


def truncated_normal(rng: Generator, mean: float, sd: float, low: float, high: float) -> float:
    """Draw from a normal distribution restricted to [low, high] by drawing again (no heaps at the ends)."""
    for _ in range(1000):
        value = rng.normal(mean, sd)
        if low <= value <= high:
            return float(value)
    raise AssertionError(f"N({mean}, {sd}) practically never falls in [{low}, {high}]")
