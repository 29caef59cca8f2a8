"""Write a simulated data set as tar shards: for 10^5 frames, where a file for each would be too many."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from synthboost.data.camus_layout import IMAGES
from synthboost.data.simulated_set import (
    GENERATOR,
    GENERATOR_VERSION,
    claim,
    in_processes,
    patient_name,
    release_name,
    write_split,
)
from synthboost.domain import Domain, Phase, View
from synthboost.errors import ConfigError
from synthboost.io.lock import exclusive
from synthboost.io.pictures import png_bytes
from synthboost.io.shards import shard_name, write_index, write_shard
from synthboost.progress import Progress
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
        ConfigError: `workers` or `patients_per_shard` is less than 1, or half sequences are asked for.
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
    shards = {n: numbers[k : k + patients_per_shard] for n, k in enumerate(range(0, len(numbers), patients_per_shard))}
    with exclusive(out):
        claim(out, settings, {"layout": "shards", "patients_per_shard": patients_per_shard})
        missing = [n for n in shards if not (out / shard_name(n)).is_file()]
        frames = FRAMES_PER_PATIENT * sum(len(shards[n]) for n in missing)
        task = partial(_write_one, out, settings, shards)
        with Progress("simulating", frames, "frame") as progress:
            for made in in_processes(task, missing, workers):
                progress.advance(made)
        write_split(out, settings)
        facts = {
            "generator": GENERATOR, "generator_version": GENERATOR_VERSION, "release": release_name(settings),
            "seed": settings.seed, "settings": settings.to_json(),
        }  # fmt: skip
        write_index(out, map(shard_name, shards), facts)
    return frames


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


def _write_one(out: Path, settings: SimulationSettings, shards: dict[int, range], number: int) -> int:
    patients = (simulate_patient(n, settings) for n in shards[number])
    write_shard(out / shard_name(number), (item for p in patients for item in frame_members(p, settings).items()))
    return FRAMES_PER_PATIENT * len(shards[number])
