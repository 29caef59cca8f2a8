"""A simulated data set without images: who is in it is written down, frames are drawn when they are read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from synthboost.data.simulated_names import HEARTS
from synthboost.data.simulated_set import claim, in_processes, settings_of, write_split
from synthboost.domain import Attributes, Phase, Quality, Sex, View
from synthboost.errors import ConfigError
from synthboost.io.lock import exclusive
from synthboost.io.typed_csv import read_typed, write_typed
from synthboost.progress import Progress
from synthboost.simulator.render import SimulatedFrame, describe_patient, simulate_frame
from synthboost.simulator.settings import SimulationSettings

LAYOUT = "on the fly"
UNFINISHED = ".hearts"
SHARE = 100
"""Patients that a process describes and writes at a time: what an interruption costs."""


@dataclass(frozen=True)
class HeartRow:
    """One patient, as `Info_*.cfg` would have it."""

    number: int
    sex: str
    age: int
    quality_2ch: str
    quality_4ch: str
    ejection_fraction: int
    """Of the label maps by CAMUS' algorithm, percent."""
    wall_thickness_mm: float | None = None
    """Of the label maps at end diastole."""

    def attributes(self, view: View) -> Attributes:
        """What a sentence may say of the patient's frames in a view.

        Raises:
            ValueError: a word is not one of CAMUS'.
        """
        quality = self.quality_2ch if view is View.TWO_CHAMBER else self.quality_4ch
        fraction = float(self.ejection_fraction)
        return Attributes(Sex(self.sex), self.age, Quality(quality), fraction, self.wall_thickness_mm)


@dataclass(frozen=True)
class Drawing:
    """A frame that does not exist yet: which patient of which settings."""

    number: int
    settings: SimulationSettings

    def draw(self, view: View, phase: Phase) -> SimulatedFrame:
        """Draw it; the same pixels and masks as a set on disk has."""
        return simulate_frame(self.number, self.settings, view, phase)


def write_hearts(out: Path, settings: SimulationSettings, workers: int = 1) -> None:
    """Write who is in a data set that is drawn when read: attributes, split and settings, and no image.

    The label maps are drawn once, for the ejection fraction that is measured on them. A stopped call is gone on with.

    Args:
        out: a new or empty folder, or one of the same settings.
        settings: what to simulate.
        workers: processes; 1 works in this one.

    Raises:
        ConfigError: `workers` is less than 1, or half sequences are asked for.
        OutputError: the folder holds something else or cannot be written.
    """
    if workers < 1:
        raise ConfigError("simulation", "workers", workers, "at least 1")
    if settings.phases_between:
        raise ConfigError("simulation", "phases_between", settings.phases_between, "0: single frames are drawn")
    numbers = settings.patient_numbers
    shares = [out / UNFINISHED / f"{k:06d}.csv" for k in range(0, len(numbers), SHARE)]
    with exclusive(out):
        claim(out, settings, {"layout": LAYOUT})
        if (out / HEARTS).is_file():
            return
        missing = [n for n, share in enumerate(shares) if not share.is_file()]
        task = partial(_describe_share, shares, settings)
        with Progress("drawing hearts", sum(len(_share(numbers, n)) for n in missing), "patient") as progress:
            for made in in_processes(task, missing, workers):
                progress.advance(made)
        write_split(out, settings)
        write_typed(out / HEARTS, HeartRow, (row for share in shares for row in read_typed(share, HeartRow)))
        shutil.rmtree(out / UNFINISHED)


def read_hearts(root: Path) -> tuple[SimulationSettings, Iterator[HeartRow]]:
    """Read settings and patients of what `write_hearts` wrote.

    Raises:
        DataError: a file is absent or broken, or the settings are of another version: their pixels would differ.
    """
    settings = settings_of(root)
    return settings, read_typed(root / HEARTS, HeartRow)


def _share(numbers: range, share: int) -> range:
    return numbers[share * SHARE : (share + 1) * SHARE]


def _describe_share(shares: list[Path], settings: SimulationSettings, share: int) -> int:
    numbers = _share(settings.patient_numbers, share)
    write_typed(shares[share], HeartRow, (_describe(settings, number) for number in numbers))
    return len(numbers)


def _describe(settings: SimulationSettings, number: int) -> HeartRow:
    attributes = describe_patient(number, settings)
    two, four = attributes[View.TWO_CHAMBER], attributes[View.FOUR_CHAMBER]
    assert two.sex
    assert two.quality
    assert four.quality
    assert two.age is not None
    assert two.ejection_fraction is not None
    return HeartRow(
        number, two.sex, two.age, two.quality, four.quality, round(two.ejection_fraction), two.wall_thickness_mm
    )
