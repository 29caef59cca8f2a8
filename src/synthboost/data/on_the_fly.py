"""Simulated frames that are drawn when they are read: a folder of settings and attributes, without an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.lists import IMAGES, read_split_lists
from synthboost.domain import Attributes, Domain, Frame, FrameInfo, PatientId, Phase, Quality, Sex, View
from synthboost.errors import DataError
from synthboost.io.tables import read_typed

if TYPE_CHECKING:
    from synthboost.simulator.settings import SimulationSettings

RECORD = "simulation.json"
"""At the root: the settings. In a patient's folder: what is known of the patient besides CAMUS' keys."""
HEARTS = "hearts.csv"
"""Who is in the set."""


@dataclass(frozen=True)
class HeartRow:
    """One patient, as `Info_*.cfg` would have it."""

    number: int
    sex: str
    age: int
    quality_2ch: str
    quality_4ch: str
    ejection_fraction: int
    """Of the label maps by CAMUS' algorithm, percent."""
    wall_thickness_mm: float | None = None
    """Of the label maps at end diastole."""


class OnTheFly(Dataset):
    """What `data.simulated_set` writes. The simulator is loaded here alone: other data sets do not need it."""

    looks_for: ClassVar[str] = f"{HEARTS} beside {RECORD}"
    has_images: ClassVar[bool] = False

    @cached_property
    def settings(self) -> SimulationSettings:
        """What is simulated."""
        from synthboost.data.simulated_set import settings_of

        return settings_of(self.root)

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder itself if hearts and settings are in it; else `None`."""
        return path if (path / HEARTS).is_file() and (path / RECORD).is_file() else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read who is in the set; nothing is drawn. Nothing can be missing, whatever `allow_missing` says.

        Raises:
            DataError: settings or attributes are broken, or of another version of the simulator.
        """
        from synthboost.data.simulated_set import patient_name, release_name, settings_of

        settings = settings_of(root)
        release = release_name(settings)
        frames = tuple(_frames(root, release))
        names = {patient_name(number) for number in settings.patient_numbers}
        if len(set(frames)) != len(frames) or {info.patient.name for info in frames} != names:
            raise DataError(root / HEARTS, "patients", len(frames) // 4, f"each of {settings.patients} once")
        official, lists = read_split_lists(root, release, IMAGES)
        files = dict.fromkeys(frames, FrameFiles(Path(RECORD), Path(RECORD)))
        return cls.of(root, release, files, side_files=(Path(HEARTS), *lists), official=official)

    def read(self, info: FrameInfo, annotated: bool) -> Frame:
        """Draw one frame: the same pixels and masks as a set on disk has; see `Dataset.read`."""
        from synthboost.simulator.render import simulate_frame

        self.files_of(info)
        drawn = simulate_frame(int(info.patient.name.removeprefix("patient")), self.settings, info.view, info.phase)
        return Frame(info, drawn.image, drawn.label_map if annotated else None, drawn.spacing_mm)


def _frames(root: Path, release: str) -> Iterator[FrameInfo]:
    for row in read_typed(root / HEARTS, HeartRow):
        patient = PatientId(release, IMAGES, f"patient{row.number:04d}")
        fraction, wall = float(row.ejection_fraction), row.wall_thickness_mm
        for view, phase in product(View, Phase):
            quality = row.quality_2ch if view is View.TWO_CHAMBER else row.quality_4ch
            try:
                known = Attributes(Sex(row.sex), row.age, Quality(quality), fraction, wall)
                yield FrameInfo(patient, view, phase, known, Domain.SIMULATED)
            except ValueError as error:
                raise DataError(root / HEARTS, patient.name, error, "attributes as CAMUS spells them") from error
