"""The fidelity report: everything that can be said of a synthetic set against real ones, in one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthboost.errors import ConfigError, DataError
from synthboost.evaluation.fidelity.consistency import Consistency, mask_consistency
from synthboost.evaluation.fidelity.coverage import NEIGHBOURS, density_and_coverage
from synthboost.evaluation.fidelity.echo_set import EchoSet, Region
from synthboost.evaluation.fidelity.floor import REPEATS, AgainstFloor, against_floor
from synthboost.evaluation.fidelity.frechet import frechet_distance
from synthboost.evaluation.fidelity.kernel import KernelDistance, kernel_distance
from synthboost.evaluation.fidelity.memorisation import Memorisation, low_resolution, nearest_neighbour_test
from synthboost.evaluation.fidelity.radiomics import FEATURES, radiomic_features
from synthboost.evaluation.fidelity.speckle import DYNAMIC_RANGE_DB, SPECKLE, speckle
from synthboost.evaluation.statistics.bootstrap import Interval, bootstrap_mean

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class FidelitySettings:
    """How the report is made; stated in it."""

    seed: int = 0
    repeats: int = REPEATS
    """Halvings of the real patients."""
    draws: int = 1000
    """Resamplings of patients per interval."""
    dynamic_range_db: float = DYNAMIC_RANGE_DB
    low_resolution: int = 16
    """Side in pixels of the images in which copies are sought."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: names the field.
        """
        if self.repeats < 1 or self.draws < 100 or self.dynamic_range_db <= 0 or self.low_resolution < 2:
            raise ConfigError(
                "fidelity", "settings", self, "repeats >= 1, draws >= 100, a positive range in dB, 2 px or more"
            )


@dataclass(frozen=True)
class SpeckleComparison:
    """One statistic of one region."""

    region: Region
    statistic: str
    real: Interval
    synthetic: Interval
    gap: float
    """Difference of the means, in standard deviations of the real images; 0 where those do not vary."""
    images: tuple[int, int]
    """Real and synthetic ones that have enough of the region."""


@dataclass(frozen=True)
class FidelityReport:
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
    frechet_by_region: dict[Region, AgainstFloor]
    kernel: KernelDistance
    kernel_floor: AgainstFloor
    """The kernel distance on halves."""
    learned_frechet: AgainstFloor | None
    """Of the images learned from, instead of the synthetic ones: what a perfect pupil would reach. The floor is lower
    where training and held-out patients were imaged differently, as in CAMUS. `None` without held-out images."""
    learned_kernel: KernelDistance | None
    density: AgainstFloor
    coverage: AgainstFloor
    speckle: tuple[SpeckleComparison, ...]
    memorisation: dict[str, Memorisation]
    """By the space in which neighbours are sought; empty without held-out images."""
    consistency: Consistency | None
    """`None` without predictions."""
    settings: FidelitySettings


def judge(
    real: EchoSet,
    synthetic: EchoSet,
    held_out: EchoSet | None = None,
    predictions: NDArray[np.uint8] | None = None,
    settings: FidelitySettings | None = None,
) -> FidelityReport:
    """Compare synthetic images with real ones.

    Args:
        real: what the generator learned from.
        synthetic: what it made.
        held_out: real images of patients that it has not seen. Distances are then to these, because a generator that
            copies is near to what it learned from; and only with these can copies be told from chance.
        predictions: (n, H, W) 0-3, what a segmenter trained on real images finds in the synthetic ones.
        settings: seed and effort.

    Raises:
        DataError: sizes differ, a patient was both learned from and held out, or there are too few images: at least
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
    scale = _Scale.of(raw["real"][whole["real"]])
    a, b = scale(raw["real"][whole["real"]]), scale(raw["synthetic"][whole["synthetic"]])
    patients = _chosen(reference, whole["real"]), _chosen(synthetic, whole["synthetic"])

    def floored(measure: Callable[[Numbers, Numbers], float], columns: slice = slice(None)) -> AgainstFloor:
        return against_floor(
            measure, a[:, columns], b[:, columns], *patients, seed=settings.seed, repeats=settings.repeats
        )

    learned = None if held_out is None else radiomic_features(real)
    if learned is not None:
        rows = _complete(learned)
        pupil = scale(learned[rows]), _chosen(real, rows)

    wide = len(FEATURES)
    return FidelityReport(
        n_real=len(reference),
        n_synthetic=len(synthetic),
        real_patients=len(set(reference.patients)),
        synthetic_patients=len(set(synthetic.patients)),
        reference="training" if held_out is None else "held-out",
        left_out=(int(np.count_nonzero(~whole["real"])), int(np.count_nonzero(~whole["synthetic"]))),
        size=synthetic.shape,
        frechet=floored(frechet_distance),
        frechet_by_region={
            region: floored(frechet_distance, slice(i * wide, (i + 1) * wide)) for i, region in enumerate(Region)
        },
        kernel=kernel_distance(a, b, *patients, seed=settings.seed, draws=settings.draws),
        kernel_floor=floored(_plain_kernel_distance),
        learned_frechet=None
        if learned is None
        else against_floor(
            frechet_distance, a, pupil[0], patients[0], pupil[1], seed=settings.seed, repeats=settings.repeats
        ),
        learned_kernel=None
        if learned is None
        else kernel_distance(a, pupil[0], patients[0], pupil[1], seed=settings.seed, draws=settings.draws),
        density=floored(lambda x, y: density_and_coverage(x, y).density),
        coverage=floored(lambda x, y: density_and_coverage(x, y).coverage),
        speckle=_compare_speckle(reference, synthetic, settings),
        memorisation={}
        if held_out is None or learned is None
        else _memorisation((synthetic, real, held_out), (raw["synthetic"], learned, raw["real"]), settings),
        consistency=None
        if predictions is None
        else mask_consistency(synthetic.label_maps, predictions, synthetic.patients, settings.seed),
        settings=settings,
    )


