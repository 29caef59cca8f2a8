"""What a study varies beside its grid, one thing at a time: the levels of its factors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthboost.domain import Strategy
from synthboost.records.run_record import BASE
from synthboost.simulator.appearance import DIALS, AppearanceName
from synthboost.simulator.priors import PriorName
from synthboost.simulator.settings import SimulationSettings
from synthboost.training.config import TrainingConfig

if TYPE_CHECKING:  # slow to import, and `--help` does without it
    from synthboost.data.source import Source

VALIDATION_PATIENTS = 4
"""Simulated ones, that choose the epoch."""
MOST_PATIENTS, FEWEST = 64, 4
"""Of the base, and of the smallest set; a patient has four images."""
_SIMULATED = {one.name for one in fields(SimulationSettings)} - {"patients"}
_TRAINED = {one.name for one in fields(TrainingConfig)} - {"seed"}


@dataclass(frozen=True)
class Level:
    """One value of a factor: what differs from the base."""

    factor: str
    value: str
    change: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `SimulationSettings` and `TrainingConfig` by name, `patients` (simulated ones to train on), `set` (the
    number of a given synthetic set), `real_share`, `images_per_stage`, or `weights`."""
    strategies: tuple[Strategy, ...] = ()
    """Instead of the grid's."""

    @property
    def label(self) -> str:
        """E.g. `appearance: wild`."""
        return f"{self.factor}: {self.value}" if self.factor != BASE else BASE

    def simulation(self, base: SimulationSettings) -> SimulationSettings:
        """What is simulated; how many patients of it are trained on makes no other set."""
        return replace(base, **{name: value for name, value in self.change.items() if name in _SIMULATED})

    def training(self, base: TrainingConfig) -> TrainingConfig:
        """How it is trained on."""
        return replace(base, **{name: value for name, value in self.change.items() if name in _TRAINED})


THE_BASE = Level(BASE, BASE)


def synthetic_data_levels(images: int) -> tuple[SimulationSettings, tuple[Level, ...]]:
    """Return the base of an ablation of synthetic data, and the levels, for stages of so many images.

    A level that is the base's own value is the base's run under another name.
    """
    amounts = [FEWEST * 4**power for power in range(6) if 4 * FEWEST * 4**power <= images] or [FEWEST]
    patients = max(amount for amount in amounts if amount <= MOST_PATIENTS)
    counts = max(amounts), VALIDATION_PATIENTS, 0
    base = SimulationSettings(
        patients=sum(counts), split_counts=counts, prior=PriorName.LITERATURE, appearance=AppearanceName.CLINICAL,
        size=96, seed=100,
    )  # fmt: skip
    own = {"patients": patients}
    factors: dict[str, Iterable[tuple[object, Mapping[str, Any]]]] = {
        "images": [(4 * amount, {"patients": amount}) for amount in amounts],
        "appearance": [(look, {"appearance": look}) for look in AppearanceName],
        "dial at 1": [("none", {}), *((dial, {"dials": ((dial, 1.0),)}) for dial in DIALS)],
        "prior": [(prior, {"prior": prior}) for prior in PriorName],
        "quality shown": [(share, {"quality_strength": share}) for share in (0.0, 0.5, 1.0)],
        "size": [(size, {"size": size}) for size in (48, 96, 192)],
        "augmentation": [(strength, {"augmentation": strength}) for strength in (0.0, 0.5, 1.0, 1.6)],
    }
    levels = [Level(name, f"{v}", {**own, **change}) for name, values in factors.items() for v, change in values]
    mixed = [
        Level("real share in mixed", f"{share}", own | {"real_share": share}, (Strategy.MIXED,))
        for share in (0.1, 0.5, 0.9)
    ]
    return base, (replace(THE_BASE, change=own), *levels, *mixed)


def open_sets(levels: Iterable[Level], base: SimulationSettings, folder: Path, workers: int = 1) -> dict[str, Source]:
    """Describe the simulated sets of the levels in a folder, where that is not done, and open them.

    Frames are drawn when a run reads them.

    Raises:
        OutputError: a folder holds something else or cannot be written.
    """
    from synthboost.data.simulated_set import write_hearts
    from synthboost.data.source import open_source

    sets = {}
    for level in levels:
        settings = level.simulation(base)
        if (key := set_key(settings)) not in sets and "set" not in level.change:
            name = "base" if settings == base else f"{level.factor} {level.value}".replace(" ", "-")
            write_hearts(folder / name, settings, workers)
            sets[key] = open_source(folder / name, images=False)
    return sets


def set_key(settings: SimulationSettings) -> str:
    """Return what tells one simulated set from another."""
    return json.dumps(settings.to_json(), sort_keys=True)
