"""Fidelity: everything that can be said of a synthetic set against real ones, as one JSON object.

Real images of held-out patients are the reference, because a generator that copies is near to what it was trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.distances import (
    LOW_RESOLUTION,
    NEIGHBOURS,
    Numbers,
    against_floor,
    density_and_coverage,
    frechet_distance,
    kernel_distance,
    low_resolution,
    nearest_neighbour_test,
)
from synthboost.evaluation.fidelity.echo_set import EchoRegion, EchoSet
from synthboost.evaluation.fidelity.texture import DYNAMIC_RANGE_DB, FEATURES, SPECKLE, radiomic_features, speckle
from synthboost.evaluation.metrics.score import dice
from synthboost.evaluation.statistics.bootstrap import bootstrap_mean

FEWEST_IMAGES = 2 * (NEIGHBOURS + 1)
"""With all four regions, in a set."""


def measure_fidelity(
    real: EchoSet,
    synthetic: EchoSet,
    held_out: EchoSet | None = None,
    predictions: NDArray[np.uint8] | None = None,
    *,
    seed: int = 0,
    repeats: int = 20,
    draws: int = 1000,
) -> dict[str, Any]:
    """Compare synthetic images with real ones; distances are on radiomic features, in standard deviations of real ones.

    Args:
        real: what the generator was trained on.
        synthetic: what it generated.
        held_out: real images of patients that it was not trained on. Distances are then to these (`reference`), and
            only with these can copies be told from chance.
        predictions: (n, H, W) 0-3, what a segmenter trained on real images predicts in the synthetic ones.
        seed: of all draws.
        repeats: halvings of the real patients.
        draws: resamplings of patients per interval.

    Returns:
        All numbers, unrounded, ready for JSON. `frechet`, `kernel_floor`, `density`, `coverage` and, by region,
        `frechet_by_region` are those of `against_floor`, `kernel` that of `kernel_distance`. `left_out` counts real and
        synthetic images without enough pixels of some region. `learned_frechet` and `learned_kernel` are of the
        training images instead of the synthetic ones: a generator that reproduces its training data gets these; the
        floor is lower where training and held-out patients were imaged differently, as in CAMUS. `speckle` lists each
        statistic of each region, its `gap` in standard deviations of the real images; `memorisation` has a
        `nearest_neighbour_test` by the space in which neighbours are sought. `consistency` is the Dice of `predictions`
        by structure: less than the segmenter's on held-out real images means that images do not follow their masks,
        much more that they are easier. What needs `held_out` or `predictions` is `None` or empty without them.

    Raises:
        ConfigError: fewer than 1 halving or 100 draws.
        DataError: sizes differ, a patient is both in training and held out, or there are too few images: at least
            four real patients, and twelve images of which half the patients have more than five.
    """
    if repeats < 1 or draws < 100:
        raise ConfigError("fidelity", "repeats, draws", f"{repeats}, {draws}", "repeats >= 1, draws >= 100")
    _require_comparable(real, synthetic, held_out)
    reference = real if held_out is None else held_out
    sets = {"real": reference, "synthetic": synthetic}
    raw = {name: radiomic_features(images) for name, images in sets.items()}
    whole = {name: _complete(features) for name, features in raw.items()}
    counts = {name: int(np.count_nonzero(rows)) for name, rows in whole.items()}
    for name, count in counts.items():
        if count < FEWEST_IMAGES:
            raise DataError(f"{name} images", "with all four regions", count, f"at least {FEWEST_IMAGES}")
    scaled = _scale(raw["real"][whole["real"]])
    a, b = (scaled(raw[name][rows]) for name, rows in whole.items())
    patients = [_chosen(images.patients, whole[name]) for name, images in sets.items()]

    def floored(measure: Callable[[Numbers, Numbers], float], columns: slice = slice(None)) -> dict[str, float]:
        return against_floor(measure, a[:, columns], b[:, columns], *patients, seed=seed, repeats=repeats)

    learned_frechet, learned_kernel, copies = None, None, {}
    if held_out is not None:
        learned = radiomic_features(real)
        rows = _complete(learned)
        sample, owners = scaled(learned[rows]), _chosen(real.patients, rows)
        learned_frechet = against_floor(frechet_distance, a, sample, patients[0], owners, seed=seed, repeats=repeats)
        learned_kernel = kernel_distance(a, sample, patients[0], owners, seed=seed, draws=draws)
        copies = _memorisation((synthetic, real, held_out), (raw["synthetic"], learned, raw["real"]))

    wide = len(FEATURES)
    return {
        "n_real": len(reference),
        "n_synthetic": len(synthetic),
        "real_patients": len(set(reference.patients)),
        "synthetic_patients": len(set(synthetic.patients)),
        "reference": "training" if held_out is None else "held-out",
        "left_out": [len(images) - counts[name] for name, images in sets.items()],
        "size": list(synthetic.shape),
        "frechet": floored(frechet_distance),
        "frechet_by_region": {
            str(region): floored(frechet_distance, slice(i * wide, (i + 1) * wide))
            for i, region in enumerate(EchoRegion)
        },
        "kernel": kernel_distance(a, b, *patients, seed=seed, draws=draws),
        "kernel_floor": floored(_plain_kernel_distance),
        "learned_frechet": learned_frechet,
        "learned_kernel": learned_kernel,
        "density": floored(lambda x, y: density_and_coverage(x, y)[0]),
        "coverage": floored(lambda x, y: density_and_coverage(x, y)[1]),
        "speckle": _compare_speckle(reference, synthetic, seed, draws),
        "memorisation": copies,
        "consistency": None if predictions is None else _consistency(synthetic, predictions, seed),
        "settings": {
            "seed": seed, "repeats": repeats, "draws": draws, "dynamic_range_db": DYNAMIC_RANGE_DB,
            "low_resolution": LOW_RESOLUTION,
        },
    }  # fmt: skip


def _scale(features: Numbers) -> Callable[[Numbers], Numbers]:
    """Bring features to standard deviations of these; constant ones stay as they are."""
    mean, sd = features.mean(axis=0), features.std(axis=0)
    sd = np.where(sd > 1e-9, sd, 1.0)
    return lambda rows: np.asarray((rows - mean) / sd)


def _plain_kernel_distance(first: Numbers, second: Numbers) -> float:
    """As if each image were a patient: the halves share none."""
    owners = ([str(i) for i in range(len(sample))] for sample in (first, second))
    return kernel_distance(first, second, *owners, seed=0, draws=1)["value"]


def _compare_speckle(real: EchoSet, synthetic: EchoSet, seed: int, draws: int) -> list[dict[str, Any]]:
    found = []
    for region in EchoRegion:
        tables = [_speckle_table(images, region) for images in (real, synthetic)]
        if any(len(set(patients)) < 2 for _, patients in tables):
            continue  # too few images have the region
        for column, statistic in enumerate(SPECKLE):
            before, after = (bootstrap_mean(t[:, column], p, seed=seed, draws=draws) for t, p in tables)
            spread = float(tables[0][0][:, column].std())
            found.append(
                {
                    "region": str(region), "statistic": statistic, "real": asdict(before), "synthetic": asdict(after),
                    "gap": (after.mean - before.mean) / spread if spread > 1e-9 else 0.0,
                    "images": [len(table) for table, _ in tables],
                }
            )  # fmt: skip
    return found


def _speckle_table(images: EchoSet, region: EchoRegion) -> tuple[Numbers, list[str]]:
    """(k, statistics) of the images that have the region, and their patients."""
    measured = [speckle(image, images.mask(number, region)) for number, image in enumerate(images.images)]
    rows = [list(one.values()) for one in measured if one is not None]
    patients = _chosen(images.patients, np.array([one is not None for one in measured]))
    return np.array(rows, dtype=np.float64).reshape(-1, len(SPECKLE)), patients


def _memorisation(
    sets: tuple[EchoSet, EchoSet, EchoSet], features: tuple[Numbers, Numbers, Numbers]
) -> dict[str, dict[str, Any]]:
    """Of synthetic, training and held-out images, and their radiomic features."""
    pixels = [low_resolution(images) for images in sets]
    whole = [_complete(table) for table in features]
    scaled = _scale(features[1][whole[1]])
    everyone = [np.ones(len(images), dtype=np.bool_) for images in sets]
    return {
        f"pixels {LOW_RESOLUTION} x {LOW_RESOLUTION}": _nearest(sets, pixels, everyone),
        "radiomic features": _nearest(sets, [scaled(t[rows]) for t, rows in zip(features, whole, strict=True)], whole),
    }


def _nearest(
    sets: tuple[EchoSet, EchoSet, EchoSet], tables: list[Numbers], rows: list[NDArray[np.bool_]]
) -> dict[str, Any]:
    synthetic, training, held_out = sets
    return nearest_neighbour_test(
        *tables,
        synthetic_patients=_chosen(synthetic.patients, rows[0]),
        held_out_patients=_chosen(held_out.patients, rows[2]),
        synthetic_names=_chosen(synthetic.names, rows[0]),
        training_names=_chosen(training.names, rows[1]),
    )


def _consistency(images: EchoSet, predictions: NDArray[np.uint8], seed: int) -> dict[str, Any]:
    """Dice of predicted label maps (n, H, W) per structure; intervals by patient."""
    truth = images.label_maps
    if truth.shape != predictions.shape:
        raise DataError("mask consistency", "predictions", predictions.shape, f"{truth.shape}, as the label maps")
    found = {}
    for structure in STRUCTURES:
        scores = [dice(t, p) for t, p in zip(truth == structure, predictions == structure, strict=True)]
        found[structure.short] = asdict(bootstrap_mean(scores, images.patients, seed=seed, draws=2000))
    return found


def _complete(features: Numbers) -> NDArray[np.bool_]:
    """(n,) rows without NaN."""
    return np.asarray(np.isfinite(features).all(axis=1))


def _chosen(values: tuple[str, ...], rows: NDArray[np.bool_]) -> list[str]:
    return [value for value, keep in zip(values, rows, strict=True) if keep]


def _require_comparable(real: EchoSet, synthetic: EchoSet, held_out: EchoSet | None) -> None:
    for name, images in (("synthetic", synthetic), ("held-out", held_out)):
        if images is not None and images.shape != real.shape:
            raise DataError(
                f"{name} images", "size", images.shape, f"{real.shape}, as the real images have",
                "Bring all sets to one size first: texture depends on it.",
            )  # fmt: skip
    if held_out is not None and (both := sorted(set(real.patients) & set(held_out.patients))):
        expected = "patients that the generator was not trained on"
        raise DataError("held-out images", "patients", ", ".join(both[:10]), expected)
