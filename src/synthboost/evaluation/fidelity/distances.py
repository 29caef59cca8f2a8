"""Distances of synthetic samples of features from real ones, against those between real ones; a test for copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.echo_set import EchoSet
from synthboost.evaluation.metrics.resample import area_weights
from synthboost.evaluation.statistics.tests import patient_means

Numbers = NDArray[np.float64]

NEIGHBOURS = 5
"""Of density and coverage, as in their paper's experiments."""


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


def kernel_distance(
    first: Numbers,
    second: Numbers,
    first_patients: Sequence[str],
    second_patients: Sequence[str],
    *,
    seed: int,
    draws: int = 2000,
) -> dict[str, float]:
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

    Returns:
        `value`, about 0 and as often below it for equal distributions; `low` and `high` of its 95 % interval.

    Raises:
        DataError: the samples are not as above, patients are not one per row, or a sample has but one.
    """
    require_samples(first, second)
    a, b = _by_patient("first", first, first_patients), _by_patient("second", second, second_patients)
    images = a.sum(axis=0), b.sum(axis=0)
    # Kernel sums between patients, so that a draw of patients costs no kernel.
    within, between = (_sums(first, a, first, a), _sums(second, b, second, b)), _sums(first, a, second, b)

    def distance(*times: Numbers) -> float:
        """With each patient of both samples counted so often."""
        across = (times[0] @ between @ times[1]) / ((times[0] @ images[0]) * (times[1] @ images[1]))
        return float(_mean(within[0], times[0], images[0]) + _mean(within[1], times[1], images[1]) - 2 * across)

    value = distance(np.ones(a.shape[1]), np.ones(b.shape[1]))
    rng = np.random.default_rng(seed)
    found = [distance(_draw(rng, a.shape[1]), _draw(rng, b.shape[1])) for _ in range(draws)]
    low, high = np.quantile(found, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high)}


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


def _require_owners(name: str, sample: Numbers, patients: Sequence[str]) -> None:
    if len(patients) != len(sample):
        raise DataError(f"{name} sample", "patients", len(patients), f"{len(sample)}, one per row")


def _by_patient(name: str, sample: Numbers, patients: Sequence[str]) -> Numbers:
    _require_owners(name, sample, patients)
    everyone, whose = np.unique(np.asarray(patients), return_inverse=True)
    if len(everyone) < 2:
        raise DataError(f"{name} sample", "patients", len(everyone), "at least two different ones")
    return np.asarray(whose[:, None] == np.arange(len(everyone)), dtype=np.float64)


def density_and_coverage(
    real: NDArray[np.float64], synthetic: NDArray[np.float64], neighbours: int = NEIGHBOURS
) -> tuple[float, float]:
    """Measure with the ball of each real sample that reaches to its k-th nearest real neighbour.

    Naeem et al., Reliable fidelity and diversity metrics, arXiv 2002.09797, equations 3 and 4.

    Args:
        real: (n, d) features.
        synthetic: (m, d) features.
        neighbours: k.

    Returns:
        density: mean number of real balls a synthetic sample lies in, over k; about 1 for equal distributions, may be
            more.
        coverage: part of the real balls that hold a synthetic sample, 0-1; 1 - 2^-k for equal distributions and sizes.

    Raises:
        DataError: the samples are not matrices of finite numbers alike, or k is not between 1 and n - 1.
    """
    from scipy.spatial.distance import cdist

    require_samples(real, synthetic)
    if not 1 <= neighbours < len(real):
        raise DataError("coverage", "neighbours", neighbours, f"1 to {len(real) - 1}, fewer than the real samples")
    radius = np.partition(cdist(real, real), neighbours, axis=1)[:, neighbours]  # place 0 is the sample itself
    inside = cdist(real, synthetic) <= radius[:, None]
    return float(inside.sum() / (neighbours * len(synthetic))), float(inside.any(axis=1).mean())


def against_floor(
    measure: Callable[[Numbers, Numbers], float],
    real: Numbers,
    synthetic: Numbers,
    real_patients: Sequence[str],
    synthetic_patients: Sequence[str],
    *,
    seed: int,
    repeats: int = 20,
) -> dict[str, float]:
    """Halve the real patients; measure one half against the other, and against as many synthetic images.

    Distances between small samples are never 0, and depend on their size: so a distance alone says nothing.

    Args:
        measure: of two samples (n, d), the first always real.
        real, synthetic: features, one row per image.
        real_patients, synthetic_patients: whose they are; patients are drawn whole, as long as there is room.

    Returns:
        `value`, the mean over the halvings of real against synthetic, with the 2.5 % and 97.5 % quantiles `low` and
        `high` (how much the choice of patients matters); `floor`, `floor_low` and `floor_high`, the same of real
        against real; `images`, the number in each sample.

    Raises:
        DataError: there are fewer than four real patients, or patients are not one per row.
        ConfigError: `repeats` is less than 1.
    """
    if repeats < 1:
        raise ConfigError("floor", "repeats", repeats, "at least 1")
    _require_owners("real", real, real_patients)
    _require_owners("synthetic", synthetic, synthetic_patients)
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
    summary: dict[str, float] = {}
    for names, values in zip(
        (("value", "low", "high"), ("floor", "floor_low", "floor_high")), np.array(found).T, strict=True
    ):
        summary |= zip(names, (float(values.mean()), *np.quantile(values, [0.025, 0.975]).tolist()), strict=True)
    return {**summary, "images": size}


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


NEAR_SHARE = 0.05
"""Of the held-out images that count as near to the training set."""
LOW_RESOLUTION = 16
"""Side in pixels of the images in which copies are sought."""


def nearest_neighbour_test(
    synthetic: Numbers,
    training: Numbers,
    held_out: Numbers,
    *,
    synthetic_patients: Sequence[str],
    held_out_patients: Sequence[str],
    synthetic_names: Sequence[str],
    training_names: Sequence[str],
) -> dict[str, Any]:
    """Compare distances to the nearest training image in any space: features on one scale, or `low_resolution`.

    A generator that is given masks of training patients comes nearer to them than held-out images are without
    copying a pixel, so watch the ratio over training time, and inspect the suspects.

    Args:
        synthetic, training, held_out: (n, d) each, one row per image.
        synthetic_patients, held_out_patients: whose they are; images of one patient are not independent.
        synthetic_names, training_names: for the list of suspects.

    Returns:
        ratio: median of the synthetic distances over that of the held-out ones; well below 1 means copies.
        near_share: part of the synthetic images nearer than the nearest 5 % of the held-out ones; 0.05 if alike.
        p_value: that synthetic images are not the nearer ones: Mann-Whitney, one-sided, on means by patient.
        suspects: `synthetic`, `training` and `distance` of each synthetic image that is nearer to a training image than
            every held-out image is; nearest first, for inspection by eye.

    Raises:
        DataError: samples, patients or names do not fit together, or a held-out image is itself in the training set
            (a distance of 0).
    """
    from scipy.spatial import KDTree
    from scipy.stats import mannwhitneyu

    require_samples(training, synthetic)
    require_samples(training, held_out)
    for field, values, rows in (
        ("synthetic_names", synthetic_names, synthetic),
        ("training_names", training_names, training),
    ):
        if len(values) != len(rows):
            raise DataError("memorisation", field, len(values), f"{len(rows)}, one per image")
    tree = KDTree(training)
    ours, nearest = tree.query(synthetic)
    theirs, _ = tree.query(held_out)
    if theirs.min() == 0:
        raise DataError(
            "memorisation", "held-out images", f"{np.count_nonzero(theirs == 0)} equal a training image",
            "images that the generator was not trained on", "Split by patient, and drop duplicates.",
        )  # fmt: skip
    by_patient = patient_means(ours, synthetic_patients), patient_means(theirs, held_out_patients)
    order = np.argsort(ours, kind="stable")
    return {
        "ratio": float(np.median(ours) / np.median(theirs)),
        "near_share": float(np.mean(ours < np.quantile(theirs, NEAR_SHARE))),
        "p_value": float(mannwhitneyu(*by_patient, alternative="less").pvalue),
        "suspects": [
            {"synthetic": synthetic_names[i], "training": training_names[nearest[i]], "distance": float(ours[i])}
            for i in order
            if ours[i] < theirs.min()
        ],
    }


def low_resolution(images: EchoSet, side: int = LOW_RESOLUTION) -> Numbers:
    """(n, side * side) of each image's block means over the sector, less their mean, and of length 1.

    The distance of two such rows is sqrt(2 - 2 c), where c is the correlation of the blurred images: brightness,
    contrast and speckle play no part in it.

    Raises:
        ConfigError: the images are smaller than `side`.
    """
    height, width = images.shape
    if not 1 <= side <= min(height, width):
        raise ConfigError("low_resolution", "side", side, f"1 to {min(height, width)}, the images' size")
    down, across = area_weights(height, side), area_weights(width, side)
    sectors = images.sectors.astype(np.float64)
    cover = down @ sectors @ across.T
    total = down @ (images.images * sectors) @ across.T
    seen = cover > 0
    block = np.where(seen, total / np.where(seen, cover, 1), 0.0)
    mean = block.sum(axis=(1, 2), keepdims=True) / seen.sum(axis=(1, 2), keepdims=True)
    rows = np.where(seen, block - mean, 0.0).reshape(len(images), -1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1))
