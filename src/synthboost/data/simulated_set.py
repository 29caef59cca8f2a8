"""Write a simulated data set to disk in the layout of CAMUS' NIfTI release; stop and resume at any time."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from synthboost.data.camus_layout import (
    IMAGES,
    Listed,
    write_clip_nifti,
    write_frame_nifti,
    write_frames_csv,
    write_split_lists,
)
from synthboost.data.simulated_names import RECORD
from synthboost.domain import Domain, Phase, SplitPart, View
from synthboost.errors import ConfigError, DataError, OutputError
from synthboost.io.atomic import TEMPORARY_PREFIX, recover, whole_folder, write_json, write_text
from synthboost.io.lock import LOCK_FILE, exclusive
from synthboost.progress import track
from synthboost.simulator.calibration import Calibration
from synthboost.simulator.motion import SYSTOLE_SECONDS
from synthboost.simulator.render import SimulatedPatient, simulate_patient
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
    if workers < 1:
        raise ConfigError("simulation", "workers", workers, "at least 1")
    with exclusive(out):
        claim(out, settings)
        recover(out / IMAGES, held=True)
        missing = [n for n in settings.patient_numbers if not (out / IMAGES / patient_name(n)).is_dir()]
        for _ in track(
            in_processes(partial(_simulate_to_disk, out, settings), missing, workers),
            "simulating patients",
            len(missing),
            "patient",
        ):
            pass
        write_split(out, settings)
        release = release_name(settings)
        frames = (
            Listed(f"{patient_name(number)}_{view}_{phase}", release)
            for number, view, phase in product(settings.patient_numbers, View, Phase)
        )
        write_frames_csv(out, frames, Domain.SIMULATED, GENERATOR, GENERATOR_VERSION, settings.seed)


def write_patient(folder: Path, patient: SimulatedPatient) -> None:
    """Write one patient's four frames, half sequences, label maps and keys into `folder`, which appears whole."""
    name = patient_name(patient.number)
    with whole_folder(folder) as temporary:
        for (view, phase), frame in patient.frames.items():
            write_frame_nifti(temporary / f"{name}_{view}_{phase}.nii.gz", frame.image, frame.spacing_mm)
            write_frame_nifti(temporary / f"{name}_{view}_{phase}_gt.nii.gz", frame.label_map, frame.spacing_mm)
        for view, clip in patient.clips.items():
            stem, spacing_mm = f"{name}_{view}_half_sequence", clip[0].spacing_mm
            images, label_maps = np.stack([f.image for f in clip]), np.stack([f.label_map for f in clip])
            write_clip_nifti(temporary / f"{stem}.nii.gz", images, spacing_mm)
            write_clip_nifti(temporary / f"{stem}_gt.nii.gz", label_maps, spacing_mm)
        for view in View:
            write_text(temporary / f"Info_{view}.cfg", _info(patient, view))
        write_json(temporary / RECORD, patient.record)


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


def claim(out: Path, settings: SimulationSettings, layout: Mapping[str, Any] | None = None) -> None:
    """Mark the folder as holding these settings in this layout (absent: CAMUS'), or refuse it.

    Raises:
        OutputError: it does. Nothing is touched.
    """
    wanted = {"generator": GENERATOR, "generator_version": GENERATOR_VERSION, "settings": settings.to_json()}
    wanted |= layout or {}
    record = out / RECORD
    if record.exists():
        found = _read_record(record)
        if found != wanted:
            raise OutputError(
                out, "settings", _difference(found, wanted), "the settings and version that the folder was begun with",
                "Nothing was touched. Choose another folder, or repeat the settings in its simulation.json.",
            )  # fmt: skip
        return
    occupied = next((p.name for p in out.iterdir() if not p.name.startswith((TEMPORARY_PREFIX, LOCK_FILE))), None)
    if occupied is not None:
        raise OutputError(
            out, "folder", f"holds {occupied!r} and no {RECORD}", "a new or empty folder, or a simulated data set",
            "Nothing was touched. Choose another folder.",
        )  # fmt: skip
    write_json(record, wanted)


def _read_record(record: Path) -> dict[str, Any]:
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(
            record, "file", error, "a readable record of a simulation", "Choose another folder."
        ) from error
    return found if isinstance(found, dict) else {}


def _difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Name the keys that differ, with what the folder has."""
    before, now = ({**d, **(d.get("settings") or {})} for d in (found, wanted))
    odd = sorted(k for k in before.keys() | now.keys() if k != "settings" and before.get(k) != now.get(k))
    return ", ".join(f"{k} is {before.get(k)!r} there and {now.get(k)!r} now" for k in odd)


_Result = TypeVar("_Result")


def in_processes(task: Callable[[int], _Result], numbers: list[int], workers: int) -> Iterator[_Result]:
    """Yield what the task returns for each number, as they end; with more than one worker in processes of their own."""
    if workers == 1 or len(numbers) < 2:
        for number in numbers:
            yield task(number)
        return
    # Fresh processes: a forked one would inherit the locks of other threads.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(numbers)), mp_context=context, initializer=_obey_the_parent)
    try:
        for future in as_completed([pool.submit(task, n) for n in numbers]):
            yield future.result()
    finally:
        # On an error or Ctrl-C: patients in work are finished, the others are not begun.
        pool.shutdown(wait=True, cancel_futures=True)


def _obey_the_parent() -> None:
    """Leave Ctrl-C to the parent, which stops the work in order, and end with it when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _simulate_to_disk(out: Path, settings: SimulationSettings, number: int) -> int:
    write_patient(out / IMAGES / patient_name(number), simulate_patient(number, settings))
    return number


def _info(patient: SimulatedPatient, view: View) -> str:
    attributes = patient.attributes[view]
    assert attributes.ejection_fraction is not None
    wall = attributes.wall_thickness_mm
    count = len(patient.clips.get(view, tuple(Phase)))
    lines = {
        "ED": 1,
        "ES": count,
        "NbFrame": count,
        "Sex": attributes.sex,
        "Age": attributes.age,
        "ImageQuality": attributes.quality,
        "EF": round(attributes.ejection_fraction),
        **({} if wall is None else {"WallThickness": f"{wall:g}"}),
        "FrameRate": f"{(count - 1) / SYSTOLE_SECONDS:.1f}" if view in patient.clips else FRAME_RATE,
    }
    return "".join(f"{key}: {value}\n" for key, value in lines.items())


def write_split(out: Path, settings: SimulationSettings) -> None:
    """Write the three lists of patients."""
    write_split_lists(out, {part: map(patient_name, numbers) for part, numbers in _split(settings).items()})


def _split(settings: SimulationSettings) -> dict[SplitPart, list[int]]:
    """Patients in order: they are drawn independently, so any order is as good as a shuffled one."""
    numbers = list(settings.patient_numbers)
    training, validation, _ = settings.counts
    return {
        SplitPart.TRAINING: numbers[:training],
        SplitPart.VALIDATION: numbers[training : training + validation],
        SplitPart.TESTING: numbers[training + validation :],
    }
