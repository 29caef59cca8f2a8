"""Write a simulated data set to disk in the layout of CAMUS' NIfTI release; stop and resume at any time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from synthboost.data.lists import IMAGES, write_split_lists
from synthboost.data.on_the_fly import RECORD
from synthboost.data.writer import MadePatient, NewPatient, Origin, make_dataset
from synthboost.domain import Domain, Frame, FrameInfo, PatientId, Phase, SplitPart, View
from synthboost.errors import ConfigError, DataError
from synthboost.io.claim import claim
from synthboost.simulator.calibration import Calibration
from synthboost.simulator.motion import SYSTOLE_SECONDS
from synthboost.simulator.render import SimulatedFrame, SimulatedPatient, simulate_patient
from synthboost.simulator.settings import SimulationSettings

GENERATOR = "synthboost.simulator"
GENERATOR_VERSION = "3"
"""Raised whenever the same settings would give other pixels or masks."""
FRAME_RATE = 50.0
"""Hertz, written into `Info_*.cfg` of patients without a half sequence only because CAMUS has the key."""


def write_dataset(out: Path, settings: SimulationSettings, workers: int = 1) -> None:
    """Simulate a data set into `out`, or finish one that was begun with the same settings.

    Patients' folders appear whole, whatever interrupts the work, and are not made again. The list of frames and the
    split are written last. The masks depend on the settings alone, never on the number of workers.

    Args:
        out: a new or empty folder, or one of the same settings.
        settings: what to simulate.
        workers: processes; 1 works in this one.

    Raises:
        ConfigError: `workers` is less than 1.
        OutputError: the folder holds something else or cannot be written.
    """
    origin = Origin(Domain.SIMULATED, GENERATOR, GENERATOR_VERSION, settings.seed, release_name(settings), RECORD)
    patients = [
        NewPatient(patient_name(number), part)
        for part, numbers in numbers_by_part(settings).items()
        for number in numbers
    ]
    make_dataset(
        out, origin, {"settings": settings.to_json()}, patients, partial(_simulate, settings), "simulating",
        workers=workers,
    )  # fmt: skip


def release_name(settings: SimulationSettings) -> str:
    """Return what `patient0001` needs besides its number to mean one heart, e.g. `simulated-3-camus-seed0`.

    The number of patients, their images and their sizes are not in it: with one prior and one seed, patient0001 of a
    small set and of a large one, of a clean and of a clinical one, are the same person. The dial of the anatomy and the
    calibration are: they make other hearts of the same draws.
    """
    dial = settings.preset.dials.anatomy
    hearts = f"{settings.prior}-anatomy{dial:g}" if dial else str(settings.prior)
    if moved := dict(Calibration.of_items(settings.calibration).items):  # factors of 1 and shifts of 0 move nothing
        shifts = json.dumps(moved, sort_keys=True)
        hearts += f"-calibrated{hashlib.sha256(shifts.encode()).hexdigest()[:8]}"
    return f"simulated-{GENERATOR_VERSION}-{hearts}-seed{settings.seed}"


def settings_of(folder: Path) -> SimulationSettings:
    """Return what a simulated set was made with.

    Raises:
        DataError: the folder holds no simulated set, or one of another version, whose hearts would differ.
    """
    record = folder / RECORD
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
        version, settings = found["generator_version"], SimulationSettings.from_json(found["settings"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise DataError(
            record, "settings", repr(error), "the record of a simulated set", "Give a folder of `simulate`."
        ) from error
    if version != GENERATOR_VERSION:
        raise DataError(record, "generator_version", version, GENERATOR_VERSION, "Simulate the set with this version.")
    return settings


def patient_name(number: int) -> str:
    """CAMUS' name of a patient, `patient0001`."""
    return f"patient{number:04d}"


def claim_simulated(out: Path, settings: SimulationSettings, layout: Mapping[str, Any]) -> None:
    """Mark the folder as holding these settings in another layout than CAMUS', or refuse it.

    Raises:
        OutputError: it does. Nothing is touched.
    """
    wanted = {"generator": GENERATOR, "generator_version": GENERATOR_VERSION, "settings": settings.to_json()}
    claim(out / RECORD, {**wanted, **layout})


def write_split(out: Path, settings: SimulationSettings) -> None:
    """Write the three lists of patients."""
    write_split_lists(out, {part: map(patient_name, numbers) for part, numbers in numbers_by_part(settings).items()})


def numbers_by_part(settings: SimulationSettings) -> dict[SplitPart, range]:
    """Patients in order: they are drawn independently, so any order is as good as a shuffled one."""
    numbers = settings.patient_numbers
    training, validation, _ = settings.counts
    return {
        SplitPart.TRAINING: numbers[:training],
        SplitPart.VALIDATION: numbers[training : training + validation],
        SplitPart.TESTING: numbers[training + validation :],
    }


def _simulate(settings: SimulationSettings, wanted: NewPatient) -> MadePatient:
    patient = simulate_patient(int(wanted.name.removeprefix("patient")), settings)
    release = release_name(settings)
    frames = [_frame(release, patient, view, phase, frame) for (view, phase), frame in patient.frames.items()]
    clips = {
        view: [_frame(release, patient, view, Phase.END_DIASTOLE, frame) for frame in clip]
        for view, clip in patient.clips.items()
    }
    intervals = {len(clip) - 1 for clip in clips.values()}
    rate = intervals.pop() / SYSTOLE_SECONDS if intervals else FRAME_RATE
    return MadePatient(frames, patient.record, clips, rate)


def _frame(release: str, patient: SimulatedPatient, view: View, phase: Phase, frame: SimulatedFrame) -> Frame:
    known = patient.attributes[view]
    assert known.ejection_fraction is not None
    whole = replace(known, ejection_fraction=float(round(known.ejection_fraction)))  # as in CAMUS' cfg
    name = PatientId(release, IMAGES, patient_name(patient.number))
    return Frame(FrameInfo(name, view, phase, whole, Domain.SIMULATED), frame.image, frame.label_map, frame.spacing_mm)
