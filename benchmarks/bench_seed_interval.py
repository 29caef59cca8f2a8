"""How often intervals of a difference between two methods cover the truth, with few trainings of each.

Run `OMP_NUM_THREADS=1 python benchmarks/bench_seed_interval.py`. Scores are drawn with a known true difference of zero:
every patient has a level of its own, every training a level of its own, and every training an effect of its own on
every patient. Compared are, at 95 %: patients resampled with seeds averaged first (`evaluation.bootstrap`); patients
and seeds both resampled (a crossed bootstrap, its seeds stretched by sqrt(S / (S - 1))); and
`evaluation.statistics.contrast`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from synthboost.evaluation.statistics.arms import PairedArms
from synthboost.evaluation.statistics.bootstrap import bootstrap_mean
from synthboost.evaluation.statistics.contrast import interval_over_trainings

PATIENTS = 50
CASES = {
    "patients vary most": (1.0, 0.0, 0.5),
    "both vary alike": (1.0, 0.14, 1.0),
    "trainings vary more": (0.5, 0.5, 0.5),
    "trainings vary most": (0.2, 1.0, 0.2),
}
"""SD of the patients' difference, of the trainings' levels, and of each training's effect on each patient."""
Bounds = tuple[float, float]


def draw(trainings: int, case: str, rng: np.random.Generator) -> PairedArms:
    of_patients, of_trainings, of_both = CASES[case]
    arms = [
        rng.normal(0, of_trainings, (trainings, 1)) + rng.normal(0, of_both, (trainings, PATIENTS)) for _ in range(2)
    ]
    return PairedArms(arms[0] + rng.normal(0, of_patients, PATIENTS), arms[1], tuple(map(str, range(PATIENTS))))


def patients_resampled(arms: PairedArms, rng: np.random.Generator) -> Bounds:
    found = bootstrap_mean(arms.differences, arms.patients, seed=int(rng.integers(2**31)), draws=400)
    return found.low, found.high


def crossed(arms: PairedArms, rng: np.random.Generator, draws: int = 400) -> Bounds:
    def weights(n: int, stretch: float) -> NDArray[np.float64]:
        return 1 / n + (rng.multinomial(n, np.full(n, 1 / n), size=draws) / n - 1 / n) * stretch

    people = weights(PATIENTS, 1.0)
    means = []
    for scores in (arms.first, arms.second):
        seeds = len(scores)
        means.append(np.einsum("ds,sp,dp->d", weights(seeds, np.sqrt(seeds / (seeds - 1))), scores, people))
    low, high = np.quantile(means[0] - means[1], [0.025, 0.975])
    return float(low), float(high)


def satterthwaite(arms: PairedArms, rng: np.random.Generator) -> Bounds:
    found = interval_over_trainings(arms)
    assert found is not None
    return found.low, found.high


METHODS: dict[str, Callable[[PairedArms, np.random.Generator], Bounds]] = {
    "patients resampled": patients_resampled,
    "patients and seeds resampled": crossed,
    "Student's t, Satterthwaite": satterthwaite,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=1500)
    repeats = parser.parse_args().repeats
    rng = np.random.default_rng(0)
    print("trainings per arm, case: coverage in % (mean width) of " + "; ".join(METHODS))
    for trainings in (2, 3, 5):
        for case in CASES:
            bounds = {name: np.empty((repeats, 2)) for name in METHODS}
            for place in range(repeats):
                arms = draw(trainings, case, rng)
                for name, method in METHODS.items():
                    bounds[name][place] = method(arms, rng)
            texts = [
                f"{100 * np.mean((b[:, 0] <= 0) & (b[:, 1] >= 0)):.1f} ({np.mean(np.ptp(b, axis=1)):.2f})"
                for b in bounds.values()
            ]
            print(f"{trainings}, {case}: {'; '.join(texts)}", flush=True)


if __name__ == "__main__":
    main()
