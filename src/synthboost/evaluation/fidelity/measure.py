"""Fidelity: everything that can be said of a synthetic set against real ones, in one value.

Real images of held-out patients are the reference, because a generator that copies is near to what it was trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthboost.domain import STRUCTURES, Structure
from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.distances import (
    NEIGHBOURS,
    AgainstFloor,
    KernelDistance,
    Numbers,
    against_floor,
    density_and_coverage,
    frechet_distance,
    kernel_distance,
)
from synthboost.evaluation.fidelity.echo_set import EchoRegion, EchoSet
from synthboost.evaluation.fidelity.memorisation import (
    LOW_RESOLUTION,
    Memorisation,
    low_resolution,
    nearest_neighbour_test,
)
from synthboost.evaluation.fidelity.texture import DYNAMIC_RANGE_DB, FEATURES, SPECKLE, radiomic_features, speckle
from synthboost.evaluation.metrics.overlap import dice
from synthboost.evaluation.statistics.bootstrap import Interval, bootstrap_mean


@dataclass(frozen=True)
class FidelitySettings:
    """Seed and effort."""

    seed: int = 0
    repeats: int = 20
    """Halvings of the real patients."""
    draws: int = 1000
    """Resamplings of patients per interval."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: names the field.
        """
        if self.repeats < 1 or self.draws < 100:
            raise ConfigError("fidelity", "settings", self, "repeats >= 1, draws >= 100")


@dataclass(frozen=True)
class SpeckleComparison:
    """One statistic of one region."""

    region: EchoRegion
    statistic: str
    real: Interval
    synthetic: Interval
    gap: float
    """Difference of the means, in standard deviations of the real images; 0 where those do not vary."""
    images: tuple[int, int]
    """Real and synthetic ones that have enough of the region."""


@dataclass(frozen=True)
class FidelityMeasures:
    """Real against synthetic. Distances are on radiomic features, each in standard deviations of the real images."""

    n_real: int
    n_synthetic: int
    real_patients: int
    synthetic_patients: int
    reference: str
    """Which real images distances are to: `held-out`, or `training` if none were held out."""
    left_out: tuple[int, int]
    """Real and synthetic images without enough pixels of some region: they have no full set of features."""
    size: tuple[int, int]
    """(H, W) of the images."""
    frechet: AgainstFloor
    frechet_by_region: dict[EchoRegion, AgainstFloor]
    kernel: KernelDistance
    kernel_floor: AgainstFloor
    """The kernel distance on halves."""
    learned_frechet: AgainstFloor | None
    """Of the training images instead of the synthetic ones: a generator that reproduces its training data gets this.
    The floor is lower where training and held-out patients were imaged differently, as in CAMUS. `None` without
    held-out images, as the next."""
    learned_kernel: KernelDistance | None
    density: AgainstFloor
    coverage: AgainstFloor
    speckle: tuple[SpeckleComparison, ...]
    memorisation: dict[str, Memorisation]
    """By the space in which neighbours are sought; empty without held-out images."""
    consistency: dict[Structure, Interval] | None
    """Dice between the masks that images were made from and those that a segmenter trained on real images predicts in
    them; `None` without predictions. Compare it with the segmenter's Dice on held-out real images: less means that
    images do not follow their masks, much more that they are easier than real ones."""
    settings: FidelitySettings

    def to_json(self) -> dict[str, Any]:
        """All numbers, unrounded; keys as the fields are called, structures and regions by their names."""
        values = asdict(self)
        values["frechet_by_region"] = {str(region): v for region, v in values["frechet_by_region"].items()}
        if self.consistency is not None:
            values["consistency"] = {s.short: v for s, v in values["consistency"].items()}
        values["settings"] |= {"dynamic_range_db": DYNAMIC_RANGE_DB, "low_resolution": LOW_RESOLUTION}
        return values


def measure_fidelity(
    real: EchoSet,
    synthetic: EchoSet,
    held_out: EchoSet | None = None,
    predictions: NDArray[np.uint8] | None = None,
    settings: FidelitySettings | None = None,
) -> FidelityMeasures:
    """Compare synthetic images with real ones.

    Args:
        real: what the generator was trained on.
        synthetic: what it generated.
        held_out: real images of patients that it was not trained on. Distances are then to these, and only with these
            can copies be told from chance.
        predictions: (n, H, W) 0-3, what a segmenter trained on real images predicts in the synthetic ones.
        settings: seed and effort.

    Raises:
        DataError: sizes differ, a patient is both in training and held out, or there are too few images: at least
            four real patients, and twelve images of which half the patients have more than five.
    """
    settings = settings or FidelitySettings()
    _require_comparable(real, synthetic, held_out)
    reference = real if held_out is None else held_out
    raw = {"real": radiomic_features(reference), "synthetic": radiomic_features(synthetic)}
    whole = {name: _complete(features) for name, features in raw.items()}
    for name, rows in whole.items():
        if np.count_nonzero(rows) < 2 * (NEIGHBOURS + 1):
            raise DataError(
                f"{name} images", "with all four regions", np.count_nonzero(rows), f"at least {2 * (NEIGHBOURS + 1)}"
            )
    scaled = _scale(raw["real"][whole["real"]])
    a, b = scaled(raw["real"][whole["real"]]), scaled(raw["synthetic"][whole["synthetic"]])
    patients = _chosen(reference, whole["real"]), _chosen(synthetic, whole["synthetic"])
    seed, repeats, draws = settings.seed, settings.repeats, settings.draws

    def floored(measure: Callable[[Numbers, Numbers], float], columns: slice = slice(None)) -> AgainstFloor:
        return against_floor(measure, a[:, columns], b[:, columns], *patients, seed=seed, repeats=repeats)

    learned_frechet, learned_kernel, copies = None, None, {}
    if held_out is not None:
        learned = radiomic_features(real)
        rows = _complete(learned)
        sample, owners = scaled(learned[rows]), _chosen(real, rows)
        learned_frechet = against_floor(frechet_distance, a, sample, patients[0], owners, seed=seed, repeats=repeats)
        learned_kernel = kernel_distance(a, sample, patients[0], owners, seed=seed, draws=draws)
        copies = _memorisation((synthetic, real, held_out), (raw["synthetic"], learned, raw["real"]))

    wide = len(FEATURES)
    return FidelityMeasures(
        n_real=len(reference),
        n_synthetic=len(synthetic),
        real_patients=len(set(reference.patients)),
        synthetic_patients=len(set(synthetic.patients)),
        reference="training" if held_out is None else "held-out",
        left_out=(int(np.count_nonzero(~whole["real"])), int(np.count_nonzero(~whole["synthetic"]))),
        size=synthetic.shape,
        frechet=floored(frechet_distance),
        frechet_by_region={
            region: floored(frechet_distance, slice(i * wide, (i + 1) * wide)) for i, region in enumerate(EchoRegion)
        },
        kernel=kernel_distance(a, b, *patients, seed=seed, draws=draws),
        kernel_floor=floored(_plain_kernel_distance),
        learned_frechet=learned_frechet,
        learned_kernel=learned_kernel,
        density=floored(lambda x, y: density_and_coverage(x, y)[0]),
        coverage=floored(lambda x, y: density_and_coverage(x, y)[1]),
        speckle=_compare_speckle(reference, synthetic, settings),
        memorisation=copies,
        consistency=None if predictions is None else _consistency(synthetic, predictions, seed),
        settings=settings,
    )


def _scale(features: Numbers) -> Callable[[Numbers], Numbers]:
    """Bring features to standard deviations of these; constant ones stay as they are."""
    mean, sd = features.mean(axis=0), features.std(axis=0)
    sd = np.where(sd > 1e-9, sd, 1.0)
    return lambda rows: np.asarray((rows - mean) / sd)


def _plain_kernel_distance(first: Numbers, second: Numbers) -> float:
    """As if each image were a patient: the halves share none."""
    owners = ([str(i) for i in range(len(sample))] for sample in (first, second))
    return kernel_distance(first, second, *owners, seed=0, draws=1).value


def _compare_speckle(real: EchoSet, synthetic: EchoSet, settings: FidelitySettings) -> tuple[SpeckleComparison, ...]:
    found = []
    for region in EchoRegion:
        ours, theirs = (_speckle_table(images, region) for images in (real, synthetic))
        if any(len(set(patients)) < 2 for _, patients in (ours, theirs)):
            continue  # too few images have the region
        for column, statistic in enumerate(SPECKLE):
            before, after = (
                bootstrap_mean(table[:, column], patients, seed=settings.seed, draws=settings.draws)
                for table, patients in (ours, theirs)
            )
            spread = float(ours[0][:, column].std())
            gap = (after.mean - before.mean) / spread if spread > 1e-9 else 0.0
            found.append(SpeckleComparison(region, statistic, before, after, gap, (len(ours[0]), len(theirs[0]))))
    return tuple(found)


def _speckle_table(images: EchoSet, region: EchoRegion) -> tuple[Numbers, list[str]]:
    """(k, statistics) of the images that have the region, and their patients."""
    rows, patients = [], []
    for number, patient in enumerate(images.patients):
        measured = speckle(images.images[number], images.mask(number, region))
        if measured is not None:
            rows.append([getattr(measured, name) for name in SPECKLE])
            patients.append(patient)
    return np.array(rows, dtype=np.float64).reshape(-1, len(SPECKLE)), patients


def _memorisation(
    sets: tuple[EchoSet, EchoSet, EchoSet], features: tuple[Numbers, Numbers, Numbers]
) -> dict[str, Memorisation]:
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
) -> Memorisation:
    synthetic, training, held_out = sets
    return nearest_neighbour_test(
        *tables,
        synthetic_patients=_chosen(synthetic, rows[0]),
        held_out_patients=_chosen(held_out, rows[2]),
        synthetic_names=[n for n, keep in zip(synthetic.names, rows[0], strict=True) if keep],
        training_names=[n for n, keep in zip(training.names, rows[1], strict=True) if keep],
    )


def _consistency(images: EchoSet, predictions: NDArray[np.uint8], seed: int) -> dict[Structure, Interval]:
    """Dice of predicted label maps (n, H, W) per structure; intervals by patient."""
    if images.label_maps.shape != predictions.shape:
        raise DataError(
            "mask consistency", "predictions", predictions.shape, f"{images.label_maps.shape}, as the label maps"
        )
    return {
        structure: bootstrap_mean(
            [dice(t, p) for t, p in zip(images.label_maps == structure, predictions == structure, strict=True)],
            images.patients, seed=seed, draws=2000,
        )
        for structure in STRUCTURES
    }  # fmt: skip


def _complete(features: Numbers) -> NDArray[np.bool_]:
    """(n,) rows without NaN."""
    return np.asarray(np.isfinite(features).all(axis=1))


def _chosen(images: EchoSet, rows: NDArray[np.bool_]) -> list[str]:
    return [patient for patient, keep in zip(images.patients, rows, strict=True) if keep]


def _require_comparable(real: EchoSet, synthetic: EchoSet, held_out: EchoSet | None) -> None:
    for name, images in (("synthetic", synthetic), ("held-out", held_out)):
        if images is not None and images.shape != real.shape:
            raise DataError(
                f"{name} images", "size", images.shape, f"{real.shape}, as the real images have",
                "Bring all sets to one size first: texture depends on it.",
            )  # fmt: skip
    if held_out is not None:
        both = sorted(set(real.patients) & set(held_out.patients))
        if both:
            raise DataError(
                "held-out images", "patients", ", ".join(both[:10]), "patients that the generator was not trained on"
            )
