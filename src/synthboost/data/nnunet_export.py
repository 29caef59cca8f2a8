"""Write a data set in nnU-Net's layout.

Attributes and patients have no place in it, so a `frames.csv` is beside it, by which it is read back whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from synthboost.data.dataset import Dataset, require_own_names
from synthboost.data.lists import FRAMES_CSV
from synthboost.data.nnunet import ENDING, FACTS
from synthboost.data.splits import Split
from synthboost.data.table_line import COLUMNS
from synthboost.domain import Frame, SplitPart, Structure
from synthboost.errors import DataError, shown
from synthboost.io.atomic import require_new_folder, whole_folder, write_csv, write_json, write_text
from synthboost.io.nifti import new_header, write_nifti
from synthboost.progress import track

FOLDS = "splits_final.json"


def export_nnunet(dataset: Dataset, split: Split, out: Path) -> int:
    """Write the annotated frames as 2-D NIfTI files, labels numbered from 1 in the order of `Structure`.

    Training and validation patients are `...Tr`, and one fold of `splits_final.json` (for `nnUNet_preprocessed`); the
    test patients are `...Ts`.

    Args:
        dataset: any.
        split: of its patients; who is in no part is left out.
        out: a new folder, written whole or not at all.

    Returns:
        The number of frames.

    Raises:
        DataError: a frame annotates fewer structures than others (to nnU-Net the others would be background), two have
            one name, there is no annotated training frame, or one is broken.
        OutputError: `out` is there, or cannot be written.
    """
    require_new_folder(out, "out")
    infos = [info for info in dataset.frames if split.part_of(info.patient) and dataset.has_annotation(info)]
    if partly := [info.name for info in infos if info.structures != dataset.structures]:
        expected = f"{', '.join(s.short for s in dataset.structures)} in each, as in others"
        raise DataError(dataset.root, f"structures of {len(partly)} frames", shown(partly, 5), expected)
    if not any(split.part_of(info.patient) is SplitPart.TRAINING for info in infos):
        raise DataError(dataset.root, "training frames", "none annotated", "at least one")
    require_own_names(dataset.root, infos)
    numbers = {structure: number for number, structure in enumerate(dataset.structures, start=1)}
    folds: dict[str, list[str]] = {"train": [], "val": []}
    with whole_folder(out) as temporary:
        rows = [
            _write_case(temporary, dataset.load(info), numbers, split, folds)
            for info in track(infos, "exporting", unit="frame")
        ]
        facts = {
            "channel_names": {"0": "ultrasound"},
            "labels": {"background": 0, **{structure.short: number for structure, number in numbers.items()}},
            "numTraining": sum(map(len, folds.values())), "file_ending": ENDING,
            "overwrite_image_reader_writer": "SimpleITKIO", "name": dataset.root.name, "release": dataset.release,
        }  # fmt: skip
        write_json(temporary / FACTS, facts)
        write_text(temporary / FOLDS, json.dumps([folds], indent=2))
        write_csv(temporary / FRAMES_CSV, tuple(COLUMNS), rows)
    return len(rows)


def _write_case(
    out: Path, frame: Frame, numbers: Mapping[Structure, int], split: Split, folds: dict[str, list[str]]
) -> dict[str, object]:
    """Write image and label map of a frame, and return its line of `frames.csv`."""
    info, known, part = frame.info, frame.info.attributes, split.part_of(frame.info.patient)
    assert part is not None
    place, case = ("Ts" if part is SplitPart.TESTING else "Tr"), info.name
    if place == "Tr":
        folds["train" if part is SplitPart.TRAINING else "val"].append(case)
    labels = np.zeros_like(frame.image)
    for structure, number in numbers.items():
        labels[frame.mask(structure)] = number
    image, mask = f"images{place}/{case}_0000{ENDING}", f"labels{place}/{case}{ENDING}"
    header = new_header(frame.image.shape, frame.known_spacing_mm)
    write_nifti(out / image, [frame.image], header)
    write_nifti(out / mask, [labels], header)
    return {
        "image": image, "number": None, "mask": mask,
        "structures": " ".join(f"{structure.short}={number}" for structure, number in numbers.items()),
        "patient": info.patient.name, "view": info.view, "phase": info.phase,
        "spacing": None if info.spacing_known else "unknown", "sex": known.sex, "age": known.age,
        "quality": known.quality, "ef": known.ejection_fraction, "split": part,
    }  # fmt: skip
