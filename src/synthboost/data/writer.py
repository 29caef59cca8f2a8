"""One writer of data sets in CAMUS' layout: claim the folder, make the patients that are missing, write the lists last.

An interrupted call is gone on with by the same call; patients' folders appear whole or not at all.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from synthboost.data.dataset import Dataset
from synthboost.data.info_cfg import info_text
from synthboost.data.lists import IMAGES, RELEASE_COLUMN, write_frames_csv, write_split_lists
from synthboost.data.splits import Split
from synthboost.domain import Domain, Frame, FrameInfo, PatientId, Phase, SplitPart, View
from synthboost.errors import ConfigError, DataError, shown
from synthboost.io.atomic import recover, whole_folder, write_json, write_text
from synthboost.io.lock import claim, exclusive
from synthboost.io.nifti import new_header, write_nifti
from synthboost.processes import process_pool
from synthboost.progress import Progress

Job = TypeVar("Job")


@dataclass(frozen=True)
class Origin:
    """What makes a set's frames, as `frames.csv` and the folder's record say it."""

    domain: Domain
    generator: str
    version: str
    seed: int
    release: str
    """Part of every patient's identity: what `patient0001` of this set means."""
    record: str
    """The record's file name: at the root the settings, in a patient's folder what was noted."""


@dataclass(frozen=True)
class NewPatient:
    """A patient of the set to be."""

    name: str
    """E.g. `patient0001`."""
    part: SplitPart
    source: PatientId | None = None
    """The real patient behind it, if there is one."""


@dataclass(frozen=True, eq=False)
class MadePatient:
    """What is written of a patient. Frames may carry another patient's name; what is known of them is written."""

    frames: Sequence[Frame]
    """Fewer than four, or none, if the maker keeps no more."""
    notes: Mapping[str, Any]
    """Plain values for the record in the patient's folder."""
    clips: Mapping[View, Sequence[Frame]] = field(default_factory=dict)
    """Half sequences from ED to ES."""
    frame_rate: float | None = None
    """Per second."""


def make_dataset(
    out: Path,
    origin: Origin,
    wanted: Mapping[str, Any],
    patients: Sequence[NewPatient],
    make: Callable[[NewPatient], MadePatient],
    doing: str,
    shard: tuple[int, int] = (1, 1),
    workers: int = 1,
    before_lists: Callable[[], None] = lambda: None,
) -> int:
    """Write a data set, the share of one worker, or what is missing of it.

    Args:
        out: a new or empty folder, or one begun with the same origin and `wanted`.
        origin: see there.
        wanted: whatever else decides the frames; plain values. A folder that was begun otherwise is refused.
        patients: all of the set, in the order of its lists.
        make: called for each patient that is missing; with several workers it must travel between processes.
        doing: before the progress bar.
        shard: (i, n): every n-th patient, the i-th first. Shards may run at the same time, on any machine that sees
            `out`; the last to finish writes the lists.
        workers: processes; 1 works in this one.
        before_lists: called when all patients are there. A patient without frames is in no list.

    Returns:
        How many patients were made now.

    Raises:
        ConfigError: the shard is none, or there are no workers.
        OutputError: the folder holds something else, is in use, or cannot be written.
    """
    number, shares = shard
    if workers < 1:
        raise ConfigError(doing, "workers", workers, "at least 1")
    if not 1 <= number <= shares:
        raise ConfigError("share", "shard", f"{number}/{shares}", "i/n with i from 1 to n")
    folders = {patient.name: out / IMAGES / patient.name for patient in patients}
    claim(out / origin.record, {"generator": origin.generator, "generator_version": origin.version, **wanted})
    with exclusive(out if shares == 1 else out / f".shard-{number}-of-{shares}"):
        if shares == 1:
            recover(out / IMAGES, held=True)
        own = {folders[patient.name]: patient for patient in patients[number - 1 :: shares]}
        write = partial(_write_patient, make, origin.record)
        made = make_missing(own, write, doing, "patient", workers, is_whole=_is_whole)
        if all(folder.is_dir() for folder in folders.values()):
            before_lists()
            _write_lists(out, origin, patients)
    return made


def remake_dataset(
    out: Path,
    dataset: Dataset,
    split: Split,
    origin: Origin,
    wanted: Mapping[str, Any],
    remake: Callable[[Sequence[FrameInfo]], MadePatient],
    doing: str,
    shard: tuple[int, int] = (1, 1),
) -> int:
    """Write a data set with the patients and masks of a simulated one and new pixels; see `make_dataset`.

    Patients keep their names, parts, attributes and release: they are the same hearts. Those that the split leaves out
    are left out. `remake` makes of a patient's frames the same frames with new pixels.

    Raises:
        DataError: frames are not annotated, or not simulated (the new set names no patient behind a frame, so a leak
            would go unseen); or what `remake` raises.
    """
    infos = _frames_by_patient(dataset, split)
    wanted = {"images": dataset.fingerprint(), "split": split.name, "seed": origin.seed, "settings": dict(wanted)}
    patients = [NewPatient(p.name, part) for part in SplitPart for p in split.parts[part] if p.name in infos]
    return make_dataset(out, origin, wanted, patients, lambda patient: remake(infos[patient.name]), doing, shard)


