"""The kernel distance (KID's maximum mean discrepancy) between two samples of features, by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError
from synthboost.evaluation.fidelity.frechet import require_samples

Numbers = NDArray[np.float64]

DRAWS = 2000


@dataclass(frozen=True)
class KernelDistance:
    """A squared discrepancy and its bootstrap interval; about 0, and as often below it, for equal distributions."""

    value: float
    low: float
    high: float
    level: float
    """e.g. 0.95."""


def kernel_distance(
    first: Numbers,
    second: Numbers,
    first_patients: Sequence[str],
    second_patients: Sequence[str],
    *,
    seed: int,
    draws: int = DRAWS,
    level: float = 0.95,
) -> KernelDistance:
    """Unbiased squared discrepancy with the kernel (x.y / d + 1)^3 of KID (Binkowski et al., arXiv 1801.01401).

    Within a sample, only pairs of images of different patients count: images of one patient are alike, and would let
    every small set seem far from every other. The interval draws the patients of both samples anew, with all images
    they have (percentiles); a patient drawn twice is no pair of patients.

    Args:
        first: (n, d) features.
        second: (m, d) features.
        first_patients: (n,) whose images they are.
        second_patients: (m,) the same; of synthetic images, their sources.
        seed: of the draws.
        draws: number of resamplings.
        level: coverage of the interval.

    Raises:
        DataError: the samples are not as above, patients are not one per row, or a sample has but one.
    """
    require_samples(first, second)
    a, b = _by_patient("first", first, first_patients), _by_patient("second", second, second_patients)
    blocks = _Blocks(_sums(first, a, first, a), _sums(second, b, second, b), _sums(first, a, second, b), a, b)
    value = blocks.distance(np.ones(a.shape[1]), np.ones(b.shape[1]))
    rng = np.random.default_rng(seed)
    found = [blocks.distance(_draw(rng, a.shape[1]), _draw(rng, b.shape[1])) for _ in range(draws)]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return KernelDistance(value, float(low), float(high), level)


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Kernel sums between patients, so that a draw of patients costs no kernel."""

    within_first: Numbers
    within_second: Numbers
    between: Numbers
    first: Numbers
    """(n, patients) 1 where the image is the patient's."""
    second: Numbers

    def distance(self, first: Numbers, second: Numbers) -> float:
        """With each patient counted so often."""
        of_first, of_second = self.first.sum(axis=0), self.second.sum(axis=0)
        across = (first @ self.between @ second) / ((first @ of_first) * (second @ of_second))
        return float(
            _mean(self.within_first, first, of_first) + _mean(self.within_second, second, of_second) - 2 * across
        )


def _mean(sums: Numbers, times: Numbers, images: Numbers) -> float:
    """Of the kernel over pairs of images of different patients."""
    same = times**2
    total = times @ sums @ times - same @ np.diag(sums)
    return float(total / ((times @ images) ** 2 - same @ images**2))


def _draw(rng: np.random.Generator, patients: int) -> Numbers:
    """How often each patient is drawn; at least two different ones, else there is no pair."""
    while True:
        times = rng.multinomial(patients, np.full(patients, 1 / patients)).astype(np.float64)
        if np.count_nonzero(times) > 1:
            return times


def _sums(x: Numbers, of_x: Numbers, y: Numbers, of_y: Numbers) -> Numbers:
    """(patients, patients) sums of the kernel over their images."""
    kernel = (x @ y.T / x.shape[1] + 1) ** 3
    return np.asarray(of_x.T @ kernel @ of_y)


def _by_patient(name: str, sample: Numbers, patients: Sequence[str]) -> Numbers:
    if len(patients) != len(sample):
        raise DataError(f"{name} sample", "patients", len(patients), f"{len(sample)}, one per row")
    everyone, whose = np.unique(np.asarray(patients), return_inverse=True)
    if len(everyone) < 2:
        raise DataError(f"{name} sample", "patients", len(everyone), "at least two different ones")
    return np.asarray(whose[:, None] == np.arange(len(everyone)), dtype=np.float64)
