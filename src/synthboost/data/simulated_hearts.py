"""Write a simulated data set without images: who is in it; `data.on_the_fly` draws frames when they are read."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from synthboost.data.on_the_fly import HEARTS, HeartRow
from synthboost.data.simulated_set import claim_simulated, write_split
from synthboost.data.writer import make_missing
from synthboost.domain import View
from synthboost.errors import ConfigError
from synthboost.io.lock import exclusive
from synthboost.io.typed_csv import read_typed, write_typed
from synthboost.simulator.render import describe_patient
from synthboost.simulator.settings import SimulationSettings

UNFINISHED = ".hearts"
SHARE = 100
"""Patients that a process describes and writes at a time: what an interruption costs."""


def write_hearts(out: Path, settings: SimulationSettings, workers: int = 1) -> None:
    """Write who is in a data set that is drawn when read: attributes, split and settings, and no image.

    The label maps are drawn once, for the ejection fraction that is measured on them. A stopped call is gone on with.

    Args:
        out: a new or empty folder, or one of the same settings.
        settings: what to simulate.
        workers: processes; 1 works in this one.

    Raises:
        ConfigError: `workers` is less than 1, or the settings include half sequences.
        OutputError: the folder holds something else or cannot be written.
    """
    if workers < 1:
        raise ConfigError("simulation", "workers", workers, "at least 1")
    if settings.phases_between:
        raise ConfigError("simulation", "phases_between", settings.phases_between, "0: single frames are drawn")
    numbers = settings.patient_numbers
    shares = {out / UNFINISHED / f"{k:06d}.csv": numbers[k : k + SHARE] for k in range(0, len(numbers), SHARE)}
    with exclusive(out):
        claim_simulated(out, settings, {"layout": "on the fly"})
        if (out / HEARTS).is_file():
            return
        make_missing(shares, partial(_describe_share, settings), "drawing hearts", "patient", workers, len)
        write_split(out, settings)
        write_typed(out / HEARTS, HeartRow, (row for share in shares for row in read_typed(share, HeartRow)))
        shutil.rmtree(out / UNFINISHED)


def _describe_share(settings: SimulationSettings, path: Path, numbers: range) -> None:
    write_typed(path, HeartRow, (_describe(settings, number) for number in numbers))


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