def _frames_by_patient(dataset: Dataset, split: Split) -> dict[str, list[FrameInfo]]:
    for odd, what, expected in (
        ([info.name for info in dataset.frames if info.domain is not Domain.SIMULATED], "domain", "simulated"),
        ([info.name for info in dataset.frames if not dataset.has_annotation(info)], "label maps", "annotated"),
    ):
        if odd:
            raise DataError(
                dataset.root, f"{what} of {len(odd)} frames", shown(odd, 5), f"{expected} frames only",
                "Give the set that `simulate` wrote.",
            )  # fmt: skip
    of_patient: dict[str, list[FrameInfo]] = {}
    for info in dataset.frames:
        if split.part_of(info.patient) is not None:
            of_patient.setdefault(info.patient.name, []).append(info)
    return of_patient


def make_missing(
    jobs: Mapping[Path, Job],
    make: Callable[[Path, Job], object],
    doing: str,
    unit: str,
    workers: int = 1,
    size: Callable[[Job], int] = lambda job: 1,
    is_whole: Callable[[Path], bool] = Path.exists,
) -> int:
    """Make the files or folders (path -> what it is made from) that are not there, and return how many units those are.

    `make` writes one, whole or not at all; with several processes (`workers`) it must travel between them. A job is as
    many units as `size` says; `doing` and `unit` are the progress bar's. What is there counts if `is_whole` says so.
    """
    missing = [(path, job) for path, job in jobs.items() if not is_whole(path)]
    total = sum(size(job) for _, job in missing)
    with Progress(doing, total, unit) as progress:
        for job in _in_processes(make, missing, workers):
            progress.advance(size(job))
    return total


def _in_processes(make: Callable[[Path, Job], object], items: list[tuple[Path, Job]], workers: int) -> Iterator[Job]:
    """Yield each job when it is done."""
    if workers == 1 or len(items) < 2:
        for path, job in items:
            make(path, job)
            yield job
        return
    # Fresh processes: a forked one would inherit the locks of other threads.
    with process_pool(min(workers, len(items)), "spawn") as pool:
        jobs = {pool.submit(make, path, job): job for path, job in items}
        for future in as_completed(jobs):
            future.result()
            yield jobs[future]


def _is_whole(folder: Path) -> bool:
    """Whether a patient is there and every image ends as it should: a full disk may have cut one."""
    try:
        for path in folder.glob("*.nii.gz"):
            with gzip.open(path) as stream:
                if not stream.read(1 << 20):
                    return False
                while stream.read(1 << 20):
                    pass
    except (OSError, EOFError, zlib.error):
        return False
    return folder.is_dir()


def _write_patient(make: Callable[[NewPatient], MadePatient], record: str, folder: Path, patient: NewPatient) -> None:
    made = make(patient)
    with whole_folder(folder) as temporary:
        of_view: dict[View, FrameInfo] = {}
        for frame in made.frames:
            if not frame.info.has_place or frame.info.view is None:
                raise DataError(
                    frame.info.name, "frame", "of no single view and phase", "view and phase, each pair once",
                    "CAMUS' layout has no place for other frames.",
                )  # fmt: skip
            of_view.setdefault(frame.info.view, frame.info)
            _write_images(temporary / f"{patient.name}_{frame.info.view}_{frame.info.phase}", [frame])
        for view, clip in made.clips.items():
            _write_images(temporary / f"{patient.name}_{view}_half_sequence", clip)
        for view, info in of_view.items():
            count = len(made.clips.get(view, tuple(Phase)))
            write_text(temporary / f"Info_{view}.cfg", info_text(info.attributes, count, made.frame_rate))
        write_json(temporary / record, made.notes)


def _write_images(stem: Path, frames: Sequence[Frame]) -> None:
    """Write frames of one spacing as CAMUS does: width, depth and, if there are several, time."""
    header = new_header(frames[0].image.shape, frames[0].spacing_mm, len(frames))
    write_nifti(stem.with_name(f"{stem.name}.nii.gz"), (frame.image for frame in frames), header)
    if label_maps := [frame.label_map for frame in frames if frame.label_map is not None]:
        write_nifti(stem.with_name(f"{stem.name}_gt.nii.gz"), label_maps, header)


def _write_lists(out: Path, origin: Origin, patients: Sequence[NewPatient]) -> None:
    stems = {p.name: [f"{p.name}_{view}_{phase}" for view, phase in product(View, Phase)] for p in patients}
    names = {p: [s for s in own if (out / IMAGES / p / f"{s}.nii.gz").is_file()] for p, own in stems.items()}
    listed = [patient for patient in patients if names[patient.name]]
    write_split_lists(out, {part: [p.name for p in listed if p.part is part] for part in SplitPart})
    write_frames_csv(
        out,
        (
            {
                "frame": name, "domain": origin.domain, "source_patient": patient.source or "",
                "source_split": "" if patient.source is None else patient.part, "generator": origin.generator,
                "generator_version": origin.version, "seed": origin.seed, RELEASE_COLUMN: origin.release,
            }
            for patient in listed
            for name in names[patient.name]
        ),
    )  # fmt: skip
