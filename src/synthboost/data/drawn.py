"""Simulated frames that are drawn when they are read: a folder of settings and attributes, without an image."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from synthboost.data.camus_layout import IMAGES
from synthboost.data.dataset import Dataset, FrameFiles, FrameKey
from synthboost.data.simulated_names import HEARTS, RECORD
from synthboost.data.subgroups import read_subgroups
from synthboost.domain import Domain, FrameInfo, PatientId, Phase, View
from synthboost.errors import DataError

RELEASE = "on-the-fly"
LOOKS_FOR = f"{HEARTS} beside {RECORD}"


def find_root(path: Path) -> Path | None:
    """The folder itself if hearts and settings are in it; else `None`."""
    return path if (path / HEARTS).is_file() and (path / RECORD).is_file() else None


def read_drawn(root: Path, allow_missing: bool = False) -> Dataset:
    """Read who is in the set at `root`; nothing is drawn. Nothing can be missing, whatever `allow_missing` says.

    Raises:
        DataError: settings or attributes are broken, or of another version of the simulator.
    """
    from synthboost.data.on_the_fly import Drawing, read_hearts  # here: other data sets need no simulator
    from synthboost.data.simulated_set import patient_name, release_name

    settings, rows = read_hearts(root)
    release = release_name(settings)
    files: dict[FrameKey, FrameFiles] = {}
    frames: list[FrameInfo] = []
    for row in rows:
        patient = PatientId(release, IMAGES, patient_name(row.number))
        drawing = FrameFiles(Path(RECORD), Path(RECORD), drawing=Drawing(row.number, settings))
        for view, phase in product(View, Phase):
            try:
                frames.append(FrameInfo(patient, view, phase, row.attributes(view), Domain.SIMULATED))
            except ValueError as error:
                raise DataError(root / HEARTS, patient.name, error, "attributes as CAMUS spells them") from error
            files[patient, view, phase] = drawing
    names = {patient_name(number) for number in settings.patient_numbers}
    if len(files) != len(frames) or {info.patient.name for info in frames} != names:
        raise DataError(root / HEARTS, "patients", len(frames) // 4, f"each of {settings.patients} once")
    official, lists = read_subgroups(root, release, IMAGES)
    return Dataset(
        root=root,
        release=release,
        frames=tuple(sorted(frames, key=lambda info: (info.patient, info.view, info.phase))),
        files=files,
        side_files=(Path(HEARTS), *lists),
        official=official,
    )
