"""How fast runs learn: epochs and images until a Dice fixed beforehand, over seeds, pretraining counted or not.

What is compared must be measured on one validation set: the Dice of a stage that trains on synthetic data is measured
on synthetic patients, and reaching a Dice there says nothing about real ones.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from synthboost.errors import ConfigError, DataError
from synthboost.records.run_folder import EpochLog

ON_REAL = ("real", "mixed")
"""The stages whose validation patients are the real ones (`EpochLog.stage`)."""


@dataclass(frozen=True)
class Cost:
    """What a stretch of training took."""

    epochs: int
    images: int
    """Images (not image-sentence pairs) that the optimiser has seen."""

    def __add__(self, other: Cost) -> Cost:
        """Both, one after the other."""
        return Cost(self.epochs + other.epochs, self.images + other.images)


@dataclass(frozen=True)
class History:
    """How one run learned, and from whose weights it began."""

    log: Sequence[EpochLog]
    parent: str | None = None
    """The run whose weights it began with; it had to be trained whole before."""


@dataclass(frozen=True)
class Spread:
    """Median and range over runs; infinite where a run never got there."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Reach:
    """How soon the runs of one method, one per seed, first reached a fixed Dice."""

    runs: int
    never: int
    """Those that did not reach it; they count as infinitely slow."""
    epochs: Spread
    images: Spread


def cost_to_best(log: Sequence[EpochLog]) -> Cost:
    """What the first epoch with the highest validation Dice took; `log` not empty."""
    best = max(range(len(log)), key=lambda place: (log[place].validation_dice, -place))
    return Cost(best + 1, log[best].images_seen)


def cost_to_dice(log: Sequence[EpochLog], fixed_dice: float, stages: Collection[str] | None = None) -> Cost | None:
    """What it took until the validation Dice (0-1) first was at least `fixed_dice`, or `None` if it never was.

    Args:
        log: of one run.
        fixed_dice: chosen before the runs were looked at.
        stages: only epochs of these stages can reach it, because only they were measured on the validation patients
            that are meant, see `ON_REAL`; other stages of the run are counted in the cost. `None`: any epoch.

    Raises:
        ConfigError: `fixed_dice` is not within 0-1.
    """
    if not 0 <= fixed_dice <= 1:
        raise ConfigError("convergence", "fixed Dice", fixed_dice, "a fraction from 0 to 1")
    for place, line in enumerate(log):
        if line.validation_dice >= fixed_dice and (stages is None or line.stage in stages):
            return Cost(place + 1, line.images_seen)
    return None


def pretraining_cost(name: str, histories: Mapping[str, History]) -> Cost | None:
    """All training of a run's ancestors: every epoch, also those after the best, since all had to be computed.

    Zero without a parent, `None` when an ancestor is not among `histories`.
    """
    total, seen, parent = Cost(0, 0), {name}, histories[name].parent
    while parent:
        ancestor = histories.get(parent)
        if ancestor is None or parent in seen:
            return None
        seen.add(parent)
        if ancestor.log:
            total += Cost(len(ancestor.log), ancestor.log[-1].images_seen)
        parent = ancestor.parent
    return total


def reach_over_seeds(
    names: Sequence[str],
    histories: Mapping[str, History],
    fixed_dice: float,
    stages: Collection[str] | None = None,
    with_pretraining: bool = False,
) -> Reach:
    """Summarise how soon several runs of one method reached a Dice.

    Args:
        names: the runs, one per seed.
        histories: of these runs, and of their ancestors when `with_pretraining`.
        fixed_dice, stages: see `cost_to_dice`.
        with_pretraining: add the cost of the ancestors.

    Raises:
        DataError: there is no run, or an ancestor is missing that should be counted.
        ConfigError: `fixed_dice` is not within 0-1.
    """
    if not names:
        raise DataError("convergence", "runs", "none", "at least one run")
    costs = [cost_to_dice(histories[name].log, fixed_dice, stages) for name in names]
    if with_pretraining:
        costs = [_with_ancestors(name, histories, cost) for name, cost in zip(names, costs, strict=True)]
    return Reach(
        runs=len(costs),
        never=costs.count(None),
        epochs=spread([math.inf if cost is None else cost.epochs for cost in costs]),
        images=spread([math.inf if cost is None else cost.images for cost in costs]),
    )


def _with_ancestors(name: str, histories: Mapping[str, History], cost: Cost | None) -> Cost | None:
    before = pretraining_cost(name, histories)
    if before is None:
        raise DataError(
            "convergence", "parent", f"{histories[name].parent} of {name} is not given", "the run it began with",
            "Give the parent run too; its training is part of the cost.",
        )  # fmt: skip
    return None if cost is None else before + cost


def spread(values: Sequence[float]) -> Spread:
    """Median, lowest and highest; `values` not empty."""
    return Spread(float(median(values)), float(min(values)), float(max(values)))
