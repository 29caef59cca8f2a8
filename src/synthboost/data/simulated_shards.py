"""Write a simulated data set as tar shards: for 10^5 frames, where a file for each would be too many."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from synthboost.data.lists import IMAGES
from synthboost.data.simulated_set import (
    GENERATOR,
    GENERATOR_VERSION,
    claim_simulated,
    patient_name,
    release_name,
    write_split,
)
from synthboost.data.writer import make_missing
from synthboost.domain import Domain, Phase, View
from synthboost.errors import ConfigError
from synthboost.io.lock import exclusive
from synthboost.io.pictures import png_bytes
from synthboost.io.shards import shard_name, write_index, write_shard
from synthboost.simulator.render import SimulatedPatient, simulate_patient
from synthboost.simulator.settings import SimulationSettings

FRAMES_PER_PATIENT = len(View) * len(Phase)
PATIENTS_PER_SHARD = 250
"""1,000 frames, about 30 MB at 256 pixels."""


def write_shards(
    out: Path, settings: SimulationSettings, workers: int = 1, patients_per_shard: int = PATIENTS_PER_SHARD
) -> int:
    """Simulate a data set into shards in `out`, or finish one that was begun with the same settings.

    A shard appears whole, whatever interrupts the work, is not made again, and has the same bytes whoever makes it.
    Manifest and index are written last.

    Args:
        out: a new or empty folder, or one of the same settings.
        settings: what to simulate.
        workers: processes; 1 works in this one.
        patients_per_shard: of four frames each.

    Returns:
        How many frames were made now.

    Raises:
        ConfigError: `workers` or `patients_per_shard` is less than 1, or the settings include half sequences.
        OutputError: the folder holds something else or cannot be written.
    """
    if settings.phases_between:
        raise ConfigError(
            "simulation", "phases_between", settings.phases_between, "0: shards hold single frames",
            "Leave out --frames, which makes a folder in CAMUS' layout.",
        )  # fmt: skip
    for field, value in (("workers", workers), ("patients_per_shard", patients_per_shard)):
        if value < 1:
            raise ConfigError("simulation", field, value, "at least 1")
    numbers = settings.patient_numbers
    starts = range(0, len(numbers), patients_per_shard)
    shards = {out / shard_name(n): numbers[k : k + patients_per_shard] for n, k in enumerate(starts)}
    with exclusive(out):
        claim_simulated(out, settings, {"layout": "shards", "patients_per_shard": patients_per_shard})
        made = make_missing(shards, partial(_write_one, settings), "simulating", "frame", workers, _frames_of)
        write_split(out, settings)
        facts = {
            "generator": GENERATOR, "generator_version": GENERATOR_VERSION, "release": release_name(settings),
            "seed": settings.seed, "settings": settings.to_json(),
        }  # fmt: skip
        write_index(out, (path.name for path in shards), facts)
    return made


def frame_members(patient: SimulatedPatient, settings: SimulationSettings) -> dict[str, tuple[bytes, bytes, bytes]]:
    """Return the bytes of image, label map and attributes of a patient's frames, by key (`patient0001_2CH_ED`)."""
    name, release = patient_name(patient.number), release_name(settings)
    members = {}
    for (view, phase), frame in patient.frames.items():
        attributes = patient.attributes[view]
        assert attributes.ejection_fraction is not None
        facts = {
            "patient": {"release": release, "folder": IMAGES, "name": name},
            "view": view, "phase": phase,
            "sex": attributes.sex, "age": attributes.age, "quality": attributes.quality,
            "ejection_fraction": round(attributes.ejection_fraction),  # as in CAMUS' cfg
            "wall_thickness_mm": attributes.wall_thickness_mm,
            "spacing_mm": frame.spacing_mm, "domain": Domain.SIMULATED, "record": patient.record,
        }  # fmt: skip
        text = json.dumps(facts, ensure_ascii=False, allow_nan=False)
        members[f"{name}_{view}_{phase}"] = (png_bytes(frame.image), png_bytes(frame.label_map), text.encode())
    return members


def _frames_of(numbers: range) -> int:
    return FRAMES_PER_PATIENT * len(numbers)


def _write_one(settings: SimulationSettings, path: Path, numbers: range) -> None:
    patients = (simulate_patient(number, settings) for number in numbers)
    write_shard(path, (item for patient in patients for item in frame_members(patient, settings).items()))
