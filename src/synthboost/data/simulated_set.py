"""Write a simulated data set: in CAMUS' layout, as tar shards, or without images; and any of them in CAMUS' layout."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from synthboost.data.dataset import Dataset
from synthboost.data.lists import IMAGES, write_split_lists
from synthboost.data.simulated_readers import HEARTS, RECORD, HeartRow, patient_name
from synthboost.data.splits import make_split
from synthboost.data.writer import MadePatient, NewPatient, Origin, make_dataset, make_missing, remake_dataset
from synthboost.domain import Domain, Frame, FrameInfo, PatientId, Phase, SplitPart, View
from synthboost.errors import ConfigError, DataError
from synthboost.io.lock import claim, exclusive
from synthboost.io.pictures import png_bytes
from synthboost.io.shards import read_shard, shard_name, write_index, write_shard
from synthboost.io.tables import read_typed, write_typed
from synthboost.io.typed_json import read_json
from synthboost.processes import available_cores
from synthboost.simulator.motion import SYSTOLE_SECONDS
from synthboost.simulator.priors import calibration_of
from synthboost.simulator.render import SimulatedFrame, describe_patient, simulate_patient
from synthboost.simulator.settings import SimulationSettings

GENERATOR = "synthboost.simulator"
GENERATOR_VERSION = "4"
"""Raised whenever the same settings would give other pixels or masks."""
FRAME_RATE = 50.0
"""Hertz, written into `Info_*.cfg` of patients without a half sequence only because CAMUS has the key."""
FRAMES_PER_PATIENT = len(View) * len(Phase)
PATIENTS_PER_SHARD = 250
"""1,000 frames, about 30 MB at 256 pixels."""
UNFINISHED = ".unfinished"
PART, SHARE = 5, 100
"""Patients whose frames a process draws, or whose hearts it describes, at a time: what an interruption costs."""


def write_dataset(out: Path, settings: SimulationSettings, workers: int = 1) -> None:
    """Simulate a data set in CAMUS' layout into `out`, or finish one that was begun with the same settings.

    Patients' folders appear whole, whatever interrupts the work, and are not made again. The list of frames and the
    split are written last. The masks depend on the settings alone, never on the number of processes (`workers`).

    Raises:
        ConfigError: `workers` is less than 1.
        OutputError: the folder holds something else or cannot be written.
    """
    origin = Origin(Domain.SIMULATED, GENERATOR, GENERATOR_VERSION, settings.seed, release_name(settings), RECORD)
    parts = _numbers_by_part(settings)
    patients = [NewPatient(patient_name(number), part) for part in parts for number in parts[part]]
    wanted, simulate = {"settings": settings.to_json()}, partial(_simulate, settings)
    make_dataset(out, origin, wanted, patients, simulate, "simulating", workers=workers)


def write_shards(
    out: Path, settings: SimulationSettings, workers: int = 1, patients_per_shard: int = PATIENTS_PER_SHARD
) -> int:
    """Simulate a data set into tar shards: for 10^5 frames, where a file for each would be too many.

    As `write_dataset`; a shard has the same bytes whoever makes it. Processes write parts of `PART` patients, of which
    shards are put together; manifest and index are written last.

    Returns:
        How many frames were made now.

    Raises:
        ConfigError: `workers` or `patients_per_shard` is less than 1, or the settings include half sequences.
        OutputError: the folder holds something else or cannot be written.
    """
    _check(settings, workers=workers, patients_per_shard=patients_per_shard)
    numbers = settings.patient_numbers
    starts = range(0, len(numbers), patients_per_shard)
    shards = {out / shard_name(n): numbers[k : k + patients_per_shard] for n, k in enumerate(starts)}
    with exclusive(out):
        _claim(out, settings, layout="shards", patients_per_shard=patients_per_shard)
        parts = {shard: _parts(out, own, PART, ".tar") for shard, own in shards.items() if not shard.exists()}
        jobs = {path: part for of_shard in parts.values() for path, part in of_shard.items()}
        write = partial(_write_part, settings)
        made = make_missing(jobs, write, "simulating", "frame", workers, lambda part: FRAMES_PER_PATIENT * len(part))
        for shard, own in parts.items():
            write_shard(shard, (frame for part in own for frame in read_shard(part)))
            for part in own:
                part.unlink()
        shutil.rmtree(out / UNFINISHED, ignore_errors=True)
        _write_split(out, settings)
        facts = {
            "generator": GENERATOR, "generator_version": GENERATOR_VERSION, "release": release_name(settings),
            "seed": settings.seed, "settings": settings.to_json(),
        }  # fmt: skip
        write_index(out, (path.name for path in shards), facts)
    return made


def write_hearts(out: Path, settings: SimulationSettings, workers: int = 1) -> None:
    """Write a data set that is drawn when read: attributes, split and settings, and no image.

    The label maps are drawn once, for the ejection fraction that is measured on them. A stopped call is gone on with.

    Raises:
        ConfigError: `workers` is less than 1, or the settings include half sequences.
        OutputError: the folder holds something else or cannot be written.
    """
    _check(settings, workers=workers)
    numbers = settings.patient_numbers
    shares = _parts(out, numbers, SHARE, ".csv")
    with exclusive(out):
        _claim(out, settings, layout="on the fly")
        if not (out / HEARTS).is_file():
            make_missing(shares, partial(_describe_share, settings), "drawing hearts", "patient", workers, len)
            _write_split(out, settings)
            write_typed(out / HEARTS, HeartRow, (row for share in shares for row in read_typed(share, HeartRow)))
        shutil.rmtree(out / UNFINISHED, ignore_errors=True)


def export_camus(dataset: Dataset, out: Path) -> int:
    """Write every frame of a simulated set of any layout as NIfTI, with its attributes and split, for others' programs.

    Pixels, masks, names and release stay: the export holds the same patients. See `make_dataset` for `out` and
    what is returned.

    Raises:
        DataError: the set is not simulated, broken, or has half sequences, which would be lost.
        OutputError: the folder holds something else, or cannot be written.
    """
    settings = settings_of(dataset.root)
    if settings.phases_between:
        raise DataError(
            dataset.root, "half sequences", f"{settings.phases_between} frames between ED and ES",
            "shards, or a set that is drawn when read", "This set is in the layout of CAMUS already.",
        )  # fmt: skip

    def read(infos: Sequence[FrameInfo]) -> MadePatient:
        return MadePatient([dataset.load(info) for info in infos], {"settings": settings.to_json()})

    origin = Origin(Domain.SIMULATED, GENERATOR, GENERATOR_VERSION, settings.seed, dataset.release, "export.json")
    split = make_split("official", dataset)
    return remake_dataset(out, dataset, split, origin, settings.to_json(), read, "exporting")


def worthwhile_workers(patients: int) -> int:
    """Return how many processes to simulate so many patients with: one per core, none without work for its start.

    A process takes as long to start as two to four patients of 256 pixels take.
    """
    return max(1, min(available_cores(), patients // 4))


def release_name(settings: SimulationSettings) -> str:
    """Return what `patient0001` needs besides its number to mean one heart, e.g. `simulated-4-camus-seed0`.

    The number of patients, their images and their sizes are not in it: with one prior and one seed, patient0001 of a
    small set and of a large one, of a clean and of a clinical one, are the same person. The dial of the anatomy and the
    calibration are: they make other hearts of the same draws.
    """
    dial = settings.preset.dials["anatomy"]
    hearts = f"{settings.prior}-anatomy{dial:g}" if dial else str(settings.prior)
    hearts += f"-{settings.condition}" if settings.condition else ""
    if moved := calibration_of(settings.calibration):  # factors of 1 and shifts of 0 move nothing
        shifts = json.dumps(moved, sort_keys=True)
        hearts += f"-calibrated{hashlib.sha256(shifts.encode()).hexdigest()[:8]}"
    return f"simulated-{GENERATOR_VERSION}-{hearts}-seed{settings.seed}"


def settings_of(folder: Path) -> SimulationSettings:
    """Return what a simulated set was made with.

    Raises:
        DataError: the folder holds no simulated set, or one of another version, whose hearts would differ.
    """
    record = folder / RECORD
    if not record.is_file():
        raise DataError(record, "file", "absent", "the record of a simulated set", "Give a folder of `simulate`.")
    found = read_json(record)
    if (version := found.get("generator_version")) != GENERATOR_VERSION:
        raise DataError(record, "generator_version", version, GENERATOR_VERSION, "Simulate the set with this version.")
    return SimulationSettings.from_json(found.get("settings"), record)


def _numbers_by_part(settings: SimulationSettings) -> dict[SplitPart, range]:
    """Patients in order: they are drawn independently, so any order is as good as a shuffled one."""
    numbers, (training, validation, _) = settings.patient_numbers, settings.counts
    parts = (numbers[:training], numbers[training : training + validation], numbers[training + validation :])
    return dict(zip(SplitPart, parts, strict=True))


def _check(settings: SimulationSettings, **counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ConfigError("simulation", name, count, "at least 1")
    if settings.phases_between:
        raise ConfigError(
            "simulation", "phases_between", settings.phases_between, "0: shards and drawn sets hold single frames",
            "A folder in CAMUS' layout can have half sequences.",
        )  # fmt: skip


def _claim(out: Path, settings: SimulationSettings, **layout: str | int) -> None:
    made_with = {"generator": GENERATOR, "generator_version": GENERATOR_VERSION, "settings": settings.to_json()}
    claim(out / RECORD, {**made_with, **layout})


def _write_split(out: Path, settings: SimulationSettings) -> None:
    write_split_lists(out, {part: map(patient_name, numbers) for part, numbers in _numbers_by_part(settings).items()})


def _simulate(settings: SimulationSettings, wanted: NewPatient) -> MadePatient:
    patient = simulate_patient(int(wanted.name.removeprefix("patient")), settings)
    name = PatientId(release_name(settings), IMAGES, wanted.name)

    def frame(view: View, phase: Phase, made: SimulatedFrame) -> Frame:
        known = patient.attributes[view]
        fraction = float(round(known.ejection_fraction or 0.0))  # as in CAMUS' cfg
        info = FrameInfo(name, view, phase, replace(known, ejection_fraction=fraction), Domain.SIMULATED)
        return Frame(info, made.image, made.label_map, made.spacing_mm)

    frames = [frame(view, phase, made) for (view, phase), made in patient.frames.items()]
    clips = {view: [frame(view, Phase.END_DIASTOLE, made) for made in clip] for view, clip in patient.clips.items()}
    rate = (settings.phases_between + 1) / SYSTOLE_SECONDS if clips else FRAME_RATE
    return MadePatient(frames, patient.record, clips, rate)


def _parts(out: Path, numbers: range, size: int, suffix: str) -> dict[Path, range]:
    """Files of so many patients each, for what is not finished."""
    parts = (numbers[k : k + size] for k in range(0, len(numbers), size))
    return {out / UNFINISHED / f"{part[0]:08d}{suffix}": part for part in parts}


def _write_part(settings: SimulationSettings, path: Path, numbers: range) -> None:
    patients = (_simulate(settings, NewPatient(patient_name(n), SplitPart.TRAINING)) for n in numbers)
    write_shard(path, (_members(frame, patient.notes) for patient in patients for frame in patient.frames))


def _members(frame: Frame, record: Mapping[str, Any]) -> tuple[str, tuple[bytes, bytes, bytes]]:
    """Return a frame's key, and the bytes of image, label map and attributes."""
    info, known = frame.info, frame.info.attributes
    assert frame.label_map is not None
    facts = {
        "patient": asdict(info.patient), "view": info.view, "phase": info.phase,
        "sex": known.sex, "age": known.age, "quality": known.quality,
        "ejection_fraction": int(known.ejection_fraction or 0.0), "wall_thickness_mm": known.wall_thickness_mm,
        "spacing_mm": frame.spacing_mm, "domain": info.domain, "record": record,
    }  # fmt: skip
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False)
    return info.name, (png_bytes(frame.image), png_bytes(frame.label_map), text.encode())


def _describe_share(settings: SimulationSettings, path: Path, numbers: range) -> None:
    write_typed(path, HeartRow, (_describe(settings, number) for number in numbers))


def _describe(settings: SimulationSettings, number: int) -> HeartRow:
    attributes = describe_patient(number, settings)
    two, four = attributes[View.TWO_CHAMBER], attributes[View.FOUR_CHAMBER]
    return HeartRow(
        number=number, sex=str(two.sex), age=int(two.age or 0), quality_2ch=str(two.quality),
        quality_4ch=str(four.quality),
        ejection_fraction=round(two.ejection_fraction or 0.0), wall_thickness_mm=two.wall_thickness_mm,
    )  # fmt: skip
