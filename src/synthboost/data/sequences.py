"""Annotated sequences: the half cycles of CAMUS' NIfTI release, and TED, the full cycles of 98 of its patients.

Leclerc et al., IEEE Trans Med Imaging 38:2198-2210 (2019); Painchaud et al., IEEE Trans Med Imaging 41:2867-2878
(2022). Every frame of a sequence is a frame here, in its order; its name ends in its number, from 0. What lies between
the two instants that `Info_*.cfg` states has no phase.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

from synthboost.data.camus import CamusNifti, find_patients
from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.info_cfg import read_info, read_instants
from synthboost.data.lists import FRAMES_CSV, IMAGES, read_frames_csv, read_split_lists
from synthboost.data.splits import drawn_split
from synthboost.domain import Domain, FrameInfo, Phase, View


class CamusSequences(Dataset):
    """`database_nifti/patientXXXX/patientXXXX_2CH_half_sequence.nii.gz`; open it as `camus-sequences:FOLDER`."""

    looks_for: ClassVar[str] = f"{IMAGES}/patientXXXX/patientXXXX_2CH_half_sequence.nii.gz, if you say so"
    has_own_name: ClassVar[bool] = True
    RELEASE: ClassVar[str] = CamusNifti.RELEASE
    """That of the single frames: the patients are the same."""
    FOLDER: ClassVar[str] = IMAGES
    FILE: ClassVar[str] = "{patient}_{view}_half_sequence{gt}.nii.gz"
    INFO: ClassVar[str] = "Info_{view}.cfg"
    PATIENT: ClassVar[re.Pattern[str]] = re.compile(r"patient[0-9]{3,8}")

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder that holds the patients' folder, if `path` is it or that folder, and a sequence is in it."""
        absolute = path.absolute()
        root = path if (path / cls.FOLDER).is_dir() else absolute.parent if absolute.name == cls.FOLDER else None
        pattern = cls.FILE.format(patient="patient*", view="?CH", gt="")
        found = root is not None and any((root / cls.FOLDER).glob(f"patient*/{pattern}"))
        return root if found else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read names and `Info_*.cfg`, no pixel. A view without a sequence is counted; one without labels is bare.

        Raises:
            DataError: an `Info_*.cfg` is absent (unless allowed) or broken, a list is, or no sequence is there.
        """
        files: dict[FrameInfo, FrameFiles] = {}
        texts, absent, ignored, table = list[Path](), list[str](), 0, root / FRAMES_CSV
        release, listed = read_frames_csv(table, cls.RELEASE, cls.FOLDER) if table.is_file() else (cls.RELEASE, {})
        for patient in find_patients(root / cls.FOLDER, release, cls.PATIENT):
            folder = root / patient.folder / patient.name
            present = {path.name for path in folder.iterdir()}
            for view in View:
                clip, text = (cls._name(kind, folder.name, view) for kind in (cls.FILE, cls.INFO))
                if clip not in present:
                    ignored += 1
                elif text not in present:
                    absent.append(f"{cls.FOLDER}/{folder.name}/{text}")
                else:
                    texts.append((folder / text).relative_to(root))
                    labels = cls._name(cls.FILE, folder.name, view, "_gt")
                    origin = listed.get(f"{folder.name}_{view}_{Phase.END_DIASTOLE}", (Domain.REAL, None))
                    there = FrameFiles(Path(clip), Path(labels) if labels in present else None)
                    any_frame = FrameInfo(patient, view, None, read_info(folder / text), *origin)
                    files |= dict(_frames(any_frame, read_instants(folder / text), folder.relative_to(root), there))
        official, lists = read_split_lists(root, release, cls.FOLDER)
        side_files = (*texts, *lists, *((Path(FRAMES_CSV),) if listed else ()))
        return cls.of(
            root, release, files, absent, allow_missing, side_files=side_files,
            official=official or drawn_split({info.patient for info in files}),
            ignored={"views of patients without a sequence": ignored} if ignored else {},
        )  # fmt: skip

    @staticmethod
    def _name(pattern: str, patient: str, view: View, gt: str = "") -> str:
        return pattern.format(patient=patient, view=view, gt=gt)


class Ted(CamusSequences):
    """`database/patientXXX/patientXXX_4CH_sequence.mhd`. Its patients are CAMUS' under other names."""

    looks_for: ClassVar[str] = "database/patientXXX/patientXXX_4CH_sequence.mhd"
    has_own_name: ClassVar[bool] = False
    RELEASE: ClassVar[str] = "ted"
    FOLDER: ClassVar[str] = "database"
    FILE: ClassVar[str] = "{patient}_{view}_sequence{gt}.mhd"
    INFO: ClassVar[str] = "{patient}_{view}_info.cfg"


def _frames(
    any_frame: FrameInfo, instants: tuple[int, int, int], folder: Path, there: FrameFiles
) -> Iterator[tuple[FrameInfo, FrameFiles]]:
    diastole, systole, frames = instants
    phases = {diastole - 1: Phase.END_DIASTOLE, systole - 1: Phase.END_SYSTOLE}
    labels = None if there.label_map is None else folder / there.label_map
    for number in range(frames):
        info = replace(any_frame, phase=phases.get(number), number=number)
        yield info, FrameFiles(folder / there.image, labels, number)
