"""A data set with the patients and masks of a simulated one and new pixels: made by patient, resumable, in shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthboost.data.camus_layout import IMAGES, Listed, write_frames, write_frames_csv, write_split_lists
from synthboost.data.dataset import Dataset
from synthboost.data.splits import Split
from synthboost.domain import Domain, Frame, FrameInfo, PatientId, SplitPart
from synthboost.errors import ConfigError, DataError
from synthboost.io.atomic import recover, whole_folder, write_json
from synthboost.io.claim import claim
from synthboost.io.lock import exclusive
from synthboost.progress import track

Remake = Callable[[Sequence[FrameInfo]], tuple[list[Frame], Mapping[str, Any]]]
"""From a patient's frames to the same frames with new pixels, and what is to be noted of them (plain values)."""


@dataclass(frozen=True)
class Origin:
    """What makes the pixels, as `frames.csv` and the folder's record say it."""

    domain: Domain
    generator: str
    version: str
    seed: int
    record: str
    """The record's file name: at the root what was asked for, in a patient's folder what was noted."""
    doing: str
    """Before the progress bar."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else decides the pixels; plain values. A folder that was begun otherwise is refused."""


def write_derived_set(
    out: Path, dataset: Dataset, split: Split, origin: Origin, remake: Remake, shard: tuple[int, int] = (1, 1)
) -> int:
    """Write the set, the share of one worker, or what is missing of it.

    Patients keep their names, parts, attributes and release: they are the same hearts.

    Args:
        out: a new or empty folder, or one begun with the same images and origin.
        dataset: simulated and annotated. Frames of patients are refused: the new set names no patient behind a frame,
            so a leak would go unseen.
        split: of `dataset`; patients that it leaves out are left out.
        origin: see there.
        remake: called for each patient that is missing.
        shard: (i, n): every n-th patient, the i-th first. The last worker to finish writes the lists.

    Returns:
        How many patients were made now.

    Raises:
        ConfigError: the shard is none.
        DataError: frames are not simulated or not annotated, or what `remake` raises.
        OutputError: the folder holds something else, or cannot be written.
    """
    number, workers = shard
    if not 1 <= number <= workers:
        raise ConfigError("share", "shard", f"{number}/{workers}", "i/n with i from 1 to n")
    infos = _by_patient(dataset, split)
    patients = list(infos)
    claim(
        out / origin.record,
        {
            "generator": origin.generator,
            "generator_version": origin.version,
            "images": dataset.fingerprint(),
            "split": split.name,
            "seed": origin.seed,
            "settings": dict(origin.settings),
        },
        same="the same images and settings",
        begun_by="the same verb",
    )
    with exclusive(out / f".shard-{number}-of-{workers}"):
        if workers == 1:
            recover(out / IMAGES, held=True)
        missing = [p for p in patients[number - 1 :: workers] if not (out / IMAGES / p.name).is_dir()]
        for patient in track(missing, origin.doing, unit="patient"):
            frames, notes = remake(infos[patient])
            with whole_folder(out / IMAGES / patient.name) as temporary:
                write_frames(temporary, patient.name, frames, ejection_fraction=True)
                write_json(temporary / origin.record, notes)
    if all((out / IMAGES / patient.name).is_dir() for patient in patients):
        _write_lists(out, split, infos, origin)
    return len(missing)


def _by_patient(dataset: Dataset, split: Split) -> dict[PatientId, list[FrameInfo]]:
    """The frames of each patient of the split, in its order."""
    odd = [info.name for info in dataset.frames if info.domain is not Domain.SIMULATED]
    if odd:
        raise DataError(
            dataset.root, f"domain of {len(odd)} frames", ", ".join(odd[:5]), "simulated frames only",
            "Give the set that `simulate` wrote.",
        )  # fmt: skip
    bare = [info.name for info in dataset.frames if not dataset.has_annotation(info)]
    if bare:
        raise DataError(dataset.root, f"label maps of {len(bare)} frames", ", ".join(bare[:5]), "annotated frames only")
    of_patient: dict[PatientId, list[FrameInfo]] = {p: [] for part in SplitPart for p in split.parts[part]}
    for info in dataset.frames:
        if info.patient in of_patient:
            of_patient[info.patient].append(info)
    return {patient: infos for patient, infos in of_patient.items() if infos}


def _write_lists(out: Path, split: Split, infos: Mapping[PatientId, list[FrameInfo]], origin: Origin) -> None:
    write_split_lists(out, {part: [p.name for p in split.parts[part] if p in infos] for part in SplitPart})
    frames = (Listed(info.name, info.patient.release) for of_patient in infos.values() for info in of_patient)
    write_frames_csv(out, frames, origin.domain, origin.generator, origin.version, origin.seed)
