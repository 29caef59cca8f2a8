"""Density and coverage: do synthetic samples lie where real ones are, and are all real ones near a synthetic one?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError
from synthboost.evaluation.fidelity.frechet import require_samples

NEIGHBOURS = 5
"""As in the paper's experiments."""


@dataclass(frozen=True)
class DensityCoverage:
    """Naeem et al., Reliable fidelity and diversity metrics, arXiv 2002.09797, equations 3 and 4."""

    density: float
    """Mean number of real balls a synthetic sample lies in, over k; about 1 for equal distributions, may be more."""
    coverage: float
    """Part of the real balls that hold a synthetic sample, 0-1; 1 - 2^-k for equal distributions and sizes."""


def density_and_coverage(
    real: NDArray[np.float64], synthetic: NDArray[np.float64], neighbours: int = NEIGHBOURS
) -> DensityCoverage:
    """Measure with the ball of each real sample that reaches to its k-th nearest real neighbour.

    Args:
        real: (n, d) features.
        synthetic: (m, d) features.
        neighbours: k.

    Raises:
        DataError: the samples are not matrices of finite numbers alike, or k is not between 1 and n - 1.
    """
    from scipy.spatial.distance import cdist

    require_samples(real, synthetic)
    if not 1 <= neighbours < len(real):
        raise DataError("coverage", "neighbours", neighbours, f"1 to {len(real) - 1}, fewer than the real samples")
    radius = np.partition(cdist(real, real), neighbours, axis=1)[:, neighbours]  # place 0 is the sample itself
    inside = cdist(real, synthetic) <= radius[:, None]
    return DensityCoverage(float(inside.sum() / (neighbours * len(synthetic))), float(inside.any(axis=1).mean()))