@dataclass(frozen=True, eq=False)
class _Scale:
    """Brings features to standard deviations of the real ones; constant ones stay as they are."""

    mean: Numbers
    sd: Numbers

    @classmethod
    def of(cls, features: Numbers) -> _Scale:
        sd = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(sd > 1e-9, sd, 1.0))

    def __call__(self, features: Numbers) -> Numbers:
        return np.asarray((features - self.mean) / self.sd)


def _plain_kernel_distance(first: Numbers, second: Numbers) -> float:
    """As if each image were a patient: the halves share none."""
    return kernel_distance(
        first, second, [str(i) for i in range(len(first))], [str(i) for i in range(len(second))], seed=0, draws=1
    ).value


def _compare_speckle(real: EchoSet, synthetic: EchoSet, settings: FidelitySettings) -> tuple[SpeckleComparison, ...]:
    found = []
    for region in Region:
        ours, theirs = (_speckle_table(images, region, settings) for images in (real, synthetic))
        if any(len(set(patients)) < 2 for _, patients in (ours, theirs)):
            continue  # nobody has the region: no statistic
        for column, statistic in enumerate(SPECKLE):
            before, after = (
                bootstrap_mean(table[:, column], patients, seed=settings.seed, draws=settings.draws)
                for table, patients in (ours, theirs)
            )
            spread = float(ours[0][:, column].std())
            gap = (after.mean - before.mean) / spread if spread > 1e-9 else 0.0
            found.append(SpeckleComparison(region, statistic, before, after, gap, (len(ours[0]), len(theirs[0]))))
    return tuple(found)


def _speckle_table(images: EchoSet, region: Region, settings: FidelitySettings) -> tuple[Numbers, list[str]]:
    """(k, statistics) of the images that have the region, and their patients."""
    rows, patients = [], []
    for number, patient in enumerate(images.patients):
        measured = speckle(images.images[number], images.mask(number, region), settings.dynamic_range_db)
        if measured is not None:
            rows.append([getattr(measured, name) for name in SPECKLE])
            patients.append(patient)
    return np.array(rows, dtype=np.float64).reshape(-1, len(SPECKLE)), patients


def _memorisation(
    sets: tuple[EchoSet, EchoSet, EchoSet], features: tuple[Numbers, Numbers, Numbers], settings: FidelitySettings
) -> dict[str, Memorisation]:
    """Of synthetic, training and held-out images, and their radiomic features."""
    pixels = [low_resolution(images, settings.low_resolution) for images in sets]
    whole = [_complete(table) for table in features]
    scale = _Scale.of(features[1][whole[1]])
    everyone = [np.ones(len(images), dtype=np.bool_) for images in sets]
    side = settings.low_resolution
    return {
        f"pixels {side} x {side}": _nearest(sets, pixels, everyone),
        "radiomic features": _nearest(sets, [scale(t[rows]) for t, rows in zip(features, whole, strict=True)], whole),
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
            raise DataError("held-out images", "patients", ", ".join(both[:10]), "patients that were not learned from")
