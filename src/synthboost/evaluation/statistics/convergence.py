"""How fast runs learn: epochs and images until a Dice fixed beforehand, over seeds, pretraining counted or not.

What is compared must be measured on one validation set: the Dice of a stage that trains on synthetic data is measured
on synthetic patients, and reaching a Dice there says nothing about real ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from synthboost.errors import ConfigError, DataError
from synthboost.records.run_folder import EpochLog


class Cost(NamedTuple):
    """What a stretch of training took."""

    epochs: int
    images: int
    """Images (not image-sentence pairs) that the optimiser has seen."""


class History(NamedTuple):
    """How one run learned, and from whose weights it began."""

    log: Sequence[EpochLog]
    parent: str | None = None
    """The run whose weights it began with; it had to be trained whole before."""


class Spread(NamedTuple):
    """Median and range over runs; infinite where a run never got there."""

    median: float
    low: float
    high: float


class Reach(NamedTuple):
    """How soon the runs of one method, one per seed, first reached a fixed Dice."""

    never: int
    """Runs that did not reach it; they count as infinitely slow."""
    epochs: Spread
    images: Spread


def cost_to_best(log: Sequence[EpochLog]) -> Cost:
    """What the first epoch with the highest validation Dice took; `log` not empty."""
    best = max(range(len(log)), key=lambda place: (log[place].validation_dice, -place))
    return Cost(best + 1, log[best].images_seen)


def cost_to_dice(log: Sequence[EpochLog], fixed_dice: float) -> Cost | None:
    """What it took until the validation Dice (0-1) first was at least `fixed_dice`, or `None` if it never was.

    Raises:
        ConfigError: `fixed_dice`, which is chosen before the runs are looked at, is not within 0-1.
    """
    if not 0 <= fixed_dice <= 1:
        raise ConfigError("convergence", "fixed Dice", fixed_dice, "a fraction from 0 to 1")
    reached = (place for place, line in enumerate(log) if line.validation_dice >= fixed_dice)
    place = next(reached, None)
    return None if place is None else Cost(place + 1, log[place].images_seen)


def pretraining_cost(name: str, histories: Mapping[str, History]) -> Cost | None:
    """All training of a run's ancestors: every epoch, also those after the best, since all had to be computed.

    Zero without a parent, `None` when an ancestor is not among `histories`.
    """
    names, whole = lineage(name, histories, lambda one: histories[one].parent)
    logs = [histories[ancestor].log for ancestor in names[1:]]
    return Cost(sum(map(len, logs)), sum(log[-1].images_seen for log in logs if log)) if whole else None


def lineage(name: str, known: Container[str], parent_of: Callable[[str], str | None]) -> tuple[list[str], bool]:
    """Return a run and its known ancestors, youngest first, and whether these are all."""
    names, parent = [name], parent_of(name)
    while parent and parent in known and parent not in names:
        names.append(parent)
        parent = parent_of(parent)
    return names, not parent


def reach_over_seeds(
    names: Sequence[str], histories: Mapping[str, History], fixed_dice: float, with_pretraining: bool = False
) -> Reach:
    """Summarise how soon several runs of one method reached a Dice.

    Args:
        names: the runs, one per seed.
        histories: of these runs, and of their ancestors when `with_pretraining`.
        fixed_dice: see `cost_to_dice`.
        with_pretraining: add the cost of the ancestors.

    Raises:
        DataError: there is no run, or an ancestor is missing that should be counted.
        ConfigError: `fixed_dice` is not within 0-1.
    """
    if not names:
        raise DataError("convergence", "runs", "none", "at least one run")
    costs = [cost_to_dice(histories[name].log, fixed_dice) for name in names]
    before = [_ancestors_cost(name, histories) if with_pretraining else Cost(0, 0) for name in names]
    whole = [
        (math.inf, math.inf) if cost is None else (cost.epochs + more.epochs, cost.images + more.images)
        for cost, more in zip(costs, before, strict=True)
    ]
    epochs, images = zip(*whole, strict=True)
    return Reach(costs.count(None), spread(epochs), spread(images))


def _ancestors_cost(name: str, histories: Mapping[str, History]) -> Cost:
    if (found := pretraining_cost(name, histories)) is not None:
        return found
    raise DataError(
        "convergence", "parent", f"{histories[name].parent} of {name} is not given", "the run it began with",
        "Give the parent run too; its training is part of the cost.",
    )  # fmt: skip


def spread(values: Sequence[float]) -> Spread:
    """Median, lowest and highest; `values` not empty."""
    return Spread(float(median(values)), float(min(values)), float(max(values)))
