"""Are synthetic images copies of training images? Distances to the nearest one, against those of held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.distances import Numbers, require_samples
from synthboost.evaluation.fidelity.echo_set import EchoSet
from synthboost.evaluation.metrics.resample import area_weights
from synthboost.evaluation.statistics.tests import patient_means

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
