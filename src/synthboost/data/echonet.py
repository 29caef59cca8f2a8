"""EchoNet-Dynamic: films, and the left ventricle traced in two frames of each.

Ouyang et al., Nature 580:252-256 (2020). What is read, and where it is known from: docs/data.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from synthboost.data.dataset import Dataset, FrameFiles
from synthboost.data.info_cfg import attributes_of
from synthboost.data.traces import area, filled
from synthboost.domain import Attributes, FrameInfo, LabelMap, PatientId, Phase, SplitPart, Structure, View
from synthboost.errors import DataError, shown
from synthboost.io.tables import count_of, number_of, read_lines

FILMS, LIST, TRACINGS = Path("Videos"), "FileList.csv", "VolumeTracings.csv"
LV = Structure.LEFT_VENTRICULAR_CAVITY
Outlines: TypeAlias = dict[str, dict[int, NDArray[np.float32]]]
"""Film -> frame, from 0 -> outline of the left ventricle, (N, 2) of (x, y) in pixels."""


@dataclass(frozen=True, eq=False)
class EchoNetDynamic(Dataset):
    """`Videos/*.avi` of the four-chamber view, one of each patient."""

    looks_for: ClassVar[str] = f"{LIST} and {TRACINGS} (X1, Y1, X2, Y2) beside {FILMS}/"
    RELEASE: ClassVar[str] = "echonet-dynamic"
    SPLIT: ClassVar[Mapping[str, SplitPart]] = dict(zip(("TRAIN", "VAL", "TEST"), SplitPart, strict=True))
    COORDINATES: ClassVar[tuple[str, ...]] = ("X1", "Y1", "X2", "Y2")
    KEYS: ClassVar[Mapping[str, str]] = {"EF": "EF"}
    """Key of an `Info_*.cfg` -> column of the list."""
    FOLDER: ClassVar[str] = "."
    """Where list, tracings and films are."""
    outlines: Mapping[tuple[PatientId, str], NDArray[np.float32]] = field(default_factory=dict)
    """By patient and name of the frame."""

    @classmethod
    def find_root(cls, path: Path) -> Path | None:
        """The folder itself if list and tracings of this kind are in it; else `None`."""
        return path if has_tracings(path, "X1") else None

    @classmethod
    def open(cls, root: Path, allow_missing: bool = False) -> Self:
        """Read list and tracings, no film. Of a film's tracings the one with the larger area is of the end diastole.

        Raises:
            DataError: a line is wrong, a film is listed twice or not at all but traced, or a film is absent (unless
                allowed: it is then left out).
        """
        base, folder = root / cls.FOLDER, Path(cls.FOLDER)
        outlines, ignored = cls._outlines(base / TRACINGS)
        present = {path.name for path in (base / FILMS).glob("*.avi")} if (base / FILMS).is_dir() else set()
        rows = list(cls._films(base / LIST))
        listed = {film for film, *_ in rows}
        if strange := sorted(outlines.keys() - listed):
            raise DataError(base / TRACINGS, "FileName", shown(strange), f"films of {LIST}")
        absent = [(folder / FILMS / film).as_posix() for film, *_ in rows if film not in present]
        files: dict[FrameInfo, FrameFiles] = {}
        kept: dict[tuple[PatientId, str], NDArray[np.float32]] = {}
        official: dict[SplitPart, list[PatientId]] = {part: [] for part in SplitPart}
        for film, part, attributes in rows:
            if film not in present or film not in outlines:
                ignored["films without a tracing"] += film in present
                continue
            patient = PatientId(cls.RELEASE, "Videos", film[: -len(".avi")])
            official[part].append(patient)
            for number, phase, outline in _by_phase(outlines[film]):
                info = FrameInfo(
                    patient, View.FOUR_CHAMBER, phase, attributes, number=number if phase is None else None,
                    structures=(LV,), spacing_known=False,
                )  # fmt: skip
                files[info] = FrameFiles(folder / FILMS / film, folder / TRACINGS, number)
                kept[patient, info.name] = outline
        split = {part: tuple(patients) for part, patients in official.items()}
        return cls.of(
            root, cls.RELEASE, files, absent, allow_missing, side_files=(folder / LIST,), official=split,
            ignored={what: count for what, count in ignored.items() if count} | cls._elsewhere(root), outlines=kept,
        )  # fmt: skip

    def label_map_of(self, info: FrameInfo, shape: tuple[int, ...]) -> tuple[LabelMap, None]:
        """Fill the frame's tracing, at whole pixels as the authors' code; see `Dataset.label_map_of`."""
        mask = filled(np.rint(self.outlines[info.patient, info.name]), shape)
        return mask.astype(np.uint8) * np.uint8(LV), None

    @classmethod
    def _films(cls, path: Path) -> Iterator[tuple[str, SplitPart, Attributes]]:
        seen = set[str]()
        for where, row in read_lines(path, "FileName", "EF", "Split"):
            film = row["FileName"] if row["FileName"].lower().endswith(".avi") else f"{row['FileName']}.avi"
            if film in seen:
                raise DataError(where, "FileName", f"{film} again", "each film once")
            seen.add(film)
            if row["Split"].upper() not in cls.SPLIT:
                raise DataError(where, "Split", repr(row["Split"][:60]), f"one of {', '.join(cls.SPLIT)}")
            said = cls._mended({key: row[name] for key, name in cls.KEYS.items() if row.get(name)})
            yield film, cls.SPLIT[row["Split"].upper()], attributes_of(where, said)

    @classmethod
    def _outlines(cls, path: Path) -> tuple[Outlines, Counter[str]]:
        """The tracings, and how many lines mean no frame."""
        points: defaultdict[str, defaultdict[int, list[tuple[float, ...]]]] = defaultdict(lambda: defaultdict(list))
        ignored: Counter[str] = Counter()
        for where, row in read_lines(path, "FileName", *cls.COORDINATES, "Frame"):
            if row["Frame"].startswith("No "):  # "No Systolic", "No Diastolic": not traced
                ignored[f"lines of tracings with the frame {row['Frame']}"] += 1
                continue
            place = points[row["FileName"]][count_of(where, "Frame", row["Frame"])]
            place.append(tuple(number_of(where, name, row[name], -1e5, 1e5) for name in cls.COORDINATES))
        outlines: Outlines = {}
        for film, frames in points.items():
            found = {number: cls._outline(np.array(lines, np.float32)) for number, lines in frames.items()}
            if short := [number for number, outline in found.items() if len(outline) < 3]:
                raise DataError(path, "tracing", f"{film}, frame {short[0]}: too few lines", "an outline with an area")
            outlines[film] = found
        return outlines, ignored

    @staticmethod
    def _outline(lines: NDArray[np.float32]) -> NDArray[np.float32]:
        """Down one side and up the other: the first line is the long axis, the others run across it."""
        return np.concatenate([lines[1:, :2], lines[:0:-1, 2:]])

    @staticmethod
    def _mended(said: dict[str, str]) -> dict[str, str]:
        return said

    @classmethod
    def _elsewhere(cls, root: Path) -> dict[str, int]:
        return {}


def has_tracings(folder: Path, first: str) -> bool:
    """Whether a list and tracings lie in the folder, whose coordinates begin with the column `first`."""
    path = folder / TRACINGS
    if not ((folder / LIST).is_file() and path.is_file()):
        return False
    with path.open("rb") as handle:
        head = handle.readline(1024).decode("utf-8", errors="replace").lstrip("\ufeff")
    return first in [name.strip() for name in head.split(",")]


def _by_phase(outlines: Mapping[int, NDArray[np.float32]]) -> Iterator[tuple[int, Phase | None, NDArray[np.float32]]]:
    """Number, phase and outline of each frame: the largest is the end diastole, the smallest the end systole."""
    by_area = sorted(outlines, key=lambda number: (-area(outlines[number]), number))
    phases = {by_area[0]: Phase.END_DIASTOLE, by_area[-1]: Phase.END_SYSTOLE} if len(by_area) > 1 else {}
    for number in sorted(outlines):
        yield number, phases.get(number), outlines[number]
