"""The Frechet distance between two samples of features, each taken for Gaussian."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import DataError

Numbers = NDArray[np.float64]


def frechet_distance(first: Numbers, second: Numbers) -> float:
    """|mean - mean|^2 + tr(A + B - 2 (A B)^(1/2)) of two samples (n, d) and (m, d) with covariances A and B.

    Of radiomic features this is the Frechet radiomic distance (Konz et al., arXiv 2412.01496), of Inception's the FID.
    It is biased upwards for small samples: compare only distances of equal n and m, and against a floor.

    Raises:
        DataError: a sample has fewer than two rows, the numbers of columns differ, or a value is not finite.
    """
    require_samples(first, second)
    between = first.mean(axis=0) - second.mean(axis=0)
    a, b = (np.atleast_2d(np.cov(sample, rowvar=False)) for sample in (first, second))
    # tr((A B)^(1/2)) is the sum of the roots of the eigenvalues of A^(1/2) B A^(1/2), which is symmetric.
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ b @ root), 0, None)).sum()
    return float(max(0.0, between @ between + np.trace(a) + np.trace(b) - 2 * cross))


def require_samples(first: Numbers, second: Numbers) -> None:
    """Accept two finite matrices of at least two rows and of equally many columns.

    Raises:
        DataError: they are something else.
    """
    for name, sample in (("first sample", first), ("second sample", second)):
        if sample.ndim != 2 or len(sample) < 2 or sample.shape[1] == 0:
            raise DataError(name, "shape", sample.shape, "(n, d) with at least two rows and one column")
        if not np.isfinite(sample).all():
            raise DataError(name, "features", f"{np.count_nonzero(~np.isfinite(sample))} not finite", "finite numbers")
    if first.shape[1] != second.shape[1]:
        raise DataError("second sample", "columns", second.shape[1], f"{first.shape[1]}, as the first has")
